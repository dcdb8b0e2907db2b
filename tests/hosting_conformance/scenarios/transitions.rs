//! Transitions: S-26 to S-46.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage};
use sortie::hosting::HResult;
use sortie::transition::{Layer, layers};

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
    scenario!(41, "targets are passed through", s41),
    scenario!(42, "a thread calls back a thousand times", s42),
    scenario!(43, "a callback that is renewed", s43),
];

fn shallow() -> Setup {
    Setup { host: |host| host.depth_limit(8), ..Setup::new() }
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
