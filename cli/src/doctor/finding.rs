//! A finding: one thing that was looked at, its value, and what follows from it.

use serde::Serialize;
use std::fmt;

/// How a value is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// Works, and there is something to know.
    Note,
    /// Something that the runtime promises will be slower, smaller or missing.
    Warning,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Warning => "warning",
        })
    }
}

/// See the module. The names of the fields are those of the JSON.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) section: &'static str,
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) verdict: Verdict,
    /// What follows, in a sentence.
    pub(crate) follows: String,
}

/// Makes the findings of one section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section(pub(crate) &'static str);

impl Section {
    pub(crate) fn ok(
        self,
        name: &'static str,
        value: impl Into<String>,
        follows: impl Into<String>,
    ) -> Finding {
        self.finding(Verdict::Ok, name, value, follows)
    }

    pub(crate) fn note(
        self,
        name: &'static str,
        value: impl Into<String>,
        follows: impl Into<String>,
    ) -> Finding {
        self.finding(Verdict::Note, name, value, follows)
    }

    pub(crate) fn warning(
        self,
        name: &'static str,
        value: impl Into<String>,
        follows: impl Into<String>,
    ) -> Finding {
        self.finding(Verdict::Warning, name, value, follows)
    }

    /// What could not be looked at.
    pub(crate) fn unknown(self, name: &'static str, error: impl fmt::Display) -> Finding {
        self.note(
            name,
            "unknown",
            format!("It could not be read ({error}), and is taken for usual."),
        )
    }

    pub(crate) fn finding(
        self,
        verdict: Verdict,
        name: &'static str,
        value: impl Into<String>,
        follows: impl Into<String>,
    ) -> Finding {
        Finding { section: self.0, name, value: value.into(), verdict, follows: follows.into() }
    }
}
