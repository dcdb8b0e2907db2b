//! What goes with a task: its level, its hurry, its locales, its stack, its memory: S-83 to S-87.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage, current};
use crate::trace::Event as Told;
use crate::vm::Answers;
use sortie::hosting::{HResult, Host, HostTask, WaitOption};
use sortie::sync::{Barrier, Event};
use sortie_test::until;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(82, "a task is asked to let others run", s82, setup: single),
    scenario!(83, "seven levels", s83, setup: single),
    scenario!(84, "a task that the VM waits for", s84, setup: hurried),
    scenario!(85, "locales go with their task", s85),
    scenario!(86, "stack for those who handle an overflow", s86),
];

fn single() -> Setup {
    Setup { workers: 1, ..Setup::new() }
}

fn hurried() -> Setup {
    let answers = Answers { needs_priority: Some("A"), ..Answers::default() };
    Setup { workers: 1, answers, ..Setup::new() }
}

/// A host beside that of the stage, which refuses what may be refused. Its calls are not recorded: its tasks have
/// numbers of their own.
fn refusing(stage: &Stage) -> Host {
    let host = Host::builder(&stage.runtime.handle()).locales(false).stack_guarantees(false);
    let host = host.build();
    assert!(host.task_manager().set_clr_task_manager(&stage.clr.task_manager()).is_success());
    host
}

fn s82(stage: &Stage) {
    let _stopped = stage.stop_monitor();
    let (clr, vm, tasks) = (stage.clr.task_manager(), stage.vm.clone(), stage.tasks.clone());
    let target = stage.target("C");
    // Where A is: it computes; it is asked twice; it is in native code; it waits.
    let (half, at) = (Arc::new(Mutex::new(None)), Arc::new(AtomicU32::new(0)));
    let (own, step, is_over) = (half.clone(), at.clone(), Arc::new(Event::manual()));
    let ends = is_over.clone();
    let a = stage.task("A", move || {
        let half = clr.attach().expect("a half");
        assert_eq!(half.yield_task(), HResult::HOST_E_INVALIDOPERATION);
        *own.lock().unwrap() = Some(half);
        step.store(1, SeqCst);
        until("both requests have come", || step.load(SeqCst) == 2);
        assert!(vm.takes_yield());
        let _ = tasks.switch_to_task(WaitOption::NONE);
        assert!(!vm.takes_yield());
        let _ = tasks.leave_runtime(target);
        step.store(3, SeqCst);
        until("a request has come", || step.load(SeqCst) == 4);
        let _ = tasks.enter_runtime();
        ends.wait();
    });
    until("A computes", || at.load(SeqCst) == 1);
    let half = half.lock().unwrap().clone().expect("A has a half");
    let ran = Arc::new(AtomicBool::new(false));
    let runs = ran.clone();
    stage.task("B", move || runs.store(true, SeqCst));
    assert!(!ran.load(SeqCst), "there is one worker");
    let start = Instant::now();
    let _ = half.yield_task();
    let _ = half.yield_task();
    at.store(2, SeqCst);
    until("B has its turn", || ran.load(SeqCst));
    // 20 ms, on a machine that has nothing else to do.
    assert!(start.elapsed() < Duration::from_secs(5));
    until("A is in native code", || at.load(SeqCst) == 3);
    let _ = half.yield_task();
    at.store(4, SeqCst);
    until("A waits", || half.is_switched_out() || !stage.is_fibers());
    if stage.is_fibers() {
        let _ = half.yield_task();
    }
    is_over.set();
    until("A has ended", || a.is_done());
    let _ = half.yield_task();
    assert!(!stage.vm.takes_yield(), "a task was asked that could do nothing");
}

fn s83(stage: &Stage) {
    // In the order in which their turns come.
    let order = Arc::new(Mutex::new(Vec::new()));
    let is_held = Arc::new(AtomicBool::new(true));
    let _stopped = stage.stop_monitor();
    let hold = is_held.clone();
    let begun = Arc::new(Event::manual());
    let has_begun = begun.clone();
    stage.task("hog", move || {
        has_begun.set();
        until("all others are ready", || !hold.load(SeqCst));
    });
    begun.wait();
    for name in ["N1", "N2", "N3", "N4", "H"] {
        let order = order.clone();
        let task = stage.suspended(name, move || order.lock().unwrap().push(name));
        if name == "H" {
            let _ = task.get_priority();
            for level in [-15, -2, -1, 0, 1, 15, 2] {
                assert_eq!(task.set_priority(level), HResult::S_OK);
                assert_eq!(task.get_priority(), Ok(level));
            }
            let _ = task.set_priority(3);
            assert_eq!(task.get_priority(), Ok(2));
        }
        let _ = task.start();
    }
    is_held.store(false, SeqCst);
    stage.wait();
    let order = order.lock().unwrap();
    // Of 32 turns five are the ordinary tasks', whoever else is ready.
    assert!(order[..2].contains(&"H"), "{order:?}");
}

fn s84(stage: &Stage) {
    let turns = Arc::new(Mutex::new(Vec::new()));
    let begun = Arc::new(Barrier::new(3));
    let _stopped = stage.stop_monitor();
    for name in ["A", "B", "C"] {
        let (clr, turns, begun) = (stage.clr.task_manager(), turns.clone(), begun.clone());
        stage.task(name, move || {
            let _half = clr.attach().expect("a half");
            begun.wait();
            for _ in 0..8 {
                turns.lock().unwrap().push(name);
                sortie::yield_now();
            }
        });
    }
    stage.wait();
    let turns = turns.lock().unwrap();
    let is_told = stage.trace.lines(|event| matches!(event, Told::Note(_)));
    if !is_told.iter().any(|line| line.ends_with("vm SwitchOut")) {
        // Each has a thread for itself.
        return;
    }
    // Those that are not hurried take turns. Between two turns of the other there is one of theirs at most.
    let of = |name| turns.iter().enumerate().filter(move |turn| *turn.1 == name).map(|turn| turn.0);
    let hurried: Vec<usize> = of("A").collect();
    assert!(hurried.windows(2).all(|pair| pair[1] - pair[0] <= 2), "{turns:?}");
    assert!(hurried[7] - hurried[0] < 12, "{turns:?}");
    for (b, c) in of("B").zip(of("C")) {
        let between = hurried.iter().filter(|turn| (b.min(c)..b.max(c)).contains(turn)).count();
        assert!(b.abs_diff(c) - between <= 2, "{turns:?}");
    }
}

fn s85(stage: &Stage) {
    let other = refusing(stage).task_manager();
    stage.thread(move || {
        let task = other.get_current_task().expect("it is adopted");
        assert_eq!(other.set_locale(1031), HResult::E_NOTIMPL);
        assert_eq!((task.locale(), task.ui_locale()), (0, 0));
    });
    let clr = stage.clr.task_manager();
    stage.thread(move || {
        assert_eq!(clr.set_locale(1036), HResult::HOST_E_INVALIDOPERATION);
    });
    let (tasks, clr) = (stage.tasks.clone(), stage.clr.task_manager());
    stage.run("A", move || {
        let _half = clr.attach().expect("a half");
        let task = HostTask::current().expect("a task");
        // Managed code: the host is told, and does not answer.
        assert_eq!(tasks.set_locale(1036), HResult::S_OK);
        assert_eq!(tasks.set_ui_locale(1031), HResult::S_OK);
        // The host: the VM is told, and does not answer.
        assert_eq!(clr.set_locale(1041), HResult::S_OK);
        assert_eq!(clr.set_ui_locale(1033), HResult::S_OK);
        for _ in 0..20 {
            sortie::sleep(Duration::from_millis(1));
            assert_eq!((task.locale(), task.ui_locale()), (1041, 1033));
        }
    });
}

fn s86(stage: &Stage) {
    const ASKED: u32 = 64 * 1024;
    let other = refusing(stage).task_manager();
    let goes_on = Arc::new(AtomicU32::new(0));
    let own = goes_on.clone();
    stage.thread(move || {
        let _task = other.get_current_task().expect("it is adopted");
        assert_eq!(other.set_stack_guarantee(ASKED), HResult::E_NOTIMPL);
        assert_eq!(other.get_stack_guarantee(), Err(HResult::E_NOTIMPL));
        own.store(1, SeqCst);
    });
    assert_eq!(goes_on.load(SeqCst), 1);
    let tasks = stage.tasks.clone();
    stage.run("A", move || {
        let guaranteed = |bytes| tasks.get_stack_guarantee() == Ok(bytes);
        let _ = tasks.set_stack_guarantee(0);
        assert!(guaranteed(0));
        let _ = tasks.set_stack_guarantee(ASKED);
        assert!(guaranteed(ASKED) && usable_after_overflow() >= ASKED as usize);
        let _ = tasks.set_stack_guarantee(16 * 1024);
        assert!(guaranteed(ASKED), "it is raised only");
        let _ = tasks.set_stack_guarantee(1 << 30);
        assert!(guaranteed(ASKED), "what fails changes nothing");
        assert_eq!(current(), HostTask::current().map(|task| task.id()));
    });
}

/// How many bytes of stack a handler of an overflow has on this thread.
fn usable_after_overflow() -> usize {
    let mut stack = std::mem::MaybeUninit::<libc::stack_t>::zeroed();
    // SAFETY: only asks.
    let asked = unsafe { libc::sigaltstack(std::ptr::null(), stack.as_mut_ptr()) };
    assert_eq!(asked, 0);
    // SAFETY: the call has written it.
    let stack = unsafe { stack.assume_init() };
    let is_there = stack.ss_flags & libc::SS_DISABLE == 0;
    // SAFETY: no conditions. The kernel's frame comes first.
    let frame = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
    if is_there { stack.ss_size.saturating_sub(frame) } else { 0 }
}
