//! A job on the runtime with a progress bar beside it.
//!
//! The tasks only count; the main thread reads the count and draws. So no task ever waits for the
//! terminal, which is a lock and a file like any other.

use super::bar::bar;
use sortie::Runtime;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// How often the bar is drawn.
const FRAME: Duration = Duration::from_millis(50);

/// How far the job is. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps(Arc<AtomicU64>);

impl Steps {
    /// One step is done.
    pub(crate) fn step(&self) {
        // ORDERING: Relaxed, the count stands for itself.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn done(&self) -> u64 {
        // ORDERING: Relaxed, as above.
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs `job` as a task and draws how far it is, of `total` steps, until it has ended.
pub(crate) fn watch<T: Send + 'static>(
    runtime: &Runtime,
    title: &'static str,
    total: u64,
    job: impl FnOnce(&Steps) -> T + Send + 'static,
) -> Result<T, sortie::JoinError> {
    let steps = Steps::default();
    // Nothing is ever sent: the job's end drops the sender, however it ends.
    let (running, ended) = mpsc::channel::<()>();
    let task = {
        let steps = steps.clone();
        sortie::task::Builder::new().name(title).spawn_on(&runtime.handle(), move || {
            let _running = running;
            job(&steps)
        })
    };
    let bar = bar(title, total);
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(FRAME) {
        bar.set_position(steps.done());
    }
    bar.finish_and_clear();
    task.join()
}
