//! `RUST_LOG` for the examples: what the runtime says of itself, on stderr, and nothing unless asked.
//!
//! `RUST_LOG=sortie=trace` shows every transition, retake and hand-off. Without the variable there is
//! no filter and no subscriber, so that the runtime runs as it does in a program without logs.

use std::error::Error;
use std::io::IsTerminal;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, fmt};

/// Whether logs were asked for: they share the terminal with what else goes to stderr.
pub(crate) fn is_on() -> bool {
    std::env::var_os(EnvFilter::DEFAULT_ENV).is_some_and(|directives| !directives.is_empty())
}

/// The layer that writes what `RUST_LOG` asks for; `None` if it asks for nothing.
pub(crate) fn layer<S>() -> Result<Option<impl Layer<S> + Send + Sync>, Box<dyn Error>>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    if !is_on() {
        return Ok(None);
    }
    let filter = EnvFilter::try_from_default_env().map_err(|error| {
        format!("RUST_LOG: {error}; expected what to show, such as `sortie=trace`")
    })?;
    let lines =
        fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    Ok(Some(lines.with_filter(filter)))
}
