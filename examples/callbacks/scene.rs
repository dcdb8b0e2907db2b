//! One function, one kind of callback, so many tasks.

use sortie::native::{self, Callbacks, Policy, Target};
use sortie::sync::Semaphore;
use sortie::{Builder, Runtime};
use sortie_natives::EventLoop;
use std::error::Error;
use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The C function whose callbacks are waited in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    /// `qsort` of libc, in whose comparator.
    Sort,
    /// A loop in C that calls a handler for each event.
    EventLoop,
}

impl Function {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Function::Sort => "qsort",
            Function::EventLoop => "event loop",
        }
    }
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    pub(crate) function: Function,
    pub(crate) callbacks: Callbacks,
    pub(crate) tasks: usize,
    pub(crate) workers: usize,
    pub(crate) stack_bytes: usize,
    pub(crate) migrating: bool,
}

/// What was seen.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) scene: Scene,
    /// Tasks in a callback at once, at most.
    pub(crate) most_inside: usize,
    /// Threads of the runtime when all were in, the monitor aside.
    pub(crate) carriers: usize,
    /// Memory of the process then, less that before, by tasks; page tables included.
    pub(crate) bytes_per_task: usize,
    /// Until all were in, and until all were joined.
    pub(crate) in_after: Duration,
    pub(crate) took: Duration,
    pub(crate) values_right: usize,
}

/// Where all tasks of a scene wait in their first callback.
struct Gate {
    opens: Semaphore,
    inside: AtomicUsize,
}

impl Gate {
    /// Waits until the gate is open, and holds it open for the next.
    fn pass(&self) {
        // ORDERING: SeqCst, a count that another thread waits for; nothing is published by it.
        self.inside.fetch_add(1, Ordering::SeqCst);
        drop(self.opens.acquire());
    }
}

impl Scene {
    pub(crate) fn play(self) -> Result<Outcome, Box<dyn Error>> {
        let runtime = self.runtime()?;
        // What a runtime takes once is not the tasks'.
        runtime.run(|| ());
        // SAFETY: glibc's qsort sorts so few elements on its stack, without a lock, a thread-local or a
        // static; the event loop keeps everything on the heap, in a loop that is its task's alone.
        let policy = unsafe { Policy::new().callbacks(self.callbacks) };
        // A function of its own in each scene: what is learned and said of one is no matter for others.
        let target = Arc::new(Target::named(self.function.name()).with_policy(policy));
        let gate = Arc::new(Gate { opens: Semaphore::new(0), inside: AtomicUsize::new(0) });

        let before = memory_bytes()?;
        let start = Instant::now();
        let tasks: Vec<_> = (0..self.tasks)
            .map(|n| {
                let (target, gate) = (target.clone(), gate.clone());
                let function = self.function;
                runtime.spawn(move || match function {
                    Function::Sort => sort(&target, &gate, n),
                    Function::EventLoop => run_loop(&target, &gate, n),
                })
            })
            .collect();
        // ORDERING: SeqCst, as in `pass`.
        while gate.inside.load(Ordering::SeqCst) < self.tasks {
            std::thread::sleep(Duration::from_millis(1));
        }
        let in_after = start.elapsed();
        let bytes_per_task = memory_bytes()?.saturating_sub(before) / self.tasks;
        let carriers = runtime.snapshot().carriers;
        let most_inside = gate.inside.load(Ordering::SeqCst);
        gate.opens.set_permits(1);
        let values_right = tasks
            .into_iter()
            .enumerate()
            .filter_map(|(n, task)| task.join().ok().filter(|value| *value == expected(n)))
            .count();
        let took = start.elapsed();
        let report = runtime.shutdown(Duration::from_secs(10));
        if !report.is_clean() {
            return Err(report.to_string().into());
        }
        Ok(Outcome {
            scene: self,
            most_inside,
            carriers,
            bytes_per_task,
            in_after,
            took,
            values_right,
        })
    }

    fn runtime(self) -> Result<Runtime, Box<dyn Error>> {
        let builder = Builder::default()
            .workers(self.workers)
            .stack_bytes(self.stack_bytes)
            .callback_stack_bytes(64 << 10)
            // Each task that waits in place keeps one.
            .max_carriers(self.workers + self.tasks.min(20_000) + 16)
            .thread_name("callbacks");
        if !self.migrating {
            return Ok(builder.build()?);
        }
        // SAFETY: over their suspension points the tasks hold numbers, `Arc`s and what C has in its frames:
        // no reference into a thread-local, no lock, nothing that is not `Send`.
        Ok(unsafe { builder.migrating() }.build()?)
    }
}

/// What the task of this number gives.
fn expected(n: usize) -> u64 {
    n as u64 * 3 + 3
}

/// An element for `qsort`, whose comparator gets nothing but elements.
#[derive(Clone, Copy)]
struct Element<'a> {
    value: u64,
    gate: &'a Gate,
    is_in: &'a std::cell::Cell<bool>,
}

/// Sorts three elements; the first comparison waits at the gate.
fn sort(target: &Target, gate: &Gate, n: usize) -> u64 {
    extern "C" fn compare(left: *const c_void, right: *const c_void) -> c_int {
        native::callback(0, || {
            // SAFETY: `qsort` hands out pointers to elements, which live longer than the call.
            let left = unsafe { *left.cast::<Element<'_>>() };
            // SAFETY: as above.
            let right = unsafe { *right.cast::<Element<'_>>() };
            if !left.is_in.replace(true) {
                left.gate.pass();
            }
            left.value.cmp(&right.value) as c_int
        })
    }
    let is_in = std::cell::Cell::new(false);
    let element = |value| Element { value, gate, is_in: &is_in };
    let n = n as u64;
    let mut elements = [element(n + 2), element(n), element(n + 1)];
    let (length, bytes) = (elements.len(), size_of::<Element<'_>>());
    native::call_here(target, || {
        // SAFETY: the pointer and the sizes are those of the array, and `compare` reads its elements.
        unsafe { libc::qsort(elements.as_mut_ptr().cast(), length, bytes, Some(compare)) };
    });
    assert!(elements.is_sorted_by_key(|element| element.value), "sorted");
    elements.iter().map(|element| element.value).sum()
}

/// Runs an event loop; the handler of the first event waits at the gate, and posts two more.
fn run_loop(target: &Target, gate: &Gate, n: usize) -> u64 {
    let events = EventLoop::new();
    events.post(0);
    let mut sum = 0;
    native::call_here(target, || {
        events.run(|event| {
            native::callback(false, || {
                if event == 0 {
                    gate.pass();
                    events.post(1);
                    events.post(2);
                }
                sum += n as u64 + event as u64;
                true
            })
        })
    });
    sum
}

/// What the process takes: resident pages, and the tables that map them.
fn memory_bytes() -> std::io::Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let of = |name: &str| -> usize {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    Ok((of("VmRSS:") + of("VmPTE:")) * 1024)
}
