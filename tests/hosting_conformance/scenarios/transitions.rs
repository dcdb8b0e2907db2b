//! Transitions: S-26 to S-46.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage, current};
use sortie::hosting::{Called, HResult, HostBuilder, HostTask, Left, answer_into};
use sortie::native::{Class, Policy, policy};
use sortie::sync::Event;
use sortie::transition::{Layer, layers};
use sortie_test::until;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(26, "the example of the reference, step by step", s26),
    scenario!(27, "ten thousand layers", s27),
    scenario!(28, "to enter what was not left", s28),
    scenario!(29, "to leave twice", s29),
    scenario!(30, "to return from no callback", s30),
    scenario!(31, "to call back from managed code", s31),
    scenario!(32, "to leave without a task", s32),
    scenario!(33, "to enter for another", s33),
    scenario!(34, "no room for a layer", s34, setup: shallow),
    scenario!(35, "the worker serves others during a call", s35, setup: single),
    scenario!(36, "to come back while another runs", s36, setup: single),
    scenario!(37, "a call that keeps its worker", s37, setup: single),
    scenario!(38, "to come back within a bound", s38, setup: bounded),
    scenario!(39, "to come back when the runtime was stopped", s39, setup: single),
    scenario!(40, "errno is kept", s40),
    scenario!(41, "targets are passed through", s41),
    scenario!(42, "a thread calls back a thousand times", s42),
    scenario!(43, "a callback that is renewed", s43),
    scenario!(44, "a thread ends in native code", s44),
    scenario!(91, "an unwind closes what it leaves", s91),
    scenario!(92, "results and numbers", s92),
];

fn shallow() -> Setup {
    Setup { host: |host| host.depth_limit(8), ..Setup::new() }
}

fn single() -> Setup {
    Setup { workers: 1, ..Setup::new() }
}

fn bounded() -> Setup {
    let host = |host: HostBuilder| host.entry_bound(Duration::from_millis(20));
    Setup { workers: 1, host, ..Setup::new() }
}

/// Calls of it give the worker away, or keep it.
fn set_class(target: usize, class: Class) {
    policy::for_address(target).set(Policy::new().class(class)).expect("a policy");
}

fn s26(stage: &Stage) {
    let (tasks, c1, c2) = (stage.tasks.clone(), stage.target("C1"), stage.target("C2"));
    stage.run("V", move || {
        let _ = tasks.leave_runtime(c1);
        let _ = tasks.reverse_enter_runtime();
        let _ = tasks.leave_runtime(c2);
        let _ = tasks.enter_runtime();
        let _ = tasks.reverse_leave_runtime();
        let _ = tasks.enter_runtime();
    });
}

fn s27(stage: &Stage) {
    let (tasks, target) = (stage.tasks.clone(), stage.target("C"));
    stage.run("A", move || {
        for _ in 0..5_000 {
            assert_eq!(tasks.leave_runtime(target), HResult::S_OK);
            assert_eq!(tasks.reverse_enter_runtime(), HResult::S_OK);
        }
        assert_eq!(layers().len(), 10_001);
        for _ in 0..5_000 {
            assert_eq!(tasks.reverse_leave_runtime(), HResult::S_OK);
            assert_eq!(tasks.enter_runtime(), HResult::S_OK);
        }
        assert_eq!(layers(), [Layer::ManagedBase]);
    });
}

fn s28(stage: &Stage) {
    let (tasks, target) = (stage.tasks.clone(), stage.target("C"));
    stage.run("A", move || {
        let _ = tasks.enter_runtime();
        let _ = tasks.leave_runtime(target);
        let _ = tasks.enter_runtime();
    });
}

fn s29(stage: &Stage) {
    let (tasks, a, b) = (stage.tasks.clone(), stage.target("a"), stage.target("b"));
    stage.run("A", move || {
        let _ = tasks.leave_runtime(a);
        let _ = tasks.leave_runtime(b);
        let _ = tasks.enter_runtime();
    });
}

fn s30(stage: &Stage) {
    let (tasks, a) = (stage.tasks.clone(), stage.target("a"));
    stage.run("A", move || {
        let _ = tasks.reverse_leave_runtime();
        let _ = tasks.leave_runtime(a);
        let _ = tasks.reverse_leave_runtime();
        let _ = tasks.enter_runtime();
    });
}

fn s31(stage: &Stage) {
    let tasks = stage.tasks.clone();
    stage.run("A", move || {
        let _ = tasks.reverse_enter_runtime();
    });
}

fn s32(stage: &Stage) {
    let (tasks, target) = (stage.tasks.clone(), stage.target("C"));
    stage.thread(move || {
        let _ = tasks.leave_runtime(target);
        assert!(sortie::hosting::HostTask::current().is_none());
    });
}

fn s33(stage: &Stage) {
    let (tasks, target) = (stage.tasks.clone(), stage.target("C"));
    let other = stage.tasks.clone();
    stage.run("T", move || {
        let _ = tasks.leave_runtime(target);
        // Native code: the thread may wait for another.
        let thread = std::thread::spawn(move || {
            let _ = other.enter_runtime();
        });
        thread.join().expect("it does not panic");
        let _ = tasks.enter_runtime();
    });
}

fn s34(stage: &Stage) {
    let (tasks, target) = (stage.tasks.clone(), stage.target("C"));
    stage.run("A", move || {
        for _ in 0..3 {
            let _ = tasks.leave_runtime(target);
            let _ = tasks.reverse_enter_runtime();
        }
        let _ = tasks.leave_runtime(target);
        let _ = tasks.reverse_enter_runtime();
        let _ = tasks.enter_runtime();
        for _ in 0..3 {
            let _ = tasks.reverse_leave_runtime();
            let _ = tasks.enter_runtime();
        }
    });
}

fn s35(stage: &Stage) {
    let (tasks, target) = (stage.tasks.clone(), stage.target("sleeps"));
    set_class(target, Class::Long);
    let left = Arc::new(Event::manual());
    let ran = Arc::new(OnceLock::new());
    let (out, at) = (left.clone(), ran.clone());
    let snapshots = stage.runtime.handle();
    stage.task("A", move || {
        let begun = Instant::now();
        let _ = tasks.leave_runtime(target);
        out.set();
        let end = begun + Duration::from_millis(200);
        while Instant::now() < end {
            let snapshot = snapshots.snapshot();
            assert!(snapshot.workers - snapshot.idle_workers <= 1, "more workers than there are");
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = tasks.enter_runtime();
        let ran: &Instant = at.get().expect("B has run meanwhile");
        // 5 ms on a quiet machine.
        assert!(*ran - begun < Duration::from_millis(100));
    });
    left.wait();
    let at = ran.clone();
    stage.task("B", move || {
        let _ = at.set(Instant::now());
    });
    stage.wait();
}

fn s36(stage: &Stage) {
    let (tasks, target) = (stage.tasks.clone(), stage.target("waits"));
    set_class(target, Class::Long);
    let (trace, notes) = (stage.trace.clone(), stage.trace.clone());
    let (busy, returned) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (b_is_busy, a_has_returned) = (busy.clone(), returned.clone());
    let left = Arc::new(Event::manual());
    let out = left.clone();
    stage.task("A", move || {
        let thread = std::thread::current().id();
        let _ = tasks.leave_runtime(target);
        out.set();
        until("B is busy", || b_is_busy.load(SeqCst));
        a_has_returned.store(true, SeqCst);
        let _ = tasks.enter_runtime();
        trace.note(current(), "is back");
        assert_eq!(std::thread::current().id(), thread);
    });
    left.wait();
    let _stopped = stage.stop_monitor();
    stage.task("B", move || {
        busy.store(true, SeqCst);
        until("A wants to come back", || returned.load(SeqCst));
        // What is tested: that A does not come.
        std::thread::sleep(Duration::from_millis(20));
        notes.note(current(), "waits");
        sortie::sleep(Duration::from_millis(20));
    });
    stage.wait();
}

fn s37(stage: &Stage) {
    let (tasks, target) = (stage.tasks.clone(), stage.target("keeps"));
    set_class(target, Class::Keep);
    let (trace, notes) = (stage.trace.clone(), stage.trace.clone());
    let left = Arc::new(Event::manual());
    let out = left.clone();
    let before = stage.runtime.snapshot();
    stage.task("A", move || {
        let _ = tasks.leave_runtime(target);
        out.set();
        // What is tested: that B does not come.
        std::thread::sleep(Duration::from_millis(50));
        trace.note(current(), "returns");
        let _ = tasks.enter_runtime();
    });
    left.wait();
    let _stopped = stage.stop_monitor();
    stage.task("B", move || notes.note(current(), "runs"));
    stage.wait();
    let after = stage.runtime.snapshot();
    assert_eq!(after.retakes, before.retakes);
}

fn s38(stage: &Stage) {
    let (tasks, target) = (stage.tasks.clone(), stage.target("a"));
    set_class(target, Class::Long);
    let (left, over) = (Arc::new(Event::manual()), Arc::new(Event::manual()));
    let busy = Arc::new(AtomicBool::new(false));
    let (out, is_over, is_busy) = (left.clone(), over.clone(), busy.clone());
    stage.task("A", move || {
        let _ = tasks.leave_runtime(target);
        out.set();
        until("the worker is taken", || is_busy.load(SeqCst));
        let _ = tasks.enter_runtime();
        is_over.wait();
        until("there is a worker", || tasks.enter_runtime() == HResult::S_OK);
    });
    left.wait();
    let _stopped = stage.stop_monitor();
    stage.task("hog", move || {
        busy.store(true, SeqCst);
        std::thread::sleep(Duration::from_millis(500));
        over.set();
    });
    stage.wait();
}

fn s39(stage: &Stage) {
    let (tasks, target) = (stage.tasks.clone(), stage.target("a"));
    set_class(target, Class::Long);
    let left = Arc::new(Event::manual());
    let (busy, stopped) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let refused = Arc::new(AtomicBool::new(false));
    let (out, is_busy, is_refused) = (left.clone(), busy.clone(), refused.clone());
    stage.task("A", move || {
        let _ = tasks.leave_runtime(target);
        out.set();
        until("the worker is taken", || is_busy.load(SeqCst));
        let _ = tasks.enter_runtime();
        let _ = tasks.enter_runtime();
        is_refused.store(true, SeqCst);
    });
    left.wait();
    let _stopped = stage.stop_monitor();
    let is_stopped = stopped.clone();
    stage.task("hog", move || {
        busy.store(true, SeqCst);
        until("the runtime is stopped", || is_stopped.load(SeqCst));
    });
    // A waits in line by then, or comes to a runtime that was stopped: both are seen.
    std::thread::sleep(Duration::from_millis(50));
    let _ = stage.clr.stop();
    until("A was refused", || refused.load(SeqCst));
    stopped.store(true, SeqCst);
    stage.wait();
}

fn s40(stage: &Stage) {
    let (tasks, target) = (stage.tasks.clone(), stage.target("C"));
    stage.run("A", move || {
        let _ = tasks.leave_runtime(target);
        set_errno(42);
        let _ = tasks.enter_runtime();
        assert_eq!(errno(), 42);
        let _ = tasks.leave_runtime(target);
        set_errno(43);
        let _ = tasks.reverse_enter_runtime();
        assert_eq!(errno(), 43);
        let _ = tasks.reverse_leave_runtime();
        assert_eq!(errno(), 43);
        let _ = tasks.enter_runtime();
    });
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn set_errno(value: i32) {
    // SAFETY: no conditions.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: the thread's own variable.
    unsafe { *place = value };
}

fn s41(stage: &Stage) {
    let (tasks, a) = (stage.tasks.clone(), stage.target("a"));
    stage.run("A", move || {
        let _ = tasks.leave_runtime(a);
        assert_eq!(layers(), [Layer::ManagedBase, Layer::Native { target: a }]);
        let _ = tasks.enter_runtime();
        let _ = tasks.leave_runtime(0);
        assert_eq!(layers(), [Layer::ManagedBase, Layer::Native { target: 0 }]);
        let _ = tasks.enter_runtime();
    });
}

fn s42(stage: &Stage) {
    let tasks = stage.tasks.clone();
    stage.thread(move || {
        let mut task = None;
        for _ in 0..1000 {
            assert_eq!(tasks.reverse_enter_runtime(), HResult::S_OK);
            assert_eq!(tasks.reverse_leave_runtime(), HResult::S_OK);
            assert_eq!(layers(), [Layer::NativeBase]);
            let current = tasks.get_current_task().expect("it was adopted");
            assert!(task.get_or_insert_with(|| current.clone()).is(&current));
        }
        assert_eq!(tasks.transitions().map(|counts| counts.renewals), Some(0));
    });
}

fn s43(stage: &Stage) {
    let tasks = stage.tasks.clone();
    let trace = stage.trace.clone();
    stage.thread(move || {
        for _ in 0..3 {
            let _ = tasks.reverse_enter_runtime();
            trace.name_task(tasks.get_current_task().expect("it was adopted").id(), "T");
        }
        assert_eq!(tasks.transitions().map(|counts| counts.renewals), Some(2));
        let _ = tasks.reverse_leave_runtime();
    });
}

fn s44(stage: &Stage) {
    let (tasks, target) = (stage.tasks.clone(), stage.target("exits"));
    let (trace, kept) = (stage.trace.clone(), Arc::new(OnceLock::new()));
    let place = kept.clone();
    stage.thread(move || {
        let task = tasks.get_current_task().expect("it is adopted");
        trace.name_task(task.id(), "T");
        let _ = place.set(task);
        let _ = tasks.reverse_enter_runtime();
        let _ = tasks.leave_runtime(target);
        // The native function ends the thread.
    });
    let task: &HostTask = kept.get().expect("it was adopted");
    until("the task has ended with its thread", || task.is_done());
    assert_eq!(task.leaked_layers(), 2);
    // Its worker is another's.
    let done = Arc::new(AtomicBool::new(false));
    let mark = done.clone();
    stage.run("A", move || mark.store(true, SeqCst));
    assert!(done.load(SeqCst));
}

fn s91(stage: &Stage) {
    let (tasks, a, b) = (stage.tasks.clone(), stage.target("a"), stage.target("b"));
    stage.run("A", move || {
        let unwound = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let _out = Left::new(&tasks, a).expect("managed code is on top");
            let _in = Called::new(&tasks).expect("native code is on top");
            let _out = Left::new(&tasks, b).expect("managed code is on top");
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(unwound.is_err());
        assert_eq!(layers(), [Layer::ManagedBase]);
        let _ = tasks.leave_runtime(a);
        let _ = tasks.enter_runtime();
    });
}

fn s92(stage: &Stage) {
    let tasks = stage.tasks.clone();
    // The place for the answer comes first, also where nothing is available.
    let _ = stage.clr.stop();
    let asked = answer_into(None, || tasks.call_needs_host_hook(1));
    assert_eq!(asked, HResult::E_POINTER);
    let mut hook = true;
    let asked = answer_into(Some(&mut hook), || tasks.call_needs_host_hook(1));
    assert_eq!((asked, hook), (HResult::HOST_E_CLRNOTAVAILABLE, false));
    let codes = include_str!("../expected/section-6.1");
    for line in codes.lines().filter(|line| !line.is_empty()) {
        let (name, code) = line.split_once(' ').expect("a name and a number");
        let code = u32::from_str_radix(code, 16).expect("a number");
        let named = HResult::ALL.iter().find(|value| value.name() == Some(name));
        assert_eq!(named.map(|value| value.code()), Some(code), "{name}");
    }
}
