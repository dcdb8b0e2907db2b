//! How the findings are printed.

use super::finding::{Finding, Verdict};
use crate::output::wrapped;
use serde_json::json;
use std::fmt::Write;

/// Columns of a line, at which sentences are broken.
const WIDTH: usize = 100;
const INDENT: &str = "          ";

/// For people: a section a paragraph, a finding two lines or more.
pub(crate) fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut section = "";
    for finding in findings {
        if finding.section != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            section = finding.section;
            put(&mut text, format_args!("{gap}{section}\n"));
        }
        let Finding { verdict, name, value, follows, .. } = finding;
        put(&mut text, format_args!("  {verdict:7} {name}: {value}\n"));
        for line in wrapped(follows, WIDTH - INDENT.len()) {
            put(&mut text, format_args!("{INDENT}{line}\n"));
        }
    }
    let count = |verdict| findings.iter().filter(|it| it.verdict == verdict).count();
    let (notes, warnings) = (count(Verdict::Note), count(Verdict::Warning));
    put(&mut text, format_args!("\nwarnings: {warnings}, notes: {notes}\n"));
    text
}

/// For programs.
pub(crate) fn json(findings: &[Finding], starts: bool) -> String {
    format!("{:#}", json!({ "starts": starts, "findings": findings }))
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes all text");
}
