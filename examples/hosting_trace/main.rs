//! A small VM, hosted: every hosting call of a run, in order.
//!
//! ```text
//! cargo run --release --example hosting_trace
//! cargo run --release --example hosting_trace -- --json
//! ```
//!
//! The VM (`vm.rs`) has a heap of objects and a collector that stops the world, and knows nothing of threads. Two of its
//! tasks allocate and come by safepoints; a third is in native code, in a `read` that has nothing to read yet, and keeps
//! its objects meanwhile; a fourth collects twice. Neither collection waits for the `read`. Then the host ends a plugin, whose
//! abort escalates to a rude one and to the unload of its group (`unload.rs`). What the table shows is what an observer of the
//! host and of the runtime is told (`record.rs`): call, task, thread, layers after it, result.
//!
//! Ends with 1 if the trace is not what was told here.

#[path = "../shared/ending.rs"]
mod ending;
mod record;
#[path = "../shared/table.rs"]
mod table;
mod unload;
mod vm;

use clap::Parser;
use record::Record;
use sortie::hosting::{ClrRuntimeHost, Host, HostTask, Left, WorkItemFlags};
use std::error::Error;
use std::io::{PipeReader, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use vm::{Heap, Vm};

/// Lists every hosting call of a small VM's run.
#[derive(Debug, Parser)]
#[command(name = "hosting_trace", version)]
struct Options {
    /// Print data instead of a table
    #[arg(long)]
    json: bool,
}

/// How many objects each of the two allocates.
const OBJECTS: usize = 100;

fn main() -> ExitCode {
    ending::of(run)
}

fn run() -> Result<bool, Box<dyn Error>> {
    let options = Options::parse();
    let record = Arc::new(Record::default());
    let runtime = sortie::Runtime::builder().workers(2).build()?;
    let host = Host::builder(&runtime.handle()).observer(record.clone());
    let host = host.policies(Arc::new(unload::Policies)).build();
    let heap = Arc::new(Heap::default());
    let vm = Arc::new(Vm::new(heap.clone()));
    let clr = ClrRuntimeHost::builder().tasks(vm.clone()).observer(record.clone());
    let clr = clr.gc(vm.clone()).build();
    clr.set_host_control(Some(Arc::new(host.clone()))).ok()?;
    clr.start().ok()?;
    vm.connect(&clr.gc_manager());

    let collections = play(&host, &clr, &vm)?;
    let unloaded = unload::play(&host, &clr)?;
    let left = runtime.shutdown(Duration::from_secs(10));

    if options.json {
        ending::print(format_args!("{:#}", record.json()))?;
    } else {
        ending::print(record.table())?;
        for swept in &collections {
            ending::print(format_args!("collection {swept}"))?;
        }
        ending::print(unloaded)?;
    }
    let is_told = record.is_held_while_native() && record.has_escalated();
    let is_told = is_told && collections.len() == 2 && left.is_clean();
    Ok(is_told)
}

/// The run. What each collection has done.
fn play(host: &Host, clr: &ClrRuntimeHost, vm: &Arc<Vm>) -> Result<Vec<String>, Box<dyn Error>> {
    let tasks = host.task_manager();
    let (reader, mut writer) = std::io::pipe()?;
    let start = |body: Box<dyn FnOnce() + Send>| -> Result<HostTask, Box<dyn Error>> {
        let task = tasks.create_task(0, move || {
            body();
            0
        })?;
        task.start().ok()?;
        Ok(task)
    };
    let (manager, own) = (clr.task_manager(), vm.clone());
    let native = host.task_manager();
    let (sender, is_out) = sortie::sync::oneshot::channel();
    let waits = start(Box::new(move || {
        let _half = manager.attach().expect("a half");
        own.allocate();
        sender.send(()).expect("somebody waits");
        let left = Left::new(&native, libc::read as *const () as usize).expect("managed code");
        read_one(&reader);
        drop(left);
        // What it had before the call it has still.
        assert_eq!(own.roots(), 1);
    }))?;
    is_out.recv()?;

    let mut mutators = Vec::new();
    for _ in 0..2 {
        let (manager, own) = (clr.task_manager(), vm.clone());
        mutators.push(start(Box::new(move || {
            let _half = manager.attach().expect("a half");
            for _ in 0..OBJECTS {
                own.allocate();
                own.safepoint();
            }
            own.forget();
        }))?);
    }
    let (manager, gc, own) = (clr.task_manager(), clr.gc_manager(), vm.clone());
    let (sender, swept) = std::sync::mpsc::channel();
    let collects = start(Box::new(move || {
        let _half = manager.attach().expect("a half");
        for generation in [0, -1] {
            gc.collect(generation).ok().expect("a collection");
            sender.send(own.last_collection()).expect("somebody waits");
        }
    }))?;
    until_done(&collects);
    let pool = host.thread_pool_manager();
    let (sender, worked) = std::sync::mpsc::channel();
    pool.queue_user_work_item(WorkItemFlags::NONE, move || {
        sender.send(()).expect("somebody waits")
    })
    .ok()?;
    worked.recv()?;
    // Only now is there something to read.
    writer.write_all(b"!")?;
    mutators.iter().for_each(until_done);
    until_done(&waits);
    Ok(swept.iter().collect())
}

/// The native function.
fn read_one(mut reader: &PipeReader) {
    let mut byte = [0];
    reader.read_exact(&mut byte).expect("the writer is there");
}

fn until_done(task: &HostTask) {
    while !task.is_done() {
        std::thread::sleep(Duration::from_micros(100));
    }
}
