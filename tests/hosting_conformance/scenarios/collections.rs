//! Collections: S-45 and S-46, S-87 and S-89.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage, current};
use sortie::hosting::{GcStatTypes, HResult};
use sortie::native::{Class, Policy, policy};
use sortie::sync::Event;
use sortie_test::until;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(45, "to come back while the world is stopped", s45),
    scenario!(46, "to wait for a worker while the world is stopped", s46, setup: single),
    scenario!(87, "what a task has allocated", s87),
    scenario!(89, "who stops the world is not switched away", s89),
];

fn single() -> Setup {
    Setup { workers: 1, ..Setup::new() }
}

/// Two tasks in native code, one whose worker may be taken and one that keeps it.
fn s45(stage: &Stage) {
    let (out, may_return) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let back = Arc::new(AtomicU32::new(0));
    for (name, class) in [("A", Class::Short), ("K", Class::Keep)] {
        let (tasks, target) = (stage.tasks.clone(), stage.target("C"));
        policy::for_address(target).set(Policy::new().class(class)).expect("a policy");
        let (trace, out, may_return) = (stage.trace.clone(), out.clone(), may_return.clone());
        let back = back.clone();
        stage.task(name, move || {
            let _ = tasks.leave_runtime(target);
            out.fetch_add(1, SeqCst);
            until("the world is stopped", || may_return.load(SeqCst));
            let _ = tasks.enter_runtime();
            back.fetch_add(1, SeqCst);
            trace.note(current(), "is back");
        });
    }
    until("both are in native code", || out.load(SeqCst) == 2);
    let (gc, trace) = (stage.clr.gc_manager(), stage.trace.clone());
    // A thread without a task, as a VM's own collector may be.
    let begun = Instant::now();
    let world = gc.suspend().expect("the host has a manager for collections");
    assert!(begun.elapsed() < Duration::from_secs(5), "it has waited for native code");
    may_return.store(true, SeqCst);
    // What is tested: that nobody comes back.
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(back.load(SeqCst), 0);
    trace.note(None, "collected");
    world.resume(0);
    stage.wait();
    assert_eq!(back.load(SeqCst), 2);
}

fn s46(stage: &Stage) {
    let (tasks, gc) = (stage.tasks.clone(), stage.clr.gc_manager());
    let (trace, notes) = (stage.trace.clone(), stage.trace.clone());
    let (calls, is_over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (has_called, over) = (calls.clone(), is_over.clone());
    let _stopped = stage.stop_monitor();
    let busy = Arc::new(Event::manual());
    let is_busy = busy.clone();
    stage.task("G", move || {
        is_busy.set();
        until("the thread calls back", || has_called.load(SeqCst));
        // It waits for the one worker by then, or will: the collection proceeds either way.
        std::thread::sleep(Duration::from_millis(20));
        let world = gc.suspend().expect("the host has a manager for collections");
        notes.note(current(), "collected");
        world.resume(2);
        over.store(true, SeqCst);
    });
    busy.wait();
    stage.thread(move || {
        let task = tasks.get_current_task().expect("it is adopted");
        trace.name_task(task.id(), "T");
        calls.store(true, SeqCst);
        let _ = tasks.reverse_enter_runtime();
        assert!(is_over.load(SeqCst));
        let _ = tasks.reverse_leave_runtime();
    });
    stage.wait();
}

fn s87(stage: &Stage) {
    const MIB: u64 = 1 << 20;
    let (clr, vm, gc) = (stage.clr.task_manager(), stage.vm.clone(), stage.clr.gc_manager());
    stage.run("A", move || {
        let half = clr.attach().expect("a half");
        vm.allocate(MIB, 0);
        let stats = half.get_mem_stats().expect("the VM answers");
        assert!(stats.per_thread_allocation >= MIB && !stats.has_promoted_bytes);
        let _ = gc.collect(0);
        let stats = half.get_mem_stats().expect("the VM answers");
        assert_eq!((stats.per_thread_allocation, stats.has_promoted_bytes), (0, false));
        vm.allocate(MIB, 100);
        let _ = gc.collect(0);
        let stats = half.get_mem_stats().expect("the VM answers");
        assert_eq!((stats.per_thread_allocation, stats.has_promoted_bytes), (0, true));
    });
}

fn s89(stage: &Stage) {
    let (gc, tasks) = (stage.clr.gc_manager(), stage.tasks.clone());
    let (is_over, steps) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    // Managed code, which comes by safepoints; and work that is none of the VM's, which may have its worker.
    let (mutator, over, counter) = (gc.clone(), is_over.clone(), steps.clone());
    stage.task("M", move || {
        while !over.load(SeqCst) {
            counter.fetch_add(1, SeqCst);
            mutator.safepoint();
        }
    });
    until("M runs", || steps.load(SeqCst) > 100);
    let (handle, others) = (stage.runtime.handle(), Arc::new(AtomicU32::new(0)));
    let (host_gc, ran) = (stage.host.gc_manager(), others.clone());
    stage.run("G", move || {
        let world = gc.suspend().expect("the host has a manager for collections");
        // Another cannot begin, nor end it.
        let stranger = host_gc.clone();
        let thread = std::thread::spawn(move || {
            (stranger.suspension_starting(), stranger.suspension_ending(0))
        });
        let refused = (HResult::HOST_E_INVALIDOPERATION, HResult::HOST_E_NOT_OWNER);
        assert_eq!(thread.join().unwrap(), refused);
        let before = steps.load(SeqCst);
        let thread = std::thread::current().id();
        for _ in 0..20 {
            let others = ran.clone();
            drop(handle.spawn(move || others.fetch_add(1, SeqCst)));
            sortie::yield_now();
            assert_eq!(std::thread::current().id(), thread);
        }
        // M's worker, and no other, does that.
        until("other work is done meanwhile", || ran.load(SeqCst) == 20);
        assert_eq!(steps.load(SeqCst), before, "managed code has run");
        world.resume(1);
        is_over.store(true, SeqCst);
        assert_eq!(host_gc.suspension_ending(1), HResult::HOST_E_NOT_OWNER);
        assert!(tasks.get_current_task().is_ok());
    });
    stage.wait();

    let gc = stage.clr.gc_manager();
    for generation in [-1, 0, 2, 3, 5, -2] {
        let _ = gc.collect(generation);
    }
    let counts = gc.get_stats(GcStatTypes::COUNTS).expect("the VM answers");
    assert_eq!((counts.collections, counts.committed_kbytes), ([3, 2, 2], 0));
    let memory = gc.get_stats(GcStatTypes::MEMORYUSAGE).expect("the VM answers");
    assert_eq!((memory.collections, memory.committed_kbytes), ([0; 3], 1024));
    let _ = gc.get_stats(GcStatTypes::from_bits(4));
    // Too small, uneven, too small; the first that fits counts.
    for (segment, generation_0) in [
        (1 << 20, 1 << 20),
        ((4 << 20) + 1, 1 << 20),
        (4 << 20, 1 << 10),
        (8 << 20, 1 << 16),
        (4 << 20, 1 << 17),
    ] {
        let _ = gc.set_gc_startup_limits(segment, generation_0);
    }
}
