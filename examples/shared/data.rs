//! Files of figures, which are written at the end.

use std::error::Error;
use std::fs::OpenOptions;
use std::path::Path;

/// Can the file be written, if one was asked for? Asked before the work begins; a new file stays empty until then.
pub(crate) fn check(path: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let Some(path) = path else { return Ok(()) };
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(|error| refused(path, &error))?;
    Ok(())
}

/// Writes the figures, if a file was asked for.
pub(crate) fn write(
    path: Option<&Path>,
    figures: &serde_json::Value,
) -> Result<(), Box<dyn Error>> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, format!("{figures:#}\n")).map_err(|error| refused(path, &error).into())
}

fn refused(path: &Path, error: &std::io::Error) -> String {
    format!("--json {}: {error}; expected a file that can be written", path.display())
}
