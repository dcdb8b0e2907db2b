//! Each message reaches all who are there when it is sent, in order, unless later ones have displaced it.

use sortie::select;
use sortie::sync::broadcast::{self, RecvError, RecvTimeoutError, SendError, TryRecvError};
use sortie::sync::{Event, Select};
use sortie_test::drops::Drops;
use sortie_test::{MODES, each, each_of, until};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(60);

#[test]
fn all_tasks_and_threads_receive_all_messages_in_order() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        const SENDERS: u32 = 3;
        const EACH: u32 = 50;
        let (sender, receiver) = broadcast::channel((SENDERS * EACH) as usize);
        let receive = || {
            let receiver = receiver.clone();
            move || {
                let mut next = [0; SENDERS as usize];
                while let Ok((from, n)) = receiver.recv() {
                    assert_eq!(n, next[from as usize], "from {from}");
                    next[from as usize] += 1;
                }
                assert_eq!(next, [EACH; SENDERS as usize]);
            }
        };
        let tasks: Vec<_> = (0..8).map(|_| runtime.spawn(receive())).collect();
        let threads = [(), ()].map(|()| std::thread::spawn(receive()));
        drop(receiver);
        for from in 0..SENDERS {
            let sender = sender.clone();
            let send = move || {
                (0..EACH).for_each(|n| assert_eq!(sender.send((from, n)), Ok(10)));
            };
            match from {
                0 => drop(std::thread::spawn(send)),
                _ => drop(runtime.spawn(send)),
            }
        }
        drop(sender);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn who_comes_too_late_is_told_how_many_it_has_missed() {
    each(|runtime| {
        let (sender, slow) = broadcast::channel(2);
        let body = move || {
            assert_eq!(slow.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
            assert_eq!(slow.try_recv(), Err(TryRecvError::Empty));
            (0..5).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
            assert_eq!(slow.len(), 2);
            assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(3)));
            assert_eq!(slow.recv(), Ok(3));
            drop(sender);
            assert_eq!(slow.recv_timeout(LONG), Ok(4));
            assert_eq!(slow.recv(), Err(RecvError::Disconnected));
            assert_eq!(slow.try_recv(), Err(TryRecvError::Disconnected));
        };
        runtime.run(body);
    });
}

#[test]
fn messages_are_dropped_once_all_have_them_or_nobody_wants_them() {
    each(|_| {
        let drops = Drops::new();
        let (sender, first) = broadcast::channel(4);
        let second = sender.subscribe();
        (0..5).for_each(|_| drop(sender.send(Arc::new(drops.value()))));
        assert_eq!(drops.dropped(), 1, "displaced");
        assert_eq!(first.recv().unwrap_err(), RecvError::Lagged(1));
        drop(first.recv().unwrap());
        assert_eq!(drops.dropped(), 1, "the second wants it");
        drop(second.clone());
        drop(second);
        assert_eq!(drops.dropped(), 2, "and does no more");
        drop(first.recv().unwrap());
        assert_eq!(drops.dropped(), 3, "all have it");
        drop(first);
        assert_eq!(drops.dropped(), 5, "nobody receives");
        let SendError(refused) = sender.send(Arc::new(drops.value())).unwrap_err();
        drop(refused);
        drops.check();
    });
}

/// A destructor that waits, in the one who sends.
struct Slow(Arc<Event>);

impl Drop for Slow {
    fn drop(&mut self) {
        self.0.wait();
    }
}

#[test]
fn a_message_that_is_displaced_and_takes_its_time_keeps_nobody_from_the_next() {
    each(|runtime| {
        let (sender, quick) = broadcast::channel(1);
        let slow = quick.clone();
        sender.send(Some(Arc::new(Slow(Arc::new(Event::manual()))))).unwrap();
        assert!(quick.recv().unwrap().is_some());
        let receives = runtime.spawn(move || quick.recv().unwrap().is_none());
        until("it waits", || runtime.snapshot().idle_workers == runtime.case.workers);
        let sends = runtime.spawn(move || sender.send(None));
        assert!(receives.join_timeout(LONG).expect("it has the next").unwrap());
        // Its destructor waits for ever.
        sends.abort();
        assert!(sends.join().unwrap_err().is_aborted());
        drop(slow);
    });
}

#[test]
fn a_clone_receives_from_there_on_and_a_subscriber_from_now_on() {
    each(|_| {
        let (sender, first) = broadcast::channel(4);
        (0..3).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
        assert_eq!(first.recv(), Ok(0));
        let (clone, late) = (first.clone(), sender.subscribe());
        assert_eq!((first.len(), clone.len(), late.len()), (2, 2, 0));
        sender.send(3).unwrap();
        for n in 1..=3 {
            assert_eq!((first.recv(), clone.recv()), (Ok(n), Ok(n)));
        }
        assert_eq!(late.recv(), Ok(3));
    });
}

#[test]
fn selects_take_a_message_that_all_receive() {
    each(|runtime| {
        let (sender, receiver) = broadcast::channel(4);
        let ready = Arc::new(Event::manual());
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let (receiver, ready) = (receiver.clone(), ready.clone());
                runtime.spawn(move || {
                    ready.wait();
                    if n % 2 == 0 {
                        return select! {
                            recv(receiver) -> message => message.unwrap(),
                            after(LONG) => unreachable!("it comes"),
                        };
                    }
                    Select::new().recv(&receiver, Result::unwrap).wait()
                })
            })
            .collect();
        select! {
            recv(receiver) -> message => unreachable!("{message:?}"),
            after(SHORT) => ready.set(),
        }
        sender.send(7).unwrap();
        assert!(tasks.into_iter().all(|task| task.join().unwrap() == 7));
    });
}

#[test]
fn who_sends_waits_until_nobody_receives() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let (sender, receiver) = broadcast::channel(2);
        assert!(!sender.closed_timeout(SHORT));
        let closed = || {
            let sender = sender.clone();
            move || sender.closed()
        };
        let tasks = [(), ()].map(|()| runtime.spawn(closed()));
        let thread = std::thread::spawn(closed());
        let other = receiver.clone();
        drop(receiver);
        sender.send(1).unwrap();
        let [given_up, task] = tasks;
        given_up.abort();
        assert!(given_up.join().unwrap_err().is_aborted());
        assert!(!task.is_finished() && !thread.is_finished() && !sender.is_closed());
        drop(other);
        task.join().unwrap();
        thread.join().unwrap();
        assert!(sender.closed_timeout(LONG));
        // Another may come.
        let _third = sender.subscribe();
        assert!(!sender.closed_until(Instant::now()));
    });
}

#[test]
#[should_panic(expected = "a broadcast channel without room")]
fn a_channel_without_room_is_refused() {
    let _ = broadcast::channel::<()>(0);
}
