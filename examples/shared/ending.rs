//! How an example ends: what went wrong is a line on stderr, and whether all was well is the exit code.

use std::error::Error;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Runs the program, which says whether all was well: 0 if it was, else 1.
pub(crate) fn of(program: impl FnOnce() -> Result<bool, Box<dyn Error>>) -> ExitCode {
    match program() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints to stdout. Whoever has closed it, as `head` does, has seen enough.
pub(crate) fn print(text: impl Display) -> Result<(), Box<dyn Error>> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("stdout: {error}").into())
        }
        _ => Ok(()),
    }
}
