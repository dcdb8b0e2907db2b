//! Each message that goes into a channel comes out once, in order, or is dropped once; and nobody waits for what
//! is there.

use sortie::sync::channel::{
    self, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError,
    TrySendError,
};
use sortie_test::drops::{Counted, Drops};
use sortie_test::{MODES, Running, each, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

/// One of each kind: rendezvous, least room, some room, any room.
fn kinds<T>() -> [(Sender<T>, Receiver<T>); 4] {
    [channel::bounded(0), channel::bounded(1), channel::bounded(7), channel::unbounded()]
}

/// So many senders, half of them threads, send to as many receivers, half of them threads.
fn all_to_all(runtime: &Running<'_>, handles: u64, messages: u64) {
    for (sender, receiver) in kinds() {
        let (sum, count) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (mut tasks, mut threads) = (Vec::new(), Vec::new());
        for number in 0..handles {
            let (sender, receiver) = (sender.clone(), receiver.clone());
            let (sum, count) = (sum.clone(), count.clone());
            let send = move || {
                for n in 0..messages {
                    sender.send((number, n)).unwrap();
                }
            };
            let receive = move || {
                let mut last = vec![None; handles as usize];
                for (from, n) in receiver {
                    let last = &mut last[from as usize];
                    assert!(last.is_none_or(|last| last < n), "out of order");
                    *last = Some(n);
                    sum.fetch_add(n, SeqCst);
                    count.fetch_add(1, SeqCst);
                }
            };
            if number % 2 == 0 {
                tasks.push(runtime.spawn(send));
                tasks.push(runtime.spawn(receive));
            } else {
                threads.push(thread::spawn(send));
                threads.push(thread::spawn(receive));
            }
        }
        drop((sender, receiver));
        tasks.into_iter().for_each(|task| task.join().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(count.load(SeqCst), handles * messages);
        assert_eq!(sum.load(SeqCst), handles * (messages * (messages - 1) / 2));
    }
}

#[test]
fn each_message_is_received_once_and_in_order() {
    each(|runtime| all_to_all(runtime, 4, 250));
}

#[test]
fn also_with_more_workers_than_anybody_needs() {
    each_of(&[64], &MODES, |runtime| all_to_all(runtime, 16, 50));
}

#[test]
fn tasks_and_threads_answer_each_other() {
    each(|runtime| {
        for ((ask, asked), (answer, answered)) in kinds().into_iter().zip(kinds()) {
            let other = runtime.spawn(move || {
                for n in &asked {
                    answer.send(n + 1).unwrap();
                }
            });
            for n in 0..100 {
                ask.send(n).unwrap();
                assert_eq!(answered.recv(), Ok(n + 1));
            }
            drop(ask);
            other.join().unwrap();
        }
    });
}

#[test]
fn a_rendezvous_ends_the_send_when_the_message_is_taken() {
    each(|runtime| {
        let (sender, receiver) = channel::bounded(0);
        assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        let task = runtime.spawn(move || {
            sender.send(2).unwrap();
            sender
        });
        until("the message is offered", || !task.is_finished() && receiver.try_recv() == Ok(2));
        let sender = task.join().unwrap();
        let task = runtime.spawn(move || receiver.recv());
        until("the receiver waits", || sender.try_send(3).is_ok());
        assert_eq!(task.join().unwrap(), Ok(3));
    });
}

#[test]
fn room_is_what_was_asked_for() {
    for capacity in [1, 2, 3, 10] {
        let (sender, receiver) = channel::bounded(capacity);
        for _ in 0..3 {
            (0..capacity).for_each(|n| sender.try_send(n).unwrap());
            assert_eq!((sender.len(), receiver.len()), (capacity, capacity));
            assert_eq!(sender.try_send(99), Err(TrySendError::Full(99)));
            assert_eq!(receiver.try_iter().collect::<Vec<_>>(), Vec::from_iter(0..capacity));
            assert!(receiver.is_empty());
        }
    }
}

#[test]
fn the_end_of_the_senders_comes_after_the_last_message() {
    each(|runtime| {
        for (sender, receiver) in kinds() {
            let waiting = receiver.clone();
            let task = runtime.spawn(move || waiting.iter().collect::<Vec<u32>>());
            sender.send(1).unwrap();
            let other = sender.clone();
            drop(sender);
            assert!(!receiver.is_closed());
            other.send(2).unwrap();
            drop(other);
            assert_eq!(task.join().unwrap(), [1, 2]);
            assert!(receiver.is_closed());
            assert_eq!(receiver.recv(), Err(RecvError));
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
            assert_eq!(receiver.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
        }
    });
}

#[test]
fn the_end_of_the_receivers_gives_the_message_back_and_drops_the_rest() {
    each(|runtime| {
        for (sender, receiver) in kinds() {
            let drops = Drops::new();
            let mut sent = 0;
            while sent < 3 && sender.try_send(drops.value()).is_ok() {
                sent += 1;
            }
            let waiting = sender.clone();
            let value = drops.value();
            let bounded = sender.capacity().is_some_and(|capacity| capacity < 3);
            let task = bounded.then(|| runtime.spawn(move || waiting.send(value).is_err()));
            drop(receiver);
            assert!(task.is_none_or(|task| task.join().unwrap()), "it was in vain");
            until("what was left is dropped", || drops.dropped() == drops.made());
            assert!(sender.is_closed());
            let SendError(_back) = sender.send(drops.value()).unwrap_err();
            assert!(matches!(
                sender.send_timeout(drops.value(), LONG),
                Err(SendTimeoutError::Disconnected(_))
            ));
        }
    });
}

/// Beside one that waits for room: the end is told to both, and room only to that one.
#[test]
fn who_waits_for_the_end_of_the_receivers_takes_no_room() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        for (sender, receiver) in kinds() {
            let short = Duration::from_millis(1);
            assert!(!sender.closed_timeout(short) && !sender.closed_until(Instant::now()));
            let closed = || {
                let sender = sender.clone();
                move || sender.closed()
            };
            let (task, thread) = (runtime.spawn(closed()), thread::spawn(closed()));
            let given_up = runtime.spawn(closed());
            let other = receiver.clone();
            let receives = runtime.spawn(move || other.iter().take(20).sum::<u32>());
            let sends = {
                let sender = sender.clone();
                runtime.spawn(move || (0..20).for_each(|n| sender.send(n).unwrap()))
            };
            sends.join().unwrap();
            assert_eq!(receives.join().unwrap(), 190);
            given_up.abort();
            assert!(given_up.join().unwrap_err().is_aborted());
            assert!(!task.is_finished() && !thread.is_finished());
            drop(receiver);
            task.join().unwrap();
            thread.join().unwrap();
            sender.closed();
            assert!(sender.closed_timeout(LONG));
        }
    });
}

#[test]
fn waits_end_in_time_and_leave_no_one_in_line() {
    each(|runtime| {
        for (sender, receiver) in kinds() {
            let in_vain = || {
                let begin = Instant::now();
                let short = Duration::from_millis(2);
                assert_eq!(receiver.recv_timeout(short), Err(RecvTimeoutError::Timeout));
                assert!(begin.elapsed() >= short);
                assert_eq!(receiver.recv_until(begin), Err(RecvTimeoutError::Timeout));
                while sender.try_send(0).is_ok() && sender.len() < 7 {}
                if sender.capacity().is_some() {
                    let error = sender.send_timeout(1, short).unwrap_err();
                    assert_eq!(error, SendTimeoutError::Timeout(1));
                }
                receiver.try_iter().for_each(drop);
            };
            in_vain();
            thread::scope(|scope| {
                scope.spawn(in_vain).join().unwrap();
            });
            let (there, back) = (sender.clone(), receiver.clone());
            let task = runtime.spawn(move || {
                let short = Duration::from_millis(2);
                assert_eq!(back.recv_timeout(short), Err(RecvTimeoutError::Timeout));
                there
            });
            drop(task.join().unwrap());
            // What comes after that is for who waits then.
            let task = runtime.spawn(move || receiver.recv());
            sender.send(5).unwrap();
            assert_eq!(task.join().unwrap(), Ok(5));
        }
    });
}

#[test]
fn an_aborted_waiter_leaves_its_message_to_the_next() {
    each(|runtime| {
        for (sender, receiver) in kinds() {
            let waits = |receiver: &Receiver<u32>| {
                let receiver = receiver.clone();
                runtime.spawn(move || receiver.recv())
            };
            let (first, second) = (waits(&receiver), waits(&receiver));
            sender.send(1).unwrap();
            // Aborted before, while or after it was woken or handed the message.
            first.abort();
            // By a task: without room it ends when this thread receives, if nobody else does.
            let sends = runtime.spawn(move || sender.send(2).unwrap());
            let mut received = vec![second.join().unwrap().unwrap()];
            match first.join() {
                Ok(message) => received.push(message.unwrap()),
                Err(_) => received.push(receiver.recv_timeout(LONG).unwrap()),
            }
            sends.join().unwrap();
            received.sort_unstable();
            assert_eq!(received, [1, 2]);
        }
    });
}

/// Senders and receivers that are aborted, or end by their times, at any moment.
#[test]
fn aborts_and_times_lose_nothing() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        for (sender, receiver) in kinds::<Counted>() {
            let drops = Drops::new();
            let (sent, received) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let mut tasks = Vec::new();
            for n in 0..40 {
                let (sender, sent, drops) = (sender.clone(), sent.clone(), drops.clone());
                tasks.push(runtime.spawn(move || {
                    for m in 0..10 {
                        let value = drops.value();
                        let done = match (n + m) % 3 {
                            0 => sender.send_timeout(value, Duration::from_micros(n * 10)).is_ok(),
                            1 => sender.try_send(value).is_ok(),
                            _ => sender.send(value).is_ok(),
                        };
                        sent.fetch_add(usize::from(done), SeqCst);
                    }
                }));
                let (receiver, received) = (receiver.clone(), received.clone());
                tasks.push(runtime.spawn(move || {
                    for m in 0..10 {
                        let message = match (n + m) % 3 {
                            0 => receiver.recv_timeout(Duration::from_micros(n * 10)).is_ok(),
                            1 => receiver.try_recv().is_ok(),
                            _ => receiver.recv().is_ok(),
                        };
                        received.fetch_add(usize::from(message), SeqCst);
                    }
                }));
            }
            for (n, task) in tasks.iter().enumerate() {
                if n % 5 < 2 {
                    task.abort();
                }
            }
            // Those who still wait find the other side, or its end.
            drop(sender);
            let rest = {
                let received = received.clone();
                thread::spawn(move || {
                    received.fetch_add(receiver.iter().count(), SeqCst);
                })
            };
            tasks.into_iter().for_each(|task| drop(task.join()));
            rest.join().unwrap();
            // A task that was aborted between its send and its count is one of those; none is lost.
            let (sent, received) = (sent.load(SeqCst), received.load(SeqCst));
            assert!(received >= sent, "{sent} sent, {received} received");
            drops.check();
        }
    });
}
