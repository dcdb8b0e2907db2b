//! A message goes from hand to hand to a task whose runtime ends before the task goes on: it is that task's, once and for
//! good, and the channel works on for everybody else. One that is sent after the end is not handed to it.

use sortie::sync::channel::{self, RecvTimeoutError};
use sortie_test::drops::Drops;
use sortie_test::{MODES, Mode, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

fn runtime(mode: Mode) -> sortie::Runtime {
    let builder = sortie::Runtime::builder().workers(1);
    match mode {
        Mode::Pinned => builder,
        // SAFETY: nothing here keeps things of its thread over a suspension.
        Mode::Migrating => unsafe { builder.migrating() },
    }
    .build()
    .expect("a runtime")
}

/// Not with the fixture, which finds that the tasks are left with their stacks: that is what is tested.
#[test]
fn the_task_keeps_it_and_the_others_go_on() {
    for mode in MODES {
        let drops = Drops::new();
        let (sender, receiver) = channel::bounded(0);
        let ending = runtime(mode);
        let begun = Arc::new(AtomicBool::new(false));
        let lost: [_; 2] = std::array::from_fn(|_| {
            let receiver = receiver.clone();
            ending.spawn(move || drop(receiver.recv()))
        });
        // Behind them on the one worker: they wait when it begins, and nobody runs until it ends.
        let go_on = Arc::new(AtomicBool::new(false));
        let straggler = {
            let (sender, begun, go_on) = (sender.clone(), begun.clone(), go_on.clone());
            let first = drops.value();
            ending.spawn(move || {
                sortie::yield_now();
                sender.send(first).unwrap();
                begun.store(true, SeqCst);
                while !go_on.load(SeqCst) {
                    std::hint::spin_loop();
                }
            })
        };
        until("one was handed a message", || begun.load(SeqCst));
        let report = ending.shutdown(Duration::ZERO);
        assert!(report.stragglers().len() >= 3, "{report}");

        let none = receiver.recv_timeout(Duration::from_millis(2));
        assert_eq!(none.err(), Some(RecvTimeoutError::Timeout), "{mode:?}: it was handed once");
        // The other one waits still, by its runtime's word, and is not there to take anything.
        let other = runtime(mode);
        let second = drops.value();
        let sends = other.spawn(move || sender.send(second).unwrap());
        drop(
            receiver
                .recv_timeout(Duration::from_secs(20))
                .expect("the second goes to who is there"),
        );
        sends.join().unwrap();
        assert_eq!(drops.dropped(), 1, "{mode:?}: the first is with its task");
        go_on.store(true, SeqCst);
        straggler.join().unwrap();
        drop(lost);
    }
}
