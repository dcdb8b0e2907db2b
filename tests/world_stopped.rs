//! While a hosted VM has stopped the world nobody runs managed code, whichever way its tasks leave and come back; and
//! then all go on.

use sortie::hosting::{ClrRuntimeHost, Host, HostTask, RuntimeGcManager, TaskMode};
use sortie::native::{self, Callbacks, Class, Policy, Target};
use sortie_natives::with_callback;
use sortie_test::{each, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// How often the world is stopped in each case.
const STOPS: u64 = 16;

static SHORT: Target = Target::named("short").with_policy(Policy::new().class(Class::Short));
static MIXED: Target = Target::named("mixed").with_policy(Policy::new().class(Class::Mixed));
static LONG: Target = Target::named("long").with_policy(Policy::new().class(Class::Long));
static KEPT: Target = Target::named("kept").with_policy(Policy::new().class(Class::Keep));
static UNKNOWN: Target = Target::named("unknown");
// SAFETY: `callback.c` keeps everything on its stack.
const SUSPEND: Policy = unsafe { Policy::new().class(Class::Short).callbacks(Callbacks::Suspend) };
static SUSPENDS: Target = Target::named("suspends").with_policy(SUSPEND);

/// A step of managed code is told from one of native code by who counts it.
#[derive(Default)]
struct Steps {
    managed: AtomicU64,
    native: AtomicU64,
    is_over: AtomicBool,
}

impl Steps {
    fn managed(&self) {
        self.managed.fetch_add(1, SeqCst);
    }

    fn native(&self) -> i32 {
        self.native.fetch_add(1, SeqCst);
        1
    }

    /// A step in a native call.
    fn call(&self, target: &'static Target) {
        assert_eq!(native::call_here(target, || self.native()), 1);
    }

    /// Managed code until the end, with `leave` between its steps.
    fn run(&self, leave: impl Fn(&Steps)) {
        while !self.is_over.load(SeqCst) {
            for _ in 0..8 {
                (0..20).for_each(|_| self.managed());
                leave(self);
            }
            // Whoever stops the world may be bound to this thread.
            sortie::yield_now();
        }
    }
}

/// The ways out of managed code, and back.
const WAYS: [fn(&Steps); 8] = [
    |steps| steps.call(&SHORT),
    |steps| steps.call(&MIXED),
    |steps| steps.call(&LONG),
    |steps| steps.call(&KEPT),
    |steps| steps.call(&UNKNOWN),
    |steps| {
        let call_back = || {
            steps.managed();
            steps.native()
        };
        native::call_here(&SHORT, || with_callback(1, |_| native::callback(-1, call_back)));
    },
    |steps| {
        let call_back = || {
            sortie::yield_now();
            steps.managed();
            1
        };
        native::call_here(&SUSPENDS, || with_callback(1, |_| native::callback(-1, call_back)));
    },
    |_| sortie::sleep(Duration::from_micros(100)),
];

/// Stops the world again and again, and looks whether it stands.
fn collect(gc: &RuntimeGcManager, steps: &Steps) {
    for stop in 0..STOPS {
        let world = gc.suspend().expect("the host has a manager for collections");
        let (before, native) = (steps.managed.load(SeqCst), steps.native.load(SeqCst));
        // What is tested: that nothing happens.
        std::thread::sleep(Duration::from_micros(200));
        assert_eq!(steps.managed.load(SeqCst), before, "managed code has run");
        world.resume(0);
        // Others may be bound to this thread.
        let goes_on = || {
            sortie::yield_now();
            steps.managed.load(SeqCst) > before && steps.native.load(SeqCst) > native
        };
        if stop % 8 == 0 {
            until("the world goes on, and out to native code", goes_on);
        }
    }
}

fn play(runtime: &sortie::Runtime, mode: TaskMode, stops_as_a_task: bool) {
    let host = Host::builder(&runtime.handle()).mode(mode).build();
    let clr = ClrRuntimeHost::builder().build();
    clr.set_host_control(Some(Arc::new(host.clone()))).ok().expect("a handshake");
    clr.start().ok().expect("a start");
    let (tasks, gc) = (host.task_manager(), clr.gc_manager());
    let steps = Arc::new(Steps::default());
    let begin = |body: Box<dyn FnOnce() + Send>| {
        let task = tasks.create_task(0, move || {
            body();
            0
        });
        let task: HostTask = task.expect("a task");
        task.start().ok().expect("a start");
        task
    };
    let mut all: Vec<HostTask> = WAYS
        .iter()
        .map(|way| {
            let steps = steps.clone();
            begin(Box::new(move || steps.run(way)))
        })
        .collect();
    // One that never leaves.
    let (mutator, counter) = (gc.clone(), steps.clone());
    all.push(begin(Box::new(move || counter.run(|_| mutator.safepoint()))));
    // A thread that calls in, and one that stops the world beside the other.
    let (callee, counter) = (tasks.clone(), steps.clone());
    let visitor = std::thread::spawn(move || {
        while !counter.is_over.load(SeqCst) {
            callee.reverse_enter_runtime().ok().expect("the host adopts");
            counter.managed();
            callee.reverse_leave_runtime().ok().expect("it was entered");
        }
    });
    let (rival, counter) = (gc.clone(), steps.clone());
    let rival = std::thread::spawn(move || collect(&rival, &counter));
    if stops_as_a_task {
        let (gc, steps) = (gc.clone(), steps.clone());
        let task = begin(Box::new(move || collect(&gc, &steps)));
        until("the world was stopped as often as it shall be", || task.is_done());
    } else {
        collect(&gc, &steps);
    }
    rival.join().expect("the world stood for it");
    steps.is_over.store(true, SeqCst);
    until("all have ended", || all.iter().all(HostTask::is_done));
    visitor.join().expect("it does not panic");
    assert!(steps.native.load(SeqCst) > 0);
}

#[test]
fn a_task_stops_the_world_of_fibers() {
    each(|runtime| play(runtime, TaskMode::Fibers, true));
}

#[test]
fn a_thread_stops_the_world_of_threads() {
    each(|runtime| play(runtime, TaskMode::ThreadPerTask, false));
}

/// A task that ends without letting the world go on: it goes on all the same.
#[test]
fn the_world_outlives_who_has_stopped_it() {
    each(|runtime| {
        let host = Host::builder(&runtime.handle()).build();
        let clr = ClrRuntimeHost::builder().build();
        clr.set_host_control(Some(Arc::new(host.clone()))).ok().expect("a handshake");
        clr.start().ok().expect("a start");
        let (tasks, gc) = (host.task_manager(), host.gc_manager());
        let run = |body: Box<dyn FnOnce() + Send>| {
            let task = tasks.create_task(0, move || {
                body();
                0
            });
            let task = task.expect("a task");
            task.start().ok().expect("a start");
            until("the task has ended", || task.is_done());
        };
        let forgets = gc.clone();
        run(Box::new(move || forgets.suspension_starting().ok().expect("nobody stops it")));
        run(Box::new(|| Steps::default().call(&KEPT)));
        let again = gc.clone();
        run(Box::new(move || {
            again.suspension_starting().ok().expect("nobody stops it");
            again.suspension_ending(0).ok().expect("it was begun here");
        }));
    });
}
