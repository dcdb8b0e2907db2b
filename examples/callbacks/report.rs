//! What the example prints, as a table and as data.

use crate::scene::Outcome;
use crate::table::{count, table};
use crate::time::time;
use serde_json::{Value, json};
use sortie::native::Callbacks;
use std::fmt;

/// The most threads that suspended tasks may take.
const MOST_CARRIERS: usize = 4;

/// See the module.
pub(crate) struct Report {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) workers: usize,
}

fn kind(callbacks: Callbacks) -> &'static str {
    match callbacks {
        Callbacks::Block => "Block",
        Callbacks::Suspend => "Suspend",
        Callbacks::Migrate => "Migrate",
    }
}

impl Report {
    /// What is not as promised.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for outcome in &self.outcomes {
            let scene = outcome.scene;
            let name = format!("{}, {}", scene.function.name(), kind(scene.callbacks));
            if outcome.values_right != scene.tasks {
                wrong.push(format!("{name}: {} values of {}", outcome.values_right, scene.tasks));
            }
            if outcome.most_inside != scene.tasks {
                wrong.push(format!("{name}: {} were in at once", outcome.most_inside));
            }
            let most = MOST_CARRIERS.max(2 * self.workers);
            if scene.callbacks != Callbacks::Block && outcome.carriers > most {
                wrong.push(format!("{name}: {} carriers, and {most} wanted", outcome.carriers));
            }
        }
        wrong
    }

    pub(crate) fn json(&self) -> Value {
        let rows = self.outcomes.iter().map(|outcome| {
            json!({
                "function": outcome.scene.function.name(),
                "callbacks": kind(outcome.scene.callbacks),
                "tasks": outcome.scene.tasks,
                "workers": outcome.scene.workers,
                "stack_bytes": outcome.scene.stack_bytes,
                "migrating": outcome.scene.migrating,
                "most_suspended": outcome.most_inside,
                "carriers": outcome.carriers,
                "bytes_per_task": outcome.bytes_per_task,
                "in_after_ns": outcome.in_after.as_nanos() as u64,
                "took_ns": outcome.took.as_nanos() as u64,
                "values_right": outcome.values_right,
            })
        });
        Value::Array(rows.collect())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Tasks that wait in a callback, with frames of C below; {} workers\n",
            self.workers
        )?;
        let heads = [
            "function",
            "callbacks",
            "tasks",
            "most in at once",
            "carriers",
            "memory a task",
            "all in after",
            "took",
        ];
        let mut rows = table(&heads, 2);
        for outcome in &self.outcomes {
            rows.add_row([
                outcome.scene.function.name().to_owned(),
                kind(outcome.scene.callbacks).to_owned(),
                count(outcome.scene.tasks as u64),
                count(outcome.most_inside as u64),
                count(outcome.carriers as u64),
                format!("{} B", count(outcome.bytes_per_task as u64)),
                time(outcome.in_after),
                time(outcome.took),
            ]);
        }
        write!(f, "{rows}")
    }
}
