//! What the commands print.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Prints to standard output, a line or several. Whoever has closed it, as `head` does, has seen enough. False: it cannot be
/// printed, which is said on standard error.
#[must_use]
pub(crate) fn print(text: impl Display) -> bool {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("error: standard output: {error}");
            false
        }
        _ => true,
    }
}

/// 0 if all was well, else 1.
pub(crate) fn code(is_good: bool) -> ExitCode {
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
