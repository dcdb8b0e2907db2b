//! Expected records, as data: their form, and how a record is compared with one.
//!
//! A line is `<task> <Method>(<arguments>) = <RESULT> [<layers>]`, or `<task> | <note>`; a thread without a task is
//! `-`. Lines that begin with `#` are comments, with `@` directions:
//!
//! | direction | says |
//! |---|---|
//! | `@ order per-task` | what different tasks do may be in any order; else the order is that of the file |
//! | `@ only A B` | of calls only those of these methods are compared; else all |
//! | `@ without TEXT` | lines with this text are not compared |
//! | `@ fibers`, `@ threads`, `@ both` | what follows is for this mode |

use crate::stage::Mode;
use crate::trace::{Event, Trace, shortest_name};
use std::collections::BTreeMap;

/// What is expected of a scenario in a mode.
pub(crate) struct Expected {
    lines: Vec<String>,
    per_task: bool,
    only: Vec<String>,
    without: Vec<String>,
}

impl Expected {
    pub(crate) fn parse(text: &str, mode: Mode) -> Expected {
        let mut expected =
            Expected { lines: Vec::new(), per_task: false, only: Vec::new(), without: Vec::new() };
        let mut applies = true;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(direction) = line.strip_prefix('@') {
                let words: Vec<&str> = direction.split_whitespace().collect();
                match words[..] {
                    ["order", "per-task"] => expected.per_task = true,
                    ["only", ref methods @ ..] => {
                        expected.only.extend(methods.iter().map(|name| (*name).to_owned()));
                    }
                    ["without", ref words @ ..] => expected.without.push(words.join(" ")),
                    ["fibers"] => applies = mode == Mode::Fibers,
                    ["threads"] => applies = mode == Mode::Threads,
                    ["both"] => applies = true,
                    _ => panic!("a direction that means nothing: {line}"),
                }
            } else if !line.starts_with('#') && applies {
                expected.lines.push(line.to_owned());
            }
        }
        expected
    }

    fn shows(&self, event: &Event) -> bool {
        match event {
            Event::Note(_) => true,
            Event::Call { method, .. } => {
                self.only.is_empty() || self.only.contains(&shortest_name(*method))
            }
        }
    }

    /// Where the record differs.
    ///
    /// # Errors
    /// The first difference, in words.
    pub(crate) fn compare(&self, trace: &Trace) -> Result<(), String> {
        let mut seen = trace.lines(|event| self.shows(event));
        seen.retain(|line| !self.without.iter().any(|text| line.contains(text)));
        if !self.per_task {
            return compare(&self.lines, &seen);
        }
        let (expected, seen) = (by_task(&self.lines), by_task(&seen));
        let tasks = expected.keys().chain(seen.keys().filter(|task| !expected.contains_key(*task)));
        for task in tasks {
            let of = |lines: &BTreeMap<String, Vec<String>>| {
                lines.get(task).cloned().unwrap_or_default()
            };
            compare(&of(&expected), &of(&seen))?;
        }
        Ok(())
    }
}

fn by_task(lines: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut tasks: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        let task = line.split(' ').next().unwrap_or_default();
        tasks.entry(task.to_owned()).or_default().push(line.clone());
    }
    tasks
}

fn compare(expected: &[String], seen: &[String]) -> Result<(), String> {
    let differs = expected.iter().zip(seen).position(|(expected, seen)| expected != seen);
    let at = differs.unwrap_or(expected.len().min(seen.len()));
    match (expected.get(at), seen.get(at)) {
        (None, None) => Ok(()),
        (expected, seen) => Err(format!(
            "event {}: expected `{}`, and there was `{}`",
            at + 1,
            expected.map_or("nothing more", String::as_str),
            seen.map_or("nothing more", String::as_str)
        )),
    }
}
