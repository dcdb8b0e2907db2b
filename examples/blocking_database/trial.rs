//! One trial: tasks compute, alone or beside tasks that query.

use crate::compute::{Computing, Pace};
use crate::database::{Database, Door};
use crate::progress::Steps;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) queries: u32,
    pub(crate) rounds: u32,
    pub(crate) rows: u32,
    pub(crate) computing: u16,
    pub(crate) alone: Duration,
}

/// What goes on beside the computing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    /// Nothing.
    Alone,
    /// Queries that the runtime knows of.
    Announced,
    /// Queries that it does not know of.
    Plain,
}

/// What came of it.
pub(crate) struct Trial {
    pub(crate) took: Duration,
    pub(crate) pace: Pace,
    /// Tasks whose queries all had the right result.
    pub(crate) right: u32,
    /// What went wrong with the others.
    pub(crate) wrong: Vec<String>,
}

impl Plan {
    /// How many steps a trial reports.
    pub(crate) fn steps(&self, how: How) -> u64 {
        match how {
            How::Alone => 1,
            How::Announced | How::Plain => self.queries.into(),
        }
    }
}

impl Trial {
    /// Runs it. To be run as a task.
    pub(crate) fn run(plan: Plan, how: How, path: &Path, steps: &Steps) -> Trial {
        let start = Instant::now();
        let computing = Computing::start(plan.computing);
        let results = match how {
            How::Alone => {
                sortie::sleep(plan.alone);
                Vec::new()
            }
            How::Announced => queries(plan, Door::Announced, path, steps),
            How::Plain => queries(plan, Door::Plain, path, steps),
        };
        let took = start.elapsed();
        let mut trial = Trial { took, pace: Pace::default(), right: 0, wrong: Vec::new() };
        match computing.stop() {
            Ok(pace) => trial.pace = pace,
            Err(error) => trial.wrong.push(format!("computing failed: {error}")),
        }
        for result in results {
            match result {
                Ok(()) => trial.right += 1,
                Err(wrong) => trial.wrong.push(wrong),
            }
        }
        trial
    }
}

/// All queries at once, each a task.
fn queries(plan: Plan, door: Door, path: &Path, steps: &Steps) -> Vec<Result<(), String>> {
    let database = match Database::create(door, path) {
        Ok(database) => Arc::new(database),
        Err(error) => return vec![Err(format!("no database at {}: {error}", path.display()))],
    };
    let tasks = (0..plan.queries).map(|task| {
        let (database, steps) = (database.clone(), steps.clone());
        sortie::spawn(move || {
            let result = query(&database, task, plan);
            steps.step();
            result
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let results = tasks.into_iter().enumerate().map(|(task, handle)| {
        let result = handle.join().map_err(|error| error.to_string());
        result.flatten().map_err(|error| format!("query {task}: {error}"))
    });
    let mut results: Vec<_> = results.collect();
    let expected = i64::from(plan.queries) * i64::from(plan.rounds) * i64::from(plan.rows);
    match Arc::into_inner(database).map(Database::end) {
        Some(Ok(found)) if found == expected => {}
        end => results.push(Err(format!("values in the end: {end:?}, expected {expected}"))),
    }
    results
}

/// One task's queries: in each round it writes values, and reads the sum of all it wrote.
fn query(database: &Database, task: u32, plan: Plan) -> Result<(), String> {
    let said = |error: rusqlite::Error| error.to_string();
    let mut reader = database.open().map_err(said)?;
    for round in 1..=i64::from(plan.rounds) {
        database.write(task, plan.rows).map_err(said)?;
        let found = database.read(&mut reader, task).map_err(said)?;
        let rows = i64::from(plan.rows);
        let expected = (round * rows, round * (rows * (rows + 1) / 2));
        if found != expected {
            return Err(format!("count and sum are {found:?}, expected {expected:?}"));
        }
    }
    database.close(reader).map_err(said)
}
