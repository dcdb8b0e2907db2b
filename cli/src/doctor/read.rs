//! Files of one value, which may not be there.

use std::fs;
use std::io;
use std::path::Path;

/// The text of a small file, trimmed.
pub(crate) fn text(path: impl AsRef<Path>) -> io::Result<String> {
    Ok(fs::read_to_string(path)?.trim().to_owned())
}

/// The number in a small file.
pub(crate) fn number(path: impl AsRef<Path>) -> io::Result<u64> {
    let text = text(path)?;
    text.parse()
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("{text:?} is no number")))
}

/// Bytes, for people.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// A number, for people.
pub(crate) fn count(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}
