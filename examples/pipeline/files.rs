//! Which files there are.

use std::path::{Path, PathBuf};

/// A file, and how large it was when it was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// The file, or all files below the directory, in the order of their paths. Links are not followed, and what is neither is
/// left out, unless it is all that was asked for.
pub(crate) fn below(root: &Path) -> Result<Vec<Found>, String> {
    let told = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path}: {error}")
    };
    let mut found = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let data = path.symlink_metadata().map_err(told(&path))?;
        if data.is_file() {
            found.push(Found { bytes: data.len(), path });
        } else if data.is_dir() {
            for entry in path.read_dir().map_err(told(&path))? {
                let entry = entry.map_err(told(&path))?;
                let name = entry.file_name();
                if name != "target" && !name.as_encoded_bytes().starts_with(b".") {
                    left.push(entry.path());
                }
            }
        } else if path == root {
            return Err(format!("{}: neither a file nor a directory", path.display()));
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(found)
}
