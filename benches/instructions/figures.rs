//! What is committed, and what is more than that.

use serde_json::{Map, Value, json};
use std::io;
use std::path::{Path, PathBuf};

/// What one operation of a piece costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) instructions: f64,
    /// Of these, those that are locked, or fences.
    pub(crate) locked: f64,
}

/// So much more is an error.
const GROWTH: f64 = 0.03;

/// What goes on beside the pieces may have locked instructions: a few in a hundred operations.
const LOCKED_MORE: f64 = 0.2;

impl Figures {
    /// What is beyond the committed figures, in words.
    pub(crate) fn beyond(&self, committed: Option<Figures>) -> Vec<String> {
        let Some(before) = committed else {
            return vec!["nothing is committed of it".to_owned()];
        };
        let mut complaints = Vec::new();
        let limit = before.instructions * (1.0 + GROWTH);
        if self.instructions > limit {
            complaints.push(format!(
                "{:.1} instructions, and at most {limit:.1} are allowed ({:.1} and {:.0} %)",
                self.instructions,
                before.instructions,
                100.0 * GROWTH
            ));
        }
        if self.locked > before.locked + LOCKED_MORE {
            complaints.push(format!(
                "{:.2} locked instructions or fences, where there were {:.2}",
                self.locked, before.locked
            ));
        }
        complaints
    }
}

/// The file.
pub(crate) struct Committed(Map<String, Value>);

impl Committed {
    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/committed.json")
    }

    pub(crate) fn read() -> io::Result<Committed> {
        match std::fs::read(Committed::path()) {
            Ok(text) => Ok(Committed(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Committed(Map::new())),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn of(&self, piece: &str) -> Option<Figures> {
        let figure = |name: &str| self.0.get(piece)?.get(name)?.as_f64();
        Some(Figures { instructions: figure("instructions")?, locked: figure("locked")? })
    }

    pub(crate) fn set(&mut self, piece: &str, figures: Figures) {
        let Figures { instructions, locked } = figures;
        let figures = json!({ "instructions": instructions, "locked": locked });
        self.0.insert(piece.to_owned(), figures);
    }

    pub(crate) fn write(&self) -> io::Result<()> {
        std::fs::write(Committed::path(), format!("{:#}\n", Value::Object(self.0.clone())))
    }
}
