//! SQLite calls functions that are written in Rust, and they wait as any task's code may: in place, or
//! suspended with SQLite's frames.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use sortie::native::{self, Callbacks, Policy, Target};
use sortie_test::{each, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

static BLOCKS: Target = Target::named("sqlite3_step");
// SAFETY: each connection is its task's alone, so the lock that SQLite holds over a function is as well; it
// is the owner's again where the task goes on, on the same thread.
static SUSPENDS: Target = Target::named("sqlite3_step, suspends")
    .with_policy(unsafe { Policy::new().callbacks(Callbacks::Suspend) });

/// A database in memory with the numbers from 1 to `rows`, and the SQL function `through`.
fn database(rows: u32, through: impl Fn(i64) -> i64 + Send + 'static) -> Connection {
    let database = Connection::open_in_memory().unwrap();
    database
        .create_scalar_function("through", 1, FunctionFlags::SQLITE_UTF8, move |context| {
            let n = context.get::<i64>(0)?;
            Ok(native::callback(-1, || through(n)))
        })
        .unwrap();
    database.execute_batch("create table numbers (n integer not null)").unwrap();
    for n in 1..=rows {
        database.execute("insert into numbers values (?)", [n]).unwrap();
    }
    database
}

fn sum(target: &Target, database: &Connection) -> i64 {
    native::call_here(target, || {
        database.query_row("select sum(through(n)) from numbers", [], |row| row.get(0)).unwrap()
    })
}

#[test]
fn they_sleep_and_join() {
    each(|runtime| {
        for target in [&BLOCKS, &SUSPENDS] {
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    runtime.spawn(|| {
                        let database = database(12, |n| match n % 3 {
                            0 => {
                                sortie::sleep(Duration::from_micros(100));
                                n
                            }
                            1 => sortie::spawn(move || n).join().unwrap(),
                            _ => {
                                sortie::yield_now();
                                n
                            }
                        });
                        sum(target, &database)
                    })
                })
                .collect();
            for task in tasks {
                assert_eq!(task.join().unwrap(), 12 * 13 / 2);
            }
        }
    });
}

/// Queries that are suspended in their functions take no threads.
#[test]
fn many_queries_are_suspended_at_once() {
    const QUERIES: usize = 100;
    // What other tests teach of SQLite is no matter here.
    // SAFETY: as above.
    static QUICK: Target = Target::named("sqlite3_step, quick")
        .with_policy(unsafe { Policy::new().callbacks(Callbacks::Suspend) });
    each(|runtime| {
        let (inside, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let tasks: Vec<_> = (0..QUERIES)
            .map(|_| {
                let (inside, open) = (inside.clone(), open.clone());
                runtime.spawn(move || {
                    let database = database(1, move |n| {
                        inside.fetch_add(1, Ordering::SeqCst);
                        while !open.load(Ordering::SeqCst) {
                            sortie::yield_now();
                        }
                        n
                    });
                    sum(&QUICK, &database)
                })
            })
            .collect();
        until("all are in their functions", || inside.load(Ordering::SeqCst) == QUERIES);
        let carriers = runtime.snapshot().carriers;
        // Others may keep a carrier from its processor, and then another stands in for it.
        assert!(carriers <= 2 * runtime.case.workers + 16, "{carriers} carriers");
        open.store(true, Ordering::SeqCst);
        tasks.into_iter().for_each(|task| assert_eq!(task.join().unwrap(), 1));
    });
}
