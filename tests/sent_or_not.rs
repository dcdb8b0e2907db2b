//! Who sends into a channel without room, and is aborted or runs out of time at that moment, has sent the message if somebody
//! has it, and else has not: whoever tries again sends nothing twice.

use sortie::select;
use sortie::sync::channel;
use sortie::time::timeout;
use sortie_test::{MODES, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// The message is taken, and before the sender goes on it is aborted.
#[test]
fn what_was_taken_was_sent() {
    each_of(&[1], &MODES, |runtime| {
        for selects in [false, true] {
            let (sender, receiver) = channel::bounded(0);
            let (begun, sent, go_on) = (flag(), flag(), flag());
            let task = {
                let (begun, sent) = (begun.clone(), sent.clone());
                runtime.spawn(move || {
                    begun.store(true, SeqCst);
                    if selects {
                        let mut next = Some(1);
                        select! { send(sender, next) -> result => result.unwrap() }
                    } else {
                        sender.send(1).unwrap();
                    }
                    sent.store(true, SeqCst);
                    sortie::sleep(Duration::MAX);
                })
            };
            until("it sends", || begun.load(SeqCst));
            // Has the worker once the sender waits.
            let busy = {
                let (begun, go_on) = (begun.clone(), go_on.clone());
                runtime.spawn(move || {
                    begun.store(false, SeqCst);
                    until("it may end", || go_on.load(SeqCst));
                })
            };
            until("the sender waits", || !begun.load(SeqCst));
            assert_eq!(receiver.recv(), Ok(1));
            task.abort();
            go_on.store(true, SeqCst);
            assert!(task.join().unwrap_err().is_aborted());
            assert!(sent.load(SeqCst));
            busy.join().unwrap();
        }
    });
}

fn flag() -> Arc<AtomicBool> {
    Arc::default()
}

/// Limits of all kinds race with those who take the messages: what was sent and what was received are the same.
#[test]
fn as_many_are_sent_as_are_received() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let (sender, receiver) = channel::bounded(0);
        let (sent, received) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let stop = flag();
        let senders = (0..6).map(|n| {
            let (sender, sent, stop) = (sender.clone(), sent.clone(), stop.clone());
            runtime.spawn(move || {
                for turn in n.. {
                    let limit = Duration::from_micros(turn % 13 * 10);
                    let is_sent = match turn % 3 {
                        0 => timeout(limit, || sender.send(turn).is_ok()) == Ok(true),
                        1 => sender.send_timeout(turn, limit).is_ok(),
                        _ => {
                            let mut next = Some(turn);
                            let send = || select! { send(sender, next) -> sent => sent.is_ok() };
                            timeout(limit, send) == Ok(true)
                        }
                    };
                    sent.fetch_add(usize::from(is_sent), SeqCst);
                    if stop.load(SeqCst) {
                        return;
                    }
                }
            })
        });
        let receivers = (0..6).map(|n| {
            let (receiver, received, stop) = (receiver.clone(), received.clone(), stop.clone());
            runtime.spawn(move || {
                for turn in n.. {
                    let limit = Duration::from_micros(turn % 11 * 10);
                    let is_there = match turn % 3 {
                        0 => timeout(limit, || receiver.recv().is_ok()) == Ok(true),
                        1 => receiver.recv_timeout(limit).is_ok(),
                        _ => {
                            let receive = || select! { recv(receiver) -> it => it.is_ok() };
                            timeout(limit, receive) == Ok(true)
                        }
                    };
                    received.fetch_add(usize::from(is_there), SeqCst);
                    if stop.load(SeqCst) {
                        return;
                    }
                }
            })
        });
        let tasks: Vec<_> = senders.chain(receivers).collect();
        until("some were received", || received.load(SeqCst) > 300);
        stop.store(true, SeqCst);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        // What came back from receivers is still there.
        let left = std::iter::from_fn(|| receiver.try_recv().ok()).count();
        assert_eq!(sent.load(SeqCst), received.load(SeqCst) + left);
    });
}
