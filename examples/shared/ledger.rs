//! The runtime's ledger as the examples show it: what the calls of each native function cost.
//!
//! `Snapshot::targets` has a row for each target. Those of one name are told together, for a program
//! may make a new target for each trial. Times of which a part of the calls did not take longer cannot
//! be added up, so a name with several targets has none.
//!
//! Columns that have nothing to tell in any row are left out: the table is to fit a screen.

use super::table::{count, table};
use super::time::time;
use serde_json::{Value, json};
use sortie::native::Class;
use sortie::{Snapshot, TargetRow};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A snapshot's ledger, to be shown.
pub(crate) struct Ledger<'a>(pub(crate) &'a Snapshot);

impl Ledger<'_> {
    fn entries(&self) -> Vec<Entry> {
        let mut entries = BTreeMap::<_, Entry>::new();
        for row in &self.0.targets {
            let entry = entries.entry((&row.library, &row.symbol));
            entry.and_modify(|entry| entry.add(row)).or_insert_with(|| Entry::new(row));
        }
        entries.into_values().collect()
    }

    fn table(&self) -> comfy_table::Table {
        let entries = self.entries();
        let columns = COLUMNS.iter().filter(|column| {
            column.always || entries.iter().any(|entry| (column.cell)(entry).is_some())
        });
        let columns: Vec<_> = columns.collect();
        let heads: Vec<_> = columns.iter().map(|column| column.head).collect();
        let words = columns.iter().filter(|column| column.is_word).count();
        let mut table = table(&heads, words);
        for entry in &entries {
            table.add_row(columns.iter().map(|column| {
                let nothing = if column.is_word { "?" } else { "-" };
                (column.cell)(entry).unwrap_or_else(|| nothing.into())
            }));
        }
        table
    }

    /// The same as data, an object for each name.
    pub(crate) fn json(&self) -> Value {
        self.entries().iter().map(Entry::json).collect()
    }
}

/// The table, and the counts of the whole runtime that go with it.
impl fmt::Display for Ledger<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.table())?;
        writeln!(f, "carriers used: {}", self.0.carriers_started)?;
        writeln!(f, "retakes: {}", count(self.0.retakes))?;
        write!(f, "hand-offs: {}", count(self.0.hand_offs))
    }
}

/// The rows of one name.
struct Entry {
    /// The sums and the longest times. What only one target can tell is that of the first.
    sum: TargetRow,
    targets: u64,
    /// What all of them are.
    class: Option<Class>,
}

impl Entry {
    fn new(row: &TargetRow) -> Entry {
        Entry { sum: row.clone(), targets: 1, class: Some(row.class) }
    }

    fn add(&mut self, row: &TargetRow) {
        let Entry { sum, targets, class } = self;
        *targets += 1;
        *class = class.filter(|class| *class == row.class);
        sum.calls += row.calls;
        sum.timed += row.timed;
        sum.total += row.total;
        sum.longest = sum.longest.max(row.longest);
        sum.blocked += row.blocked;
        sum.burned += row.burned;
        sum.retakes += row.retakes;
        sum.hand_offs += row.hand_offs;
        sum.offloads += row.offloads;
        sum.callbacks += row.callbacks;
        sum.running += row.running;
        sum.longest_running = sum.longest_running.max(row.longest_running);
    }

    /// What only the row of one target can tell.
    fn alone<T>(&self, value: T) -> Option<T> {
        (self.targets == 1).then_some(value)
    }

    fn json(&self) -> Value {
        let Entry { sum, targets, class } = self;
        json!({
            "library": sum.library,
            "symbol": sum.symbol,
            "targets": targets,
            "address": self.alone(format!("{:#x}", sum.address)),
            "class": class.map(Class::name),
            "calls": sum.calls,
            "timed": sum.timed,
            "mean_ns": ns(sum.mean()),
            "p50_ns": self.alone(sum.p50).map(ns),
            "p99_ns": self.alone(sum.p99).map(ns),
            "longest_ns": ns(sum.longest),
            "total_ns": ns(sum.total),
            "blocked": sum.blocked,
            "burned": sum.burned,
            "retakes": sum.retakes,
            "hand_offs": sum.hand_offs,
            "offloads": sum.offloads,
            "callbacks": sum.callbacks,
            "running": sum.running,
            "longest_running_ns": sum.longest_running.map(ns),
        })
    }
}

/// A column of the table.
struct Column {
    head: &'static str,
    /// Words stand to the left of the numbers.
    is_word: bool,
    /// It is there even if no row has anything in it.
    always: bool,
    /// `None`: nothing to tell.
    cell: fn(&Entry) -> Option<String>,
}

const fn word(head: &'static str, always: bool, cell: fn(&Entry) -> Option<String>) -> Column {
    Column { head, is_word: true, always, cell }
}

const fn number(head: &'static str, always: bool, cell: fn(&Entry) -> Option<String>) -> Column {
    Column { head, is_word: false, always, cell }
}

const COLUMNS: [Column; 15] = [
    word("library", false, |entry| entry.sum.library.clone()),
    word("symbol", true, |entry| entry.sum.symbol.clone()),
    word("class", true, |entry| Some(entry.class.map_or("several", Class::name).to_owned())),
    number("targets", false, |entry| (entry.targets > 1).then(|| count(entry.targets))),
    number("calls", true, |entry| Some(count(entry.sum.calls))),
    number("p50", true, |entry| entry.alone(entry.sum.p50).map(time)),
    number("p99", true, |entry| entry.alone(entry.sum.p99).map(time)),
    number("longest", true, |entry| Some(time(entry.sum.longest))),
    number("total", true, |entry| Some(time(entry.sum.total))),
    // Of the long ones.
    number("blocked/burned", true, |Entry { sum, .. }| {
        (sum.blocked + sum.burned > 0)
            .then(|| format!("{}/{}", count(sum.blocked), count(sum.burned)))
    }),
    number("taken back", true, |entry| Some(count(entry.sum.retakes))),
    number("handed over", true, |entry| Some(count(entry.sum.hand_offs))),
    number("offloaded", false, |entry| some(entry.sum.offloads).map(count)),
    number("callbacks", false, |entry| some(entry.sum.callbacks).map(count)),
    // Now, and the longest of them since when.
    number("running", true, |Entry { sum, .. }| {
        let longest = time(sum.longest_running.unwrap_or_default());
        some(sum.running).map(|running| format!("{} for {longest}", count(running)))
    }),
];

fn some(count: u64) -> Option<u64> {
    (count > 0).then_some(count)
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
