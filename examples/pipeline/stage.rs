//! A stage: some tasks that take from one channel, work, and put into the next.

use sortie::sync::channel::{Receiver, Sender};
use sortie::{JoinHandle, Runtime};
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Why the pipeline ended early.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) path: PathBuf,
    pub(crate) stage: &'static str,
    pub(crate) why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.stage, self.path.display(), self.why)
    }
}

/// What a task of a stage has done, and what its time went by with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) files: u64,
    pub(crate) at_work: Duration,
    /// Waiting for something to do.
    pub(crate) for_input: Duration,
    /// Waiting for room in the next channel.
    pub(crate) for_room: Duration,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Tally) {
        self.files += other.files;
        self.at_work += other.at_work;
        self.for_input += other.for_input;
        self.for_room += other.for_room;
    }
}

/// A stage's tasks.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) tasks: Vec<JoinHandle<Tally>>,
}

/// What leads into a stage and out of it.
pub(crate) struct Ends<I, O> {
    pub(crate) input: Receiver<I>,
    pub(crate) output: Sender<O>,
    pub(crate) failed: Sender<Failure>,
}

impl Stage {
    /// Starts so many tasks. They end when the channel before them does, or with the first failure.
    pub(crate) fn start<I, O>(
        runtime: &Runtime,
        name: &'static str,
        tasks: u16,
        ends: Ends<I, O>,
        work: impl Fn(I) -> Result<O, (PathBuf, String)> + Clone + Send + 'static,
    ) -> Stage
    where
        I: Send + 'static,
        O: Send + 'static,
    {
        let start = |_| {
            let Ends { input, output, failed } = &ends;
            let ends =
                Ends { input: input.clone(), output: output.clone(), failed: failed.clone() };
            let work = work.clone();
            sortie::task::Builder::new()
                .name(name)
                .spawn_on(&runtime.handle(), move || ends.work_off(name, work))
        };
        Stage { name, tasks: (0..tasks).map(start).collect() }
    }
}

impl<I, O> Ends<I, O> {
    fn work_off(
        &self,
        stage: &'static str,
        work: impl Fn(I) -> Result<O, (PathBuf, String)>,
    ) -> Tally {
        let mut tally = Tally::default();
        let mut since = Instant::now();
        let mut lap = |total: &mut Duration| {
            let now = Instant::now();
            *total += now - since;
            since = now;
        };
        loop {
            let input = self.input.recv();
            lap(&mut tally.for_input);
            let Ok(input) = input else { return tally };
            let output = work(input);
            lap(&mut tally.at_work);
            let output = match output {
                Ok(output) => output,
                Err((path, why)) => {
                    // Who listens ends everything; if nobody does, everything has ended.
                    let _ = self.failed.send(Failure { path, stage, why });
                    return tally;
                }
            };
            tally.files += 1;
            if self.output.send(output).is_err() {
                return tally;
            }
            lap(&mut tally.for_room);
        }
    }
}
