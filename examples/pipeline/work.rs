//! The pipeline: its stages, and the thread that waits for what comes out.

use crate::Options;
use crate::bar::bar;
use crate::files::Found;
use crate::stage::{Ends, Failure, Stage, Tally};
use crate::zlib;
use sortie::native::{self, Target};
use sortie::sync::channel;
use sortie::{Runtime, select};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often the bar is drawn if nothing comes.
const FRAME: Duration = Duration::from_millis(100);

static READ: Target = Target::named("read");
static WRITE: Target = Target::named("write");

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) packed: u64,
    pub(crate) took: Duration,
    /// What each stage's tasks did, and how many there were; those that were aborted say nothing.
    pub(crate) stages: Vec<(&'static str, usize, Tally)>,
    pub(crate) aborted: usize,
    pub(crate) failure: Option<Failure>,
}

struct Plain {
    path: PathBuf,
    bytes: Vec<u8>,
}

struct Summed {
    file: Plain,
    sum: u32,
}

struct Packed {
    path: PathBuf,
    bytes: usize,
    sum: u32,
    packed: Vec<u8>,
}

/// A file that came out as it went in.
struct Checked {
    bytes: u64,
    packed: u64,
}

/// Runs all files through all stages.
pub(crate) fn run(runtime: &Runtime, options: &Options, files: Vec<Found>) -> Outcome {
    let begin = Instant::now();
    let bar = bar("files", files.len() as u64);
    let capacity = options.capacity.into();
    let (find, found) = channel::bounded(capacity);
    let (read, plain) = channel::bounded(capacity);
    let (add, summed) = channel::bounded(capacity);
    let (pack, packed) = channel::bounded(capacity);
    let (check, checked) = channel::bounded(capacity);
    let (fail, failed) = channel::unbounded();

    let (largest, level, output) = (options.largest, options.level, options.output.clone());
    let finder = sortie::task::Builder::new().name("find").spawn_on(&runtime.handle(), move || {
        let mut tally = Tally::default();
        for file in files {
            let since = Instant::now();
            if find.send(file).is_err() {
                break;
            }
            tally.for_room += since.elapsed();
            tally.files += 1;
        }
        tally
    });
    let ends = Ends { input: found, output: read, failed: fail.clone() };
    let readers = Stage::start(runtime, "read", options.readers, ends, move |file: Found| {
        if file.bytes > largest {
            return Err((file.path, format!("{} bytes are above --largest", file.bytes)));
        }
        match native::call(&READ, || std::fs::read(&file.path)) {
            Ok(bytes) => Ok(Plain { path: file.path, bytes }),
            Err(error) => Err((file.path, error.to_string())),
        }
    });
    let ends = Ends { input: plain, output: add, failed: fail.clone() };
    let summers = Stage::start(runtime, "sum", options.computers, ends, |file: Plain| {
        Ok(Summed { sum: zlib::sum(&file.bytes), file })
    });
    let ends = Ends { input: summed, output: pack, failed: fail.clone() };
    let packers = Stage::start(runtime, "compress", options.computers, ends, move |it: Summed| {
        let Plain { path, bytes } = it.file;
        match zlib::compress(&bytes, level) {
            Ok(packed) => Ok(Packed { path, bytes: bytes.len(), sum: it.sum, packed }),
            Err(why) => Err((path, why)),
        }
    });
    let ends = Ends { input: packed, output: check, failed: fail };
    let checkers = Stage::start(runtime, "check", options.computers, ends, move |file: Packed| {
        check_and_write(&file, output.as_ref()).map_err(|why| (file.path, why))
    });
    let stages = [Stage { name: "find", tasks: vec![finder] }, readers, summers, packers, checkers];

    let mut outcome = Outcome {
        files: 0,
        bytes: 0,
        packed: 0,
        took: Duration::ZERO,
        stages: Vec::new(),
        aborted: 0,
        failure: None,
    };
    while outcome.failure.is_none() {
        select! {
            recv(checked) -> file => {
                let Ok(file) = file else { break };
                outcome.files += 1;
                outcome.bytes += file.bytes;
                outcome.packed += file.packed;
                bar.set_position(outcome.files);
            }
            recv(failed) -> failure => match failure {
                Ok(failure) => outcome.failure = Some(failure),
                Err(_) => break,
            },
            after(FRAME) => bar.tick(),
        }
    }
    outcome.failure = outcome.failure.or_else(|| failed.try_recv().ok());
    // What came out before the end of the failures was seen.
    for file in checked.try_iter() {
        outcome.files += 1;
        outcome.bytes += file.bytes;
        outcome.packed += file.packed;
    }
    if outcome.failure.is_some() {
        stages.iter().flat_map(|stage| &stage.tasks).for_each(|task| task.abort());
    }
    for stage in stages {
        let (tasks, mut tally) = (stage.tasks.len(), Tally::default());
        for task in stage.tasks {
            match task.join() {
                Ok(of_task) => tally.add(of_task),
                Err(error) if error.is_aborted() => outcome.aborted += 1,
                Err(error) => panic!("a task of the stage {}: {error}", stage.name),
            }
        }
        outcome.stages.push((stage.name, tasks, tally));
    }
    bar.finish_and_clear();
    outcome.took = begin.elapsed();
    outcome
}

/// The file must come out as it went in.
fn check_and_write(file: &Packed, output: Option<&PathBuf>) -> Result<Checked, String> {
    let plain = zlib::uncompress(&file.packed, file.bytes)?;
    let sum = zlib::sum(&plain);
    if (plain.len(), sum) != (file.bytes, file.sum) {
        return Err(format!(
            "{} bytes with the sum {:08x} went in, {} bytes with the sum {sum:08x} came out",
            file.bytes,
            file.sum,
            plain.len()
        ));
    }
    if let Some(directory) = output {
        let path = directory.join(format!("{:08x}-{}.z", file.sum, file.bytes));
        native::call(&WRITE, || std::fs::write(&path, &file.packed))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(Checked { bytes: file.bytes as u64, packed: file.packed.len() as u64 })
}
