//! Waits for no object: S-53 to S-58; and the messages that a wait handles: S-70.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage};
use sortie::hosting::{HResult, INFINITE, MessageQueue, WaitOption};
use sortie::sync::Event;
use sortie_test::until;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(53, "a sleep that ends", s53, setup: single),
    scenario!(54, "an alert ends a sleep", s54),
    scenario!(55, "an alert stays until a wait takes it", s55),
    scenario!(56, "others have their turn", s56, setup: single),
    scenario!(57, "joins", s57),
    scenario!(58, "joins that end otherwise", s58),
    scenario!(70, "messages are handled meanwhile", s70),
];

const ALERTABLE: WaitOption = WaitOption::ALERTABLE;
const NONE: WaitOption = WaitOption::NONE;

fn single() -> Setup {
    Setup { workers: 1, ..Setup::new() }
}

fn s53(stage: &Stage) {
    let (tasks, ran) = (stage.tasks.clone(), Arc::new(AtomicBool::new(false)));
    let other_ran = ran.clone();
    let a = stage.task("A", move || {
        let start = Instant::now();
        let _ = tasks.sleep(30, NONE);
        assert!(start.elapsed() >= Duration::from_millis(30));
        assert!(other_ran.load(SeqCst), "nobody else had a turn");
    });
    until("A sleeps", || a.is_waiting() || a.is_done());
    stage.task("B", move || ran.store(true, SeqCst));
    stage.wait();
}

fn s54(stage: &Stage) {
    let (tasks, woken) = (stage.tasks.clone(), Arc::new(Mutex::new(None)));
    let at = woken.clone();
    let a = stage.task("A", move || {
        let _ = tasks.sleep(INFINITE, ALERTABLE);
        *at.lock().unwrap() = Some(Instant::now());
    });
    until("A sleeps", || a.is_waiting());
    let alerted = Arc::new(Mutex::new(None));
    let at = alerted.clone();
    stage.task("B", move || {
        let start = Instant::now();
        let _ = a.alert();
        *at.lock().unwrap() = Some(start);
        assert!(start.elapsed() < Duration::from_secs(5), "the alert waits");
    });
    stage.wait();
    let (woken, alerted) = (woken.lock().unwrap().unwrap(), alerted.lock().unwrap().unwrap());
    // 10 ms, on a machine that has nothing else to do.
    assert!(woken.saturating_duration_since(alerted) < Duration::from_secs(5));
}

fn s55(stage: &Stage) {
    let tasks = stage.tasks.clone();
    let a = stage.task("A", move || {
        let start = Instant::now();
        let _ = tasks.sleep(50, NONE);
        assert!(start.elapsed() >= Duration::from_millis(50), "an alert has ended it");
        let start = Instant::now();
        let _ = tasks.sleep(60_000, ALERTABLE);
        assert!(start.elapsed() < Duration::from_secs(30));
        let start = Instant::now();
        let _ = tasks.sleep(20, ALERTABLE);
        assert!(start.elapsed() >= Duration::from_millis(20));
    });
    until("A sleeps", || a.is_waiting() || a.is_done());
    let _ = a.alert();
    let _ = a.alert();
    stage.wait();
}

fn s56(stage: &Stage) {
    let tasks = stage.tasks.clone();
    stage.run("alone", move || {
        let _ = tasks.switch_to_task(NONE);
    });
    let (tasks, ran) = (stage.tasks.clone(), Arc::new(AtomicBool::new(false)));
    let other_ran = ran.clone();
    let b = stage.suspended("B", move || ran.store(true, SeqCst));
    let _stopped = stage.stop_monitor();
    stage.task("A", move || {
        let _ = b.start();
        let _ = tasks.switch_to_task(NONE);
        assert!(other_ran.load(SeqCst), "the other had no turn");
    });
    stage.wait();
    let turns: Arc<Mutex<Vec<usize>>> = Arc::default();
    let begun: Arc<[AtomicBool; 3]> = Arc::default();
    for (n, name) in ["X1", "X2", "X3"].into_iter().enumerate() {
        let (tasks, turns, begun) = (stage.tasks.clone(), turns.clone(), begun.clone());
        stage.task(name, move || {
            begun[n].store(true, SeqCst);
            while !begun.iter().all(|begun| begun.load(SeqCst)) {
                let _ = tasks.switch_to_task(NONE);
            }
            while turns.lock().unwrap().len() < 300 {
                turns.lock().unwrap().push(n);
                let _ = tasks.switch_to_task(NONE);
            }
        });
    }
    stage.wait();
    let turns = turns.lock().unwrap();
    // Whoever was the last to see that all have begun comes late by a round.
    let counts = [0, 1, 2].map(|n| turns[3..].iter().filter(|turn| **turn == n).count());
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(most - least <= 1, "{counts:?}");
}

fn s57(stage: &Stage) {
    let gate = Arc::new(Event::manual());
    let is_open = gate.clone();
    let joined = stage.task("joined", move || is_open.wait());
    let waiting: Vec<_> = ["A", "B"]
        .into_iter()
        .map(|name| {
            let joined = joined.clone();
            stage.task(name, move || {
                let _ = joined.join(0, NONE);
                let _ = joined.join(INFINITE, NONE);
            })
        })
        .collect();
    until("both wait", || waiting.iter().all(|task| task.is_waiting()));
    gate.set();
    stage.wait();
    stage.task("C", move || {
        let _ = joined.join(0, NONE);
        let _ = joined.join(INFINITE, NONE);
    });
    stage.wait();
}

fn s58(stage: &Stage) {
    let gate = Arc::new(Event::manual());
    let is_open = gate.clone();
    let joined = stage.task("joined", move || is_open.wait());
    let other = joined.clone();
    let a = stage.task("A", move || {
        let _ = other.join(INFINITE, ALERTABLE);
    });
    until("A waits", || a.is_waiting());
    let _ = a.alert();
    until("A has ended", || a.is_done());
    gate.set();
    // A task joins itself: nobody else could end that wait. With NOTINDEADLOCK it lasts.
    let tasks = stage.tasks.clone();
    stage.task("self", move || {
        let own = tasks.get_current_task().expect("a task");
        let _ = own.join(INFINITE, NONE);
        let _ = own.join(10, WaitOption::NOTINDEADLOCK);
    });
    stage.wait();
    // The half of an adopted thread's task is reset while others join that.
    let (tasks, clr) = (stage.tasks.clone(), stage.clr.task_manager());
    let (send, task) = std::sync::mpsc::channel();
    let go = Arc::new(Event::manual());
    let goes = go.clone();
    let end = Arc::new(Event::manual());
    let may_end = end.clone();
    let trace = stage.trace.clone();
    let thread = std::thread::spawn(move || {
        let half = clr.attach().expect("the host adopts");
        let own = tasks.get_current_task().expect("it is adopted");
        trace.name_task(own.id(), "T");
        send.send(own).unwrap();
        goes.wait();
        assert_eq!(half.reset(false), HResult::S_OK);
        // It lives on: its end would be what they wait for.
        may_end.wait();
    });
    let adopted = task.recv().unwrap();
    let other = adopted.clone();
    let b = stage.task("B", move || {
        let _ = other.join(INFINITE, NONE);
        let _ = other.join(INFINITE, NONE);
    });
    until("B waits", || b.is_waiting());
    go.set();
    stage.wait();
    end.set();
    thread.join().unwrap();
}

fn s70(stage: &Stage) {
    let sync = stage.host.sync_manager();
    let event = sync.create_auto_event().expect("an event");
    let queue = MessageQueue::new();
    let handled: Arc<Mutex<Vec<(&str, std::thread::ThreadId)>>> = Arc::default();
    let (its_event, its_queue) = (event.clone(), queue.clone());
    let thread: Arc<Mutex<Option<std::thread::ThreadId>>> = Arc::default();
    let on = thread.clone();
    let a = stage.task("A", move || {
        *on.lock().unwrap() = Some(std::thread::current().id());
        sync.set_message_queue(Some(its_queue)).expect("a hosted task");
        let _ = its_event.wait(INFINITE, WaitOption::MSGPUMP | ALERTABLE);
        // Without a queue the flag means nothing, and neither do bits that nobody knows.
        sync.set_message_queue(None).expect("a hosted task");
        let _ = its_event.wait(1, WaitOption::MSGPUMP | WaitOption::from_bits(0x80));
    });
    until("A waits", || a.is_waiting());
    for message in ["first", "second"] {
        let (handled, tasks) = (handled.clone(), stage.tasks.clone());
        queue.post(move || {
            // In a native layer of the host's, so it may come back to managed code.
            assert_eq!(tasks.reverse_enter_runtime(), HResult::S_OK);
            handled.lock().unwrap().push((message, std::thread::current().id()));
            assert_eq!(tasks.reverse_leave_runtime(), HResult::S_OK);
        });
    }
    until("both are handled", || handled.lock().unwrap().len() == 2);
    assert!(!a.is_done(), "a message has ended the wait");
    let _ = event.set();
    stage.wait();
    let handled = handled.lock().unwrap();
    assert_eq!((handled[0].0, handled[1].0), ("first", "second"));
    let thread = thread.lock().unwrap().unwrap();
    assert!(handled.iter().all(|(_, on)| *on == thread), "handled on another thread");
}
