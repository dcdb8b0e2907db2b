//! The texts: read from files, or made up.

use sortie::Runtime;
use sortie::native::{self, Target};
use sortie::task::par;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// How many files are read at once.
const READERS: usize = 32;

static READ: Target = Target::named("reading a file");

/// What is searched.
pub(crate) struct Corpus {
    pub(crate) texts: Vec<Text>,
    /// Files that are no text, or could not be read.
    pub(crate) skipped: usize,
}

/// One file.
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) content: String,
}

impl Corpus {
    /// Reads the files of these paths, many at once, and leaves out what is no text.
    pub(crate) fn read(runtime: &Runtime, paths: &[PathBuf]) -> Result<Corpus, Box<dyn Error>> {
        let mut files = Vec::new();
        for path in paths {
            add_files(path, &mut files).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        files.sort();
        let read = |path: &PathBuf| {
            let content = native::call(&READ, || fs::read(path)).ok()?;
            let content = String::from_utf8(content).ok()?;
            Some(Text { name: path.display().to_string(), content })
        };
        // A scope from outside lends `files` to a task.
        let texts: Vec<_> =
            runtime.scope(|s| s.spawn(|| par::tasks(READERS).map(&files, read)).join_or_raise());
        let skipped = texts.iter().filter(|text| text.is_none()).count();
        Ok(Corpus { texts: texts.into_iter().flatten().collect(), skipped })
    }

    /// Makes up so many bytes: the same each time.
    pub(crate) fn made_up(bytes: usize) -> Corpus {
        const WORDS: [&str; 16] = [
            "the", "fort", "and", "its", "garrison", "of", "a", "sortie", "at", "dawn", "came",
            "back", "by", "last", "gate", "night",
        ];
        const TEXT: usize = 1 << 20;
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut word = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            WORDS[(state >> 33) as usize % WORDS.len()]
        };
        let mut text = |number: usize, bytes: usize| {
            let mut content = String::with_capacity(bytes + 64);
            while content.len() < bytes {
                for _ in 0..10 {
                    content.push_str(word());
                    content.push(' ');
                }
                content.push('\n');
            }
            Text { name: format!("text {number}"), content }
        };
        let texts = (0..bytes.div_ceil(TEXT)).map(|number| text(number, TEXT.min(bytes))).collect();
        Corpus { texts, skipped: 0 }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.texts.iter().map(|text| text.content.len()).sum()
    }
}

fn add_files(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    // A link is not followed: it might lead back.
    if !path.symlink_metadata()?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            add_files(&entry.path(), files)?;
        } else if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
