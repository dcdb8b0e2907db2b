//! A select takes one of its arms, fairly; and an arm that is not taken loses nothing.

use sortie::JoinHandle;
use sortie::select;
use sortie::sync::channel::{self, Disconnected, Receiver, RecvError, Sender};
use sortie::sync::{Select, oneshot, watch};
use sortie_test::drops::{Counted, Drops};
use sortie_test::{MODES, each, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

fn kinds<T>() -> [(Sender<T>, Receiver<T>); 4] {
    [channel::bounded(0), channel::bounded(1), channel::bounded(7), channel::unbounded()]
}

#[test]
fn what_is_there_is_taken_and_else_the_default() {
    let (sender, receiver) = channel::bounded(1);
    let mut next = Some(1);
    let look = |receiver: &Receiver<u32>| {
        select! {
            recv(receiver) -> message => message.ok(),
            default => None,
        }
    };
    assert_eq!(look(&receiver), None);
    select! {
        send(sender, next) -> sent => assert_eq!(sent, Ok(())),
        recv(receiver) -> _ => panic!("nothing is there"),
    }
    assert_eq!(next, None);
    next = Some(2);
    select! {
        send(sender, next) -> _ => panic!("there is no room"),
        default => {}
    }
    assert_eq!(next, Some(2), "it was not sent");
    assert_eq!(look(&receiver), Some(1));
    drop(receiver);
    select! {
        send(sender, next) -> sent => assert_eq!(sent, Err(Disconnected)),
    }
    assert_eq!(next, Some(2), "nobody receives it");
}

#[test]
fn an_arm_without_a_message_or_a_task_is_off() {
    let (sender, _receiver) = channel::bounded::<u32>(1);
    let (mut none, mut no_task) = (None, None::<JoinHandle<()>>);
    select! {
        send(sender, none) -> _ => panic!("there is nothing to send"),
        join(no_task) -> _ => panic!("there is no task"),
        after(Duration::from_millis(1)) => {}
    }
}

#[test]
fn the_first_that_comes_ends_the_wait() {
    each(|runtime| {
        for (sender, receiver) in kinds() {
            let (_quiet, other) = channel::bounded::<u32>(0);
            let (send, receive) = (sender.clone(), receiver.clone());
            // The message of one select, for the other.
            let task = runtime.spawn(move || {
                let mut next = Some(5);
                select! {
                    send(send, next) -> sent => sent.unwrap(),
                    recv(other) -> _ => panic!("nobody sends there"),
                    after(LONG) => panic!("a receiver comes"),
                }
                next
            });
            let message = select! {
                recv(receive) -> message => message,
                after(LONG) => panic!("a sender comes"),
            };
            assert_eq!((message, task.join().unwrap()), (Ok(5), None));
            // The end of the senders.
            let task = runtime.spawn(move || {
                select! {
                    recv(receiver) -> message => message,
                    after(LONG) => panic!("the end comes"),
                }
            });
            drop(sender);
            assert_eq!(task.join().unwrap(), Err(RecvError));
        }
    });
}

#[test]
fn tasks_times_answers_and_values() {
    each(|runtime| {
        let (sender, receiver) = channel::bounded::<u32>(0);
        let (answer, answered) = oneshot::channel();
        let (value, values) = watch::channel(0);
        let mut task = Some(runtime.spawn(move || {
            receiver.recv().unwrap();
            "ended"
        }));
        let begin = Instant::now();
        select! {
            join(task) -> _ => panic!("it waits"),
            recv(answered) -> _ => panic!("no answer was sent"),
            recv(values) -> _ => panic!("it has seen the first"),
            at(begin + Duration::from_millis(3)) => {}
        }
        assert!(begin.elapsed() >= Duration::from_millis(3));
        assert!(task.is_some(), "the task is still the caller's");
        value.send(1).unwrap();
        select! {
            join(task) -> _ => panic!("it waits"),
            recv(values) -> changed => changed.unwrap(),
        }
        assert_eq!(*values.borrow(), 1);
        let sends = runtime.spawn(move || answer.send("yes").unwrap());
        let text = select! {
            recv(answered) -> text => text.unwrap(),
            recv(values) -> _ => panic!("it has seen the latest"),
        };
        assert_eq!(text, "yes");
        sends.join().unwrap();
        sender.send(1).unwrap();
        let ended = select! {
            join(task) -> ended => ended.unwrap(),
            after(LONG) => panic!("it ends"),
        };
        assert_eq!(ended, "ended");
        assert!(task.is_none());
    });
}

#[test]
fn the_choice_is_fair() {
    let channels: Vec<_> = (0..3).map(|_| channel::unbounded()).collect();
    for (sender, _) in &channels {
        (0..1000).for_each(|n| sender.send(n).unwrap());
    }
    let [(_, a), (_, b), (_, c)] = channels.as_slice() else { unreachable!() };
    let mut taken = [0; 3];
    for _ in 0..900 {
        let arm = select! {
            recv(a) -> _ => 0,
            recv(b) -> _ => 1,
            recv(c) -> _ => 2,
        };
        taken[arm] += 1;
    }
    assert!(taken.iter().all(|taken| *taken > 200), "{taken:?} of 900");
}

#[test]
fn bodies_may_leave() {
    fn first(receiver: &Receiver<u32>) -> Result<u32, RecvError> {
        loop {
            select! {
                recv(receiver) -> message => {
                    let message = message?;
                    if message == 1 {
                        continue;
                    }
                    break Ok(message);
                }
                after(LONG) => return Ok(0),
            }
        }
    }
    let (sender, receiver) = channel::unbounded();
    (1..=2).for_each(|n| sender.send(n).unwrap());
    drop(sender);
    assert_eq!(first(&receiver), Ok(2));
    assert_eq!(first(&receiver), Err(RecvError));
}

#[test]
fn a_select_does_not_meet_itself() {
    let (sender, receiver) = channel::bounded(0);
    let mut next = Some(1);
    select! {
        send(sender, next) -> _ => panic!("nobody else receives"),
        recv(receiver) -> _ => panic!("nobody else sends"),
        after(Duration::from_millis(2)) => {}
    }
    assert_eq!(next, Some(1));
}

#[test]
fn an_aborted_select_leaves_its_messages_to_others() {
    each(|runtime| {
        for ((sender, receiver), (back, returned)) in kinds().into_iter().zip(kinds::<u32>()) {
            let (messages, others) = (receiver.clone(), returned.clone());
            let task = runtime.spawn(move || {
                select! {
                    recv(messages) -> message => message,
                    recv(others) -> message => message,
                }
            });
            let rest = runtime.spawn(move || receiver.iter().sum::<u32>());
            sender.send(1).unwrap();
            // Before, while or after it was woken, or handed the message.
            task.abort();
            sender.send(2).unwrap();
            drop(sender);
            // The other may have received both before the select began, and closed is what it then sees.
            let taken = task.join().map_or(0, |message| message.unwrap_or(0));
            assert_eq!(taken + rest.join().unwrap(), 3);
            drop((back, returned));
        }
    });
}

/// Selects on both sides of two channels each, aborted and timed; every message is received or comes back.
#[test]
fn selects_among_themselves_lose_nothing() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        for ((a, from_a), (b, from_b)) in kinds::<Counted>().into_iter().zip(kinds::<Counted>()) {
            let drops = Drops::new();
            let (sent, received) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let mut tasks = Vec::new();
            for n in 0..16u64 {
                let (a, b, drops, sent) = (a.clone(), b.clone(), drops.clone(), sent.clone());
                let send = move || {
                    for _ in 0..20 {
                        let (mut one, mut two) = (Some(drops.value()), Some(drops.value()));
                        select! {
                            send(a, one) -> _ => {}
                            send(b, two) -> _ => {}
                            after(Duration::from_micros(n * 50)) => {}
                        }
                        let gone = usize::from(one.is_none()) + usize::from(two.is_none());
                        assert!(gone <= 1);
                        sent.fetch_add(gone, SeqCst);
                    }
                };
                let (from_a, from_b, received) = (from_a.clone(), from_b.clone(), received.clone());
                let receive = move || {
                    for _ in 0..20 {
                        let got = select! {
                            recv(from_a) -> message => message.is_ok(),
                            recv(from_b) -> message => message.is_ok(),
                            after(Duration::from_micros(n * 50)) => false,
                        };
                        received.fetch_add(usize::from(got), SeqCst);
                    }
                };
                tasks.push(runtime.spawn(send));
                tasks.push(runtime.spawn(receive));
            }
            tasks.iter().skip(1).step_by(7).for_each(|task| task.abort());
            tasks.into_iter().for_each(|task| drop(task.join()));
            drop((a, b));
            let rest = from_a.iter().count() + from_b.iter().count();
            let (sent, received) = (sent.load(SeqCst), received.load(SeqCst) + rest);
            assert!(received >= sent, "{sent} sent, {received} received");
            drop((from_a, from_b));
            until("all are dropped", || drops.dropped() == drops.made());
        }
    });
}

#[test]
fn threads_and_tasks_select_from_each_other() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        for (sender, receiver) in kinds() {
            let thread = thread::spawn(move || {
                let mut sum = 0;
                loop {
                    select! {
                        recv(receiver) -> message => match message {
                            Ok(message) => sum += message,
                            Err(RecvError) => return sum,
                        },
                        after(LONG) => panic!("messages come"),
                    }
                }
            });
            let task = runtime.spawn(move || {
                for n in 1..=100 {
                    let mut next = Some(n);
                    select! {
                        send(sender, next) -> sent => sent.unwrap(),
                        after(LONG) => panic!("somebody receives"),
                    }
                }
            });
            task.join().unwrap();
            assert_eq!(thread.join().unwrap(), 5050);
        }
    });
}

/// As many arms as there are channels, which only the program knows.
#[test]
fn arms_in_a_list_are_served_evenly_and_lose_nothing() {
    const CHANNELS: usize = 20;
    const EACH: usize = 50;
    each(|runtime| {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..CHANNELS).map(|n| channel::bounded::<usize>(n % 3)).unzip();
        let tasks: Vec<_> = senders
            .into_iter()
            .map(|sender| runtime.spawn(move || (0..EACH).for_each(|n| sender.send(n).unwrap())))
            .collect();
        let receiving = runtime.spawn(move || {
            let mut got = [0; CHANNELS];
            let mut open: Vec<_> = receivers.into_iter().enumerate().collect();
            while !open.is_empty() {
                let mut select = Select::new();
                for (number, receiver) in &open {
                    select = select.recv(receiver, move |message| (*number, message));
                }
                let (number, message) = match select.wait_timeout(LONG) {
                    Some(got) => got,
                    None => panic!("nobody sent for long: {got:?}"),
                };
                match message {
                    Ok(n) => {
                        assert_eq!(got[number], n, "in order");
                        got[number] += 1;
                    }
                    Err(RecvError) => open.retain(|(other, _)| *other != number),
                }
            }
            got
        });
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(receiving.join().unwrap(), [EACH; CHANNELS]);
    });
}

#[test]
fn an_aborted_list_leaves_its_messages_to_others() {
    each(|runtime| {
        for ((sender, receiver), (other, others)) in kinds::<u32>().into_iter().zip(kinds::<u32>())
        {
            let mine = (receiver.clone(), others.clone());
            let task = runtime.spawn(move || {
                Select::new()
                    .recv(&mine.0, |message| message.unwrap_or(0))
                    .recv(&mine.1, |message| message.unwrap_or(0))
                    .wait()
            });
            let rest = runtime.spawn(move || receiver.iter().sum::<u32>());
            sender.send(1).unwrap();
            task.abort();
            sender.send(2).unwrap();
            drop(sender);
            assert_eq!(task.join().unwrap_or(0) + rest.join().unwrap(), 3);
            drop((other, others));
        }
    });
}
