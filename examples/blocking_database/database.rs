//! SQLite as it is: a file, calls that block, one connection that writes and one for each reader.
//!
//! Each function is one native call, or, for comparison, a plain one. The writer's lock is a plain
//! mutex, taken and given back inside of the call: a thread that waits for it, or holds it, is in native
//! code, where a task is not suspended. Held over a call's return it would be a lock owned by a thread
//! that the task may leave.

use rusqlite::ErrorCode::OperationInterrupted;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use sortie::native::{self, Target};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

// One target for each closure. A closure makes several calls of SQLite, so it has a name and no address.
static CREATE: Target = Target::named("create");
static OPEN: Target = Target::named("open");
static WRITE: Target = Target::named("write");
static READ: Target = Target::named("read");
static CLOSE: Target = Target::named("close");
static COUNT: Target = Target::named("count up");

/// How long SQLite waits for its own locks, which others hold for a moment when they open and close.
const PATIENCE: Duration = Duration::from_secs(60);

/// How SQLite is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Door {
    /// By `native::call`: the runtime knows.
    Announced,
    /// As any Rust function: the runtime does not.
    Plain,
}

impl Door {
    fn call<R: Send>(self, target: &Target, f: impl FnOnce() -> R + Send) -> R {
        match self {
            Door::Announced => native::call(target, f),
            Door::Plain => f(),
        }
    }
}

/// A database of one table, on disk.
#[derive(Debug)]
pub(crate) struct Database {
    door: Door,
    path: PathBuf,
    /// SQLite lets one write at a time; who waits here is woken at once, and not after a nap of SQLite's.
    writer: Mutex<Connection>,
}

impl Database {
    /// Makes the file and its table.
    pub(crate) fn create(door: Door, path: &Path) -> rusqlite::Result<Database> {
        let writer = door.call(&CREATE, || -> rusqlite::Result<_> {
            let writer = connect(path)?;
            // A log ahead of the data, so that readers do not wait for the writer.
            writer.pragma_update(None, "journal_mode", "WAL")?;
            writer.execute_batch("CREATE TABLE entry (task INTEGER, value INTEGER)")?;
            Ok(writer)
        })?;
        Ok(Database { door, path: path.to_owned(), writer: Mutex::new(writer) })
    }

    /// Writes the values 1 to `rows` for a task, in one transaction that ends on the disk.
    pub(crate) fn write(&self, task: u32, rows: u32) -> rusqlite::Result<()> {
        self.door.call(&WRITE, || {
            // A writer that panicked has rolled back.
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            insert(&transaction, task, rows)?;
            transaction.commit()
        })
    }

    /// A connection to read by.
    pub(crate) fn open(&self) -> rusqlite::Result<Connection> {
        self.door.call(&OPEN, || connect(&self.path))
    }

    /// How many values a task has written, and their sum.
    pub(crate) fn read(&self, reader: &mut Connection, task: u32) -> rusqlite::Result<(i64, i64)> {
        // `move`, for a connection is `Send` and not `Sync`: the closure has it for itself.
        self.door.call(&READ, move || {
            let query = "SELECT count(*), coalesce(sum(value), 0) FROM entry WHERE task = ?1";
            reader.query_row(query, params![task], |row| Ok((row.get(0)?, row.get(1)?)))
        })
    }

    /// Closes a reader's connection.
    pub(crate) fn close(&self, reader: Connection) -> rusqlite::Result<()> {
        self.door.call(&CLOSE, move || reader.close().map_err(|(_, error)| error))
    }

    /// Closes the writer's, as the last: the log moves into the file. How many values there are.
    pub(crate) fn end(self) -> rusqlite::Result<i64> {
        let writer = self.writer.into_inner();
        let writer = writer.unwrap_or_else(PoisonError::into_inner);
        self.door.call(&CLOSE, move || {
            let values = writer.query_row("SELECT count(*) FROM entry", [], |row| row.get(0))?;
            writer.close().map_err(|(_, error)| error)?;
            Ok(values)
        })
    }
}

/// The sum of 1 to `up_to`, by a query that counts: SQLite computes for as long as that takes.
pub(crate) fn sum(up_to: u32) -> rusqlite::Result<i64> {
    Door::Announced.call(&COUNT, move || count(&Connection::open_in_memory()?, up_to.into()))
}

/// The same without end, and so until SQLite is told that the time is over: an error if it ends otherwise.
pub(crate) fn count_for(time: Duration) -> rusqlite::Result<()> {
    Door::Announced.call(&COUNT, move || {
        let database = Connection::open_in_memory()?;
        let interrupt = database.get_interrupt_handle();
        // Nothing is ever sent: the query's end drops the sender.
        let (counting, ended) = mpsc::channel::<()>();
        let clock = thread::spawn(move || {
            let mut left = time;
            while ended.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                interrupt.interrupt();
                // A query that has not begun yet does not notice.
                left = Duration::from_millis(1);
            }
        });
        let end = count(&database, i64::MAX);
        drop(counting);
        clock.join().expect("the clock does not panic");
        match end {
            Err(error) if error.sqlite_error_code() == Some(OperationInterrupted) => Ok(()),
            end => Err(end.err().unwrap_or(rusqlite::Error::InvalidQuery)),
        }
    })
}

fn count(database: &Connection, up_to: i64) -> rusqlite::Result<i64> {
    let query =
        "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
                 SELECT sum(n) FROM number";
    database.query_row(query, params![up_to], |row| row.get(0))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let database = Connection::open(path)?;
    database.busy_timeout(PATIENCE)?;
    // Each commit waits for the disk.
    database.pragma_update(None, "synchronous", "FULL")?;
    Ok(database)
}

fn insert(transaction: &Transaction<'_>, task: u32, rows: u32) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO entry (task, value) VALUES (?1, ?2)")?;
    (1..=rows).try_for_each(|value| insert.execute(params![task, value]).map(drop))
}
