//! Selects over lists among themselves, aborted and timed, by tasks and threads: every message is received or comes
//! back.

use sortie::sync::channel::{self, Receiver, Sender};
use sortie::sync::{Select, channel::RecvError};
use sortie_test::drops::{Counted, Drops};
use sortie_test::{MODES, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

type Channels = [(Sender<Counted>, Receiver<Counted>); 4];

fn kinds() -> Channels {
    [channel::bounded(0), channel::bounded(1), channel::bounded(7), channel::unbounded()]
}

/// Offers a message to each; how many were taken, which is one at most.
fn send(channels: &Channels, drops: &Drops, limit: Duration) -> usize {
    let mut messages: Vec<_> = channels.iter().map(|_| Some(drops.value())).collect();
    let mut select = Select::new();
    for ((sender, _), message) in channels.iter().zip(&mut messages) {
        select = select.send(sender, message, |sent| sent.unwrap());
    }
    let taken = select.wait_timeout(limit);
    let gone = messages.iter().filter(|message| message.is_none()).count();
    assert_eq!(gone, usize::from(taken.is_some()));
    gone
}

/// Asks each for a message; how many came, which is one at most.
fn receive(channels: &Channels, limit: Duration) -> usize {
    let came = |message: Result<Counted, RecvError>| drop(message.unwrap());
    let select =
        channels.iter().fold(Select::new(), |select, (_, receiver)| select.recv(receiver, came));
    usize::from(select.wait_timeout(limit).is_some())
}

#[test]
fn nothing_is_lost() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let channels = Arc::new(kinds());
        let drops = Drops::new();
        let counts: Arc<[AtomicUsize; 2]> = Arc::default();
        let (mut tasks, mut threads) = (Vec::new(), Vec::new());
        for n in 0..34u64 {
            let limit = Duration::from_micros(n * 25);
            let (channels, drops, counts) = (channels.clone(), drops.clone(), counts.clone());
            let turns = move || {
                for _ in 0..20 {
                    let _ = match n % 2 {
                        0 => counts[0].fetch_add(send(&channels, &drops, limit), SeqCst),
                        _ => counts[1].fetch_add(receive(&channels, limit), SeqCst),
                    };
                }
            };
            match n {
                0..32 => tasks.push(runtime.spawn(turns)),
                _ => threads.push(thread::spawn(turns)),
            }
        }
        tasks.iter().skip(1).step_by(7).for_each(|task| task.abort());
        tasks.into_iter().for_each(|task| drop(task.join()));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let rest: usize = channels.iter().map(|(_, receiver)| receiver.try_iter().count()).sum();
        let [sent, received] = counts.each_ref().map(|count| count.load(SeqCst));
        // A sender that was aborted between its send and its count is one of those; none is lost.
        assert!(received + rest >= sent, "{sent} sent, {received} received, {rest} left");
        drop(channels);
        until("all are dropped", || drops.dropped() == drops.made());
    });
}
