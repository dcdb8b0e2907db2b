//! Life cycle: S-01 to S-25.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage};
use crate::trace::Event;
use crate::vm::Answers;
use sortie::hosting::{
    Attach, CarrierHandle, ClrManager, HResult, Host, HostControl, HostManager, HostTask, Iid,
    Interface, TaskType,
};
use sortie::sync::Barrier;
use sortie_test::limits;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(2, "managers that a host does not offer", s02),
    scenario!(3, "host control comes before the start", s03, setup: bare),
    scenario!(4, "starts and stops are counted", s04, setup: bare),
    scenario!(5, "managers of the runtime", s05, setup: bare),
    scenario!(6, "a task is suspended until its start", s06),
    scenario!(7, "a repeated start does nothing", s07),
    scenario!(8, "a stack that cannot be had", s08),
    scenario!(9, "the current task is the one that was made", s09),
    scenario!(10, "a task has one other half", s10),
    scenario!(11, "a thread that the host refuses has no task", s11, setup: denying),
    scenario!(12, "a thread that is adopted calls in", s12),
    scenario!(13, "a thread without a task", s13),
    scenario!(14, "a task of several types", s14),
    scenario!(15, "a half that the host asks for", s15),
    scenario!(16, "two tasks on one carrier are switched in turn", s16, setup: single, fibers_only: true),
    scenario!(17, "in twice", s17),
    scenario!(18, "out twice, and out for another", s18),
    scenario!(19, "a VM that cannot be switched", s19, setup: unswitchable),
    scenario!(20, "the half exits before joiners wake", s20),
    scenario!(21, "to exit another", s21),
    scenario!(22, "a half is used again", s22),
    scenario!(23, "what is not reset", s23),
    scenario!(24, "what a reset leaves", s24),
    scenario!(25, "an identifier of 64 bits", s25),
];

fn bare() -> Setup {
    Setup { bare: true, ..Setup::new() }
}

fn denying() -> Setup {
    Setup { host: |host| host.attach(Attach::Deny), ..Setup::new() }
}

fn single() -> Setup {
    Setup { workers: 1, ..Setup::new() }
}

fn unswitchable() -> Setup {
    let answers = Answers { switch_out: HResult::E_NOTIMPL, ..Answers::default() };
    Setup { answers, ..Setup::new() }
}

/// Offers what the host does, but for one manager.
struct Without(Host, Interface);

impl HostControl for Without {
    fn get_host_manager(&self, iid: Iid) -> Result<HostManager, HResult> {
        if iid == self.1.iid() { Err(HResult::E_NOINTERFACE) } else { self.0.get_host_manager(iid) }
    }
}

fn s02(stage: &Stage) {
    let control = Without(stage.host.clone(), Interface::HostThreadPoolManager);
    let ask = |iid| control.get_host_manager(iid).err();
    assert_eq!(ask(Interface::HostThreadPoolManager.iid()), Some(HResult::E_NOINTERFACE));
    assert_eq!(ask(Iid::NIL), Some(HResult::E_INVALIDARG));
    assert_eq!(ask(Interface::HostTaskManager.iid()), None);
}

fn s03(stage: &Stage) {
    assert_eq!(stage.clr.set_host_control(None), HResult::E_INVALIDARG);
    assert_eq!(stage.clr.start(), HResult::S_OK);
    let control = Arc::new(stage.host.clone());
    assert_eq!(stage.clr.set_host_control(Some(control)), HResult::E_CLR_ALREADY_STARTED);
    let _ = stage.clr.get_clr_control();
}

fn s04(stage: &Stage) {
    let control = Arc::new(stage.host.clone());
    let _ = stage.clr.set_host_control(Some(control));
    for _ in 0..2 {
        let _ = stage.clr.start();
    }
    for _ in 0..3 {
        let _ = stage.clr.stop();
    }
    let _ = stage.tasks.leave_runtime(stage.target("C"));
}

fn s05(stage: &Stage) {
    let control = stage.clr.get_clr_control().expect("it is not started");
    let manager = control.get_clr_manager(Interface::ClrTaskManager.iid());
    assert!(matches!(manager, Ok(ClrManager::Task(_))));
    assert!(control.get_clr_manager(Iid::from_number(1)).is_err());
}

fn s06(stage: &Stage) {
    let runs = Arc::new(AtomicU32::new(0));
    let counter = runs.clone();
    let task = stage.suspended("A", move || {
        counter.fetch_add(1, SeqCst);
    });
    // What is tested: that nothing happens.
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(runs.load(SeqCst), 0);
    let _ = task.start();
    stage.wait();
    assert_eq!(runs.load(SeqCst), 1);
}

fn s07(stage: &Stage) {
    let runs = Arc::new(AtomicU32::new(0));
    let counter = runs.clone();
    let own = Arc::new(std::sync::OnceLock::<sortie::hosting::HostTask>::new());
    let itself = own.clone();
    let task = stage.suspended("A", move || {
        counter.fetch_add(1, SeqCst);
        // It runs.
        let _ = itself.get().expect("set before the start").start();
    });
    assert!(own.set(task.clone()).is_ok());
    let _ = task.start();
    stage.wait();
    let _ = task.start();
    assert_eq!(runs.load(SeqCst), 1);
}

fn s08(stage: &Stage) {
    // More than a task has that does not ask, also if that is copied once.
    const TABLE: u32 = 512 << 10;
    const SMALL: u32 = 4 * TABLE;
    let before = stage.runtime.snapshot();
    limits::allow_address_space(Some(512 << 20));
    let refused = stage.tasks.create_task(1 << 30, || 0);
    let after = stage.runtime.snapshot();
    let task = stage.suspended_on(SMALL, "A", || {
        let table = std::hint::black_box([1u8; TABLE as usize]);
        assert_eq!(table.iter().map(|n| u32::from(*n)).sum::<u32>(), TABLE);
    });
    limits::allow_address_space(None);
    assert!(refused.is_err());
    assert_eq!(after.stacks_out, before.stacks_out);
    assert_eq!(after.stacks_mapped_bytes, before.stacks_mapped_bytes);
    assert_eq!(after.tasks_spawned, before.tasks_spawned);
    let _ = task.start();
    stage.wait();
}

fn s09(stage: &Stage) {
    let tasks = stage.tasks.clone();
    let clr = stage.clr.task_manager();
    let own = Arc::new(std::sync::OnceLock::<sortie::hosting::HostTask>::new());
    let itself = own.clone();
    let task = stage.suspended("A", move || {
        let itself = itself.get().expect("set before the start");
        let before = itself.references();
        let one = tasks.get_current_task().expect("a task");
        let two = tasks.get_current_task().expect("a task");
        assert!(one.is(itself) && two.is(itself));
        assert_eq!(itself.references(), before + 2);
        let half = clr.create_task().expect("a half");
        assert!(itself.clr_task().is_some_and(|bound| bound.is(&half)));
    });
    assert!(own.set(task.clone()).is_ok());
    let _ = task.start();
    stage.wait();
}

fn s10(stage: &Stage) {
    let (tasks, clr) = (stage.tasks.clone(), stage.clr.task_manager());
    stage.run("A", move || {
        let x = clr.create_task().expect("a half");
        let task = tasks.get_current_task().expect("a task");
        // Another half: that of a thread.
        let y = std::thread::spawn(move || clr.attach()).join().unwrap().expect("a half");
        assert_eq!(task.set_clr_task(Some(&y)), HResult::HOST_E_INVALIDOPERATION);
        assert!(task.clr_task().is_some_and(|bound| bound.is(&x)));
    });
}

fn s11(stage: &Stage) {
    let tasks = stage.tasks.clone();
    stage.thread(move || {
        assert!(tasks.get_current_task().is_err());
        assert!(sortie::hosting::HostTask::current().is_none());
    });
}

fn s12(stage: &Stage) {
    let (tasks, clr) = (stage.tasks.clone(), stage.clr.task_manager());
    let trace = stage.trace.clone();
    stage.thread(move || {
        let call_in = || {
            let half = clr.attach().expect("the host adopts");
            let task = tasks.get_current_task().expect("it was adopted");
            trace.name_task(task.id(), "T");
            let _ = tasks.reverse_enter_runtime();
            assert_eq!(clr.get_current_task_type(), Ok(TaskType::User));
            let _ = tasks.reverse_leave_runtime();
            (half, task)
        };
        let (first, second) = (call_in(), call_in());
        assert!(first.0.is(&second.0) && first.1.is(&second.1));
    });
}

fn s13(stage: &Stage) {
    let clr = stage.clr.task_manager();
    stage.thread(move || {
        assert!(clr.get_current_task().expect("it answers").is_none());
        assert_eq!(clr.get_current_task_type(), Ok(TaskType::Unknown));
    });
}

fn s14(stage: &Stage) {
    let clr = stage.clr.task_manager();
    stage.run("A", move || {
        let half = clr.attach().expect("a half");
        half.add_type(TaskType::ThreadPoolWorker);
        half.add_type(TaskType::Finalizer);
        assert_eq!(clr.get_current_task_type(), Ok(TaskType::Finalizer));
        half.add_type(TaskType::Gc);
        half.add_type(TaskType::DebuggerHelper);
        assert_eq!(clr.get_current_task_type(), Ok(TaskType::DebuggerHelper));
    });
}

fn s15(stage: &Stage) {
    let (clr, refuses) = (stage.clr.task_manager(), stage.vm.clone());
    stage.run("A", move || {
        refuses.set_create_task(HResult::E_OUTOFMEMORY);
        assert!(clr.create_task().is_err());
        refuses.set_create_task(HResult::S_OK);
        let half = clr.create_task().expect("a half");
        assert!(half.is_current());
    });
}

fn s16(stage: &Stage) {
    // Both have begun before the first of them yields: the one that comes second is the first to go on.
    let begun = Arc::new(Barrier::new(2));
    for name in ["B", "A"] {
        let (clr, begun) = (stage.clr.task_manager(), begun.clone());
        stage.task(name, move || {
            begun.wait();
            let half = clr.attach().expect("a half");
            for _ in 0..3 {
                sortie::yield_now();
                assert!(half.is_current());
            }
        });
    }
    stage.wait();
}

fn s17(stage: &Stage) {
    let clr = stage.clr.task_manager();
    stage.run("A", move || {
        let half = clr.attach().expect("a half");
        let _ = half.switch_in(CarrierHandle(1));
        assert!(half.is_current());
    });
}

fn s18(stage: &Stage) {
    let clr = stage.clr.task_manager();
    stage.run("A", move || {
        let half = clr.attach().expect("a half");
        let other = half.clone();
        let thread = std::thread::spawn(move || other.switch_out());
        assert_eq!(thread.join().unwrap(), HResult::HOST_E_NOT_OWNER);
        assert_eq!(half.switch_out(), HResult::S_OK);
        assert_eq!(half.switch_out(), HResult::HOST_E_INVALIDOPERATION);
        assert_eq!(half.switch_in(CarrierHandle(1)), HResult::S_OK);
    });
}

fn s19(stage: &Stage) {
    let threads = Arc::new(Mutex::new(Vec::new()));
    let turn = Arc::new(Barrier::new(2));
    for name in ["A", "B"] {
        let (clr, threads, turn) = (stage.clr.task_manager(), threads.clone(), turn.clone());
        stage.task(name, move || {
            let _half = clr.attach().expect("a half");
            let thread = || std::thread::current().id();
            let mine = thread();
            threads.lock().unwrap().push(mine);
            for _ in 0..3 {
                turn.wait();
                assert_eq!(thread(), mine);
            }
            // Who comes last to a barrier does not wait there; here each does.
            sortie::sleep(Duration::from_millis(1));
            assert_eq!(thread(), mine);
        });
    }
    stage.wait();
    let threads = threads.lock().unwrap();
    assert_ne!(threads[0], threads[1], "they have waited for each other");
    for name in ["A", "B"] {
        let asked = format!("{name} | vm SwitchOut");
        let lines = stage.trace.lines(|event| matches!(event, Event::Note(_)));
        assert!(lines.iter().filter(|line| **line == asked).count() <= 1, "{name}");
    }
}

fn s20(stage: &Stage) {
    let clr = stage.clr.task_manager();
    let task = stage.task("A", move || {
        let _half = clr.attach().expect("a half");
    });
    let exited = || {
        let lines = stage.trace.lines(|event| matches!(event, Event::Note(_)));
        lines.iter().any(|line| line == "A | vm ExitTask")
    };
    while !task.is_done() {
        std::thread::yield_now();
    }
    assert!(exited());
}

fn s21(stage: &Stage) {
    let clr = stage.clr.task_manager();
    stage.run("A", move || {
        let half = clr.attach().expect("a half");
        let other = half.clone();
        let thread = std::thread::spawn(move || other.exit_task());
        assert_eq!(thread.join().unwrap(), HResult::HOST_E_INVALIDOPERATION);
        assert!(half.is_current());
    });
}

fn s22(stage: &Stage) {
    let (clr, trace) = (stage.clr.task_manager(), stage.trace.clone());
    let first = Arc::new(Mutex::new(None));
    let kept = first.clone();
    stage.thread(move || {
        let half = clr.attach().expect("a half");
        let task = HostTask::current().expect("it was adopted");
        trace.name_task(task.id(), "T1");
        let _ = half.reset(false);
        assert!(task.clr_task().is_none());
        assert!(!half.is_current());
        *kept.lock().unwrap() = Some(half);
    });
    let (clr, trace) = (stage.clr.task_manager(), stage.trace.clone());
    stage.thread(move || {
        let half = clr.attach().expect("a half");
        let task = HostTask::current().expect("it was adopted");
        trace.name_task(task.id(), "T2");
        assert!(first.lock().unwrap().as_ref().is_some_and(|first| first.is(&half)));
        assert!(task.clr_task().is_some_and(|bound| bound.is(&half)));
        assert!(half.is_current());
    });
}

fn s23(stage: &Stage) {
    let clr = stage.clr.task_manager();
    stage.run("A", move || {
        let half = clr.attach().expect("a half");
        let other = half.clone();
        assert_eq!(half.reset(false), HResult::E_UNEXPECTED);
        let thread = std::thread::spawn(move || other.reset(true));
        assert_eq!(thread.join().unwrap(), HResult::E_UNEXPECTED);
        assert!(half.is_current());
    });
}

fn s24(stage: &Stage) {
    const MIB: u64 = 1 << 20;
    for (name, full) in [("T1", false), ("T2", true)] {
        let (clr, tasks, vm) = (stage.clr.task_manager(), stage.tasks.clone(), stage.vm.clone());
        let trace = stage.trace.clone();
        stage.thread(move || {
            let half = clr.attach().expect("a half");
            let task = HostTask::current().expect("it was adopted");
            trace.name_task(task.id(), name);
            vm.allocate(MIB, 0);
            vm.set_statics(5);
            let _ = tasks.set_locale(1036);
            let _ = half.set_task_identifier(7);
            assert_eq!((task.locale(), half.identifier()), (1036, 7));
            let _ = half.reset(full);
            assert_eq!((task.locale(), half.identifier()), (0, 0));
            let kept = half.get_mem_stats().expect("the VM answers").per_thread_allocation;
            assert_eq!((kept >= MIB, vm.statics()), (!full, if full { 0 } else { 5 }));
        });
    }
}

fn s25(stage: &Stage) {
    let clr = stage.clr.task_manager();
    stage.run("A", move || {
        let half = clr.attach().expect("a half");
        let _ = half.set_task_identifier(0x1_0000_0001);
        sortie::sleep(Duration::from_millis(1));
        assert_eq!(half.identifier(), 0x1_0000_0001);
    });
}
