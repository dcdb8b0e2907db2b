//! A copy of the workspace with some of its lines changed, to be built beside it.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// A text in a file of the workspace's, and what takes its place.
pub(crate) struct Change {
    pub(crate) file: &'static str,
    /// Is there once.
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

/// Packages of two workspaces that are called the same are mixed up in one build directory: the
/// changed ones have another version. 0.1.0 becomes 90.1.0.
const VERSION: Change = Change {
    file: "Cargo.toml",
    from: "[workspace.package]\nversion = \"",
    to: "[workspace.package]\nversion = \"9",
};

/// Copies the workspace at `root` to `copy`, with the changes.
pub(crate) fn copy(root: &Path, copy: &Path, changes: &[Change]) {
    let all: Vec<_> = changes.iter().chain([&VERSION]).collect();
    copy_changed(root, Path::new(""), copy, &all);
}

/// Copies what has to be copied, so that what was built before stays as new as it was.
fn copy_changed(root: &Path, below: &Path, copy: &Path, changes: &[&Change]) {
    fs::create_dir_all(copy.join(below)).expect("a directory");
    remove_gone(&root.join(below), &copy.join(below));
    for entry in fs::read_dir(root.join(below)).expect("a directory of the workspace") {
        let entry = entry.expect("an entry");
        let (path, below) = (entry.path(), below.join(entry.file_name()));
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // The copy lies in what is built, which is not to be copied into itself.
        let is_built = copy.starts_with(&path) || path.join("CACHEDIR.TAG").exists();
        if is_hidden || is_built {
            continue;
        }
        if path.is_dir() {
            copy_changed(root, &below, copy, changes);
            continue;
        }
        let mut bytes = fs::read(&path).expect("a file of the workspace");
        for change in changes.iter().filter(|change| OsStr::new(change.file) == below) {
            bytes = change.applied(&String::from_utf8(bytes).expect("a text")).into_bytes();
        }
        let place = copy.join(&below);
        if fs::read(&place).ok().as_ref() != Some(&bytes) {
            fs::write(&place, bytes).expect("a copy");
        }
    }
}

/// What is not in the workspace any more goes from the copy: a module may have been a file and be a directory now.
fn remove_gone(original: &Path, copy: &Path) {
    for entry in fs::read_dir(copy).expect("a directory of the copy") {
        let path = entry.expect("an entry").path();
        let counterpart = original.join(path.file_name().expect("an entry has a name"));
        let is_gone = !counterpart.exists() || counterpart.is_dir() != path.is_dir();
        if is_gone && path.is_dir() {
            fs::remove_dir_all(&path).expect("a directory of the copy");
        } else if is_gone && path.file_name() != Some(OsStr::new("Cargo.lock")) {
            fs::remove_file(&path).expect("a file of the copy");
        }
    }
}

impl Change {
    fn applied(&self, text: &str) -> String {
        let found = text.matches(self.from).count();
        assert_eq!(found, 1, "{}: there once, to be changed: {}", self.file, self.from);
        text.replacen(self.from, self.to, 1)
    }
}
