//! Nested layers: managed code calls C, which calls managed code, which calls C.
//!
//! ```text
//! cargo run --release --example nested
//! ```
//!
//! The table of the hosting interface's page on `LeaveRuntime`, with real functions: a task calls
//! `qsort` of libc, whose comparator is Rust code, which calls `strcmp`. What is printed is what the
//! runtime says of itself: the program listens to the `tracing` events of the target
//! `sortie::crossing`, and adds nothing of its own but the names of the functions.
//!
//! Ends with 1 if the events are not those of the page, or do not fit the calls that were made.

#[path = "../shared/ending.rs"]
mod ending;
#[path = "../shared/logging.rs"]
mod logging;
#[path = "../shared/number.rs"]
mod number;
mod record;
mod sort;
mod story;
#[path = "../shared/table.rs"]
mod table;

use clap::Parser;
use record::Recorder;
use sortie::{BuildError, Runtime};
use std::error::Error;
use std::process::ExitCode;
use story::Story;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// A task calls qsort, whose comparator is managed code and calls strcmp: the transitions in order, with
/// the layers after each, as the runtime's own tracing events tell them.
///
/// RUST_LOG=sortie=trace shows the events themselves on stderr.
#[derive(Debug, Parser)]
#[command(name = "nested", version, allow_negative_numbers = true)]
struct Options {
    /// How many strings to sort; two need one comparison, and make the page's six transitions
    #[arg(long, default_value_t = 2, value_parser = number::within(0_u32..=1_000_000))]
    elements: u32,
    /// Print all transitions, however many
    #[arg(long)]
    all: bool,
    /// How many tasks may run managed code at once
    #[arg(long, default_value_t = 2, value_parser = number::within(1_u16..=1024))]
    workers: u16,
    /// Use the default runtime, whose started tasks stay on their thread, and not a migrating one
    #[arg(long)]
    safe: bool,
}

fn main() -> ExitCode {
    ending::of(run)
}

fn run() -> Result<bool, Box<dyn Error>> {
    let options = Options::parse();
    let recorder = Recorder::default();
    tracing_subscriber::registry().with(recorder.layer()).with(logging::layer()?).try_init()?;
    // Before the call: what the loader does on first use is a native call as well.
    sort::load()?;

    let runtime = runtime(&options)?;
    let elements = options.elements;
    let sorted = runtime.run(move || sort::sort(elements));
    let story = Story::new(recorder.of(sorted.task), &sorted, &runtime.snapshot());

    ending::print(story.show(options.all))?;
    let wrong = story.wrong();
    for wrong in &wrong {
        eprintln!("wrong: {wrong}");
    }
    Ok(wrong.is_empty())
}

fn runtime(options: &Options) -> Result<Runtime, BuildError> {
    let builder = Runtime::builder().workers(options.workers.into()).thread_name("nested");
    if options.safe {
        return builder.build();
    }
    // SAFETY: there is one task. Over its suspension points, which are the returns from `qsort` and
    // `strcmp`, its frames hold strings, pointers and numbers: no reference into a thread-local, no
    // lock, no entered span (`record` locks its list within one event, and is called between
    // suspension points). Neither function ties anything to its thread.
    unsafe { builder.migrating() }.build()
}
