//! A message goes from hand to hand to a task whose runtime ends before the task goes on: it comes back, for whoever
//! receives next, and nobody waits for ever to be told that the senders have gone. One that is sent after the end is not
//! handed to such a task.

use sortie::select;
use sortie::sync::channel::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use sortie_test::drops::{Counted, Drops};
use sortie_test::{MODES, Mode, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

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

/// A runtime with two tasks that wait for a message, one of which was handed the drop's value by a third, which keeps
/// the only worker: none of the two goes on.
struct Handed {
    runtime: Option<sortie::Runtime>,
    straggler: sortie::JoinHandle<()>,
    waiting: [sortie::JoinHandle<()>; 2],
    go_on: Arc<AtomicBool>,
}

/// Not with the fixture, which finds that the tasks are left with their stacks: that is what is tested.
fn hand(
    mode: Mode,
    sender: Sender<Counted>,
    receiver: &Receiver<Counted>,
    value: Counted,
) -> Handed {
    let runtime = runtime(mode);
    let begun = Arc::new(AtomicBool::new(false));
    let waiting = std::array::from_fn(|_| {
        let receiver = receiver.clone();
        runtime.spawn(move || drop(receiver.recv()))
    });
    // Behind them on the one worker: they wait when it begins, and nobody runs until it ends.
    let go_on = Arc::new(AtomicBool::new(false));
    let straggler = {
        let (begun, go_on) = (begun.clone(), go_on.clone());
        runtime.spawn(move || {
            sortie::yield_now();
            sender.send(value).unwrap();
            drop(sender);
            begun.store(true, SeqCst);
            while !go_on.load(SeqCst) {
                std::hint::spin_loop();
            }
        })
    };
    until("one was handed a message", || begun.load(SeqCst));
    Handed { runtime: Some(runtime), straggler, waiting, go_on }
}

impl Handed {
    fn end(&mut self) {
        let runtime = self.runtime.take().expect("it ends once");
        let report = runtime.shutdown(Duration::ZERO);
        assert!(report.stragglers().len() >= 3, "{report}");
    }

    fn clear_up(self) {
        self.go_on.store(true, SeqCst);
        self.straggler.join().unwrap();
        drop(self.waiting);
    }
}

#[test]
fn the_message_comes_back_and_the_others_go_on() {
    for mode in MODES {
        let drops = Drops::new();
        let (sender, receiver) = channel::bounded(0);
        let mut handed = hand(mode, sender.clone(), &receiver, drops.value());
        assert_eq!(receiver.try_recv().err(), Some(TryRecvError::Empty), "{mode:?}: it is handed");
        handed.end();
        drop(receiver.recv_timeout(PATIENCE).expect("it comes back"));
        let none = receiver.recv_timeout(Duration::from_millis(2));
        assert_eq!(none.err(), Some(RecvTimeoutError::Timeout), "{mode:?}: it came back once");
        assert_eq!(drops.dropped(), 1);
        // The other one waits still, by its runtime's word, and is not there to take anything.
        let other = runtime(mode);
        let second = drops.value();
        let sends = other.spawn(move || sender.send(second).unwrap());
        drop(receiver.recv_timeout(PATIENCE).expect("the second goes to who is there"));
        sends.join().unwrap();
        assert_eq!(drops.dropped(), 2);
        handed.clear_up();
    }
}

#[test]
fn who_waits_is_told_that_the_senders_have_gone() {
    for mode in MODES {
        for ends_first in [false, true] {
            let drops = Drops::new();
            let (sender, receiver) = channel::bounded(0);
            let mut handed = hand(mode, sender.clone(), &receiver, drops.value());
            // A task that selects and a thread: both wait before, and one of them gets the message.
            let other = runtime(mode);
            let waiting = Arc::new(AtomicUsize::new(0));
            let selects = {
                let (receiver, waiting) = (receiver.clone(), waiting.clone());
                other.spawn(move || {
                    waiting.fetch_add(1, SeqCst);
                    std::iter::from_fn(|| select! { recv(receiver) -> message => message.ok() })
                        .count()
                })
            };
            let receives = {
                let waiting = waiting.clone();
                std::thread::spawn(move || {
                    waiting.fetch_add(1, SeqCst);
                    receiver.iter().count()
                })
            };
            until("both are about to wait", || waiting.load(SeqCst) == 2);
            if ends_first {
                handed.end();
                drop(sender);
            } else {
                drop(sender);
                // Both were woken by that, and wait again.
                std::thread::sleep(Duration::from_millis(3));
                handed.end();
            }
            let received = selects.join().unwrap() + receives.join().unwrap();
            assert_eq!(
                (received, drops.dropped()),
                (1, 1),
                "{mode:?}, the end first: {ends_first}"
            );
            handed.clear_up();
        }
    }
}
