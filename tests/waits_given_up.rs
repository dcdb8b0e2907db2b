//! Whoever waits for an answer, a value, something done once, at a barrier, for the next of a set or for the end of a
//! group may be aborted, or run out of time, at any moment: nothing is lost, and nobody is left waiting. Locks,
//! conditions, permits, events and channels have such a test in their own files.

use fastrand::Rng;
use sortie::sync::channel::RecvTimeoutError;
use sortie::sync::{Barrier, LazyLock, OnceLock, WaitGroup, broadcast, channel, oneshot, watch};
use sortie::task::{Builder, Group, JoinSet};
use sortie::{Handle, JoinHandle};
use sortie_test::drops::Drops;
use sortie_test::{MODES, Running, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

const WORKERS: [usize; 5] = [1, 2, 4, 8, 64];
const LONG: Duration = Duration::from_secs(60);

fn soon(random: &mut Rng) -> Duration {
    Duration::from_micros(random.u64(..300))
}

/// Aborts every third of these tasks somewhere on its way, and waits for all: how many ended by themselves.
fn abort_some(tasks: Vec<JoinHandle<()>>, random: &mut Rng) -> usize {
    for task in tasks.iter().step_by(3) {
        sortie::sleep(soon(random) / 10);
        task.abort();
    }
    let mut ended = 0;
    for task in tasks {
        match task.join() {
            Ok(()) => ended += 1,
            Err(error) => assert!(error.is_aborted(), "{error}"),
        }
    }
    ended
}

/// A runtime of each kind, and a number to begin with that is told by the case.
fn each_case(test: impl Fn(&Running<'_>, Handle, Rng)) {
    each_of(&WORKERS, &MODES, |runtime| {
        test(runtime, runtime.handle(), Rng::with_seed(runtime.case.workers as u64));
    });
}

#[test]
fn answers_are_received_or_come_back() {
    each_case(|runtime, handle, mut random| {
        let drops = Drops::new();
        let told = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        let mut threads = Vec::new();
        for n in 0..60 {
            let (sender, mut receiver) = oneshot::channel();
            let (limit, pause) = (soon(&mut random), soon(&mut random));
            let (value, told) = (drops.value(), told.clone());
            tasks.push(handle.spawn(move || {
                // One half runs out of time, until it comes.
                let value = loop {
                    match receiver.recv_timeout(if n % 2 == 0 { limit } else { LONG }) {
                        Ok(value) => break value,
                        Err(error) => assert_eq!(error, RecvTimeoutError::Timeout),
                    }
                };
                told.fetch_add(1, SeqCst);
                drop(value);
            }));
            let answer = move || {
                sortie::sleep(pause);
                // Nobody takes it: it comes back, or is dropped with the receiver.
                drop(sender.send(value));
            };
            match n % 4 {
                0 => threads.push(thread::spawn(answer)),
                _ => drop(handle.spawn(answer)),
            }
        }
        let ended = abort_some(tasks, &mut random);
        assert_eq!(told.load(SeqCst), ended);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        until("all have ended", || runtime.snapshot().tasks_live() == 0);
        drops.check();
    });
}

#[test]
fn the_latest_value_reaches_all_who_stay() {
    const LAST: u32 = 30;
    each_case(|_, handle, mut random| {
        let (sender, receiver) = watch::channel(0);
        let tasks = (0..24).map(|n| {
            let (receiver, limit) = (receiver.clone(), soon(&mut random));
            handle.spawn(move || {
                if n % 2 == 0 {
                    while *receiver.borrow_and_update() < LAST {
                        let _ = receiver.changed_timeout(limit);
                    }
                } else {
                    assert_eq!(*receiver.wait_for(|n| *n == LAST).unwrap(), LAST);
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let thread = thread::spawn(move || *receiver.wait_for(|n| *n == LAST).unwrap());
        let pause = soon(&mut random) / 10;
        let sends = handle.spawn(move || {
            for _ in 0..LAST {
                sender.update(|n| n + 1);
                sortie::sleep(pause);
            }
            sender.closed();
        });
        assert!(abort_some(tasks, &mut random) >= 16);
        assert_eq!(thread.join().unwrap(), LAST);
        sends.join().unwrap();
    });
}

#[test]
fn messages_for_all_reach_all_who_stay_or_are_missed_by_number() {
    const MESSAGES: u64 = 40;
    each_case(|_, handle, mut random| {
        let drops = Drops::new();
        // Shared, so that each message is dropped once, however many have received it.
        let (sender, receiver) = broadcast::channel::<Arc<_>>(8);
        let receive = |random: &mut Rng| {
            let (receiver, limit, pause) = (receiver.clone(), soon(random), soon(random));
            move || {
                let (mut received, mut missed) = (0, 0);
                loop {
                    match receiver.recv_timeout(limit) {
                        Ok(message) => {
                            drop(message);
                            received += 1;
                            if received % 16 == 0 {
                                sortie::sleep(pause);
                            }
                        }
                        Err(broadcast::RecvTimeoutError::Lagged(messages)) => missed += messages,
                        Err(broadcast::RecvTimeoutError::Timeout) => {}
                        Err(broadcast::RecvTimeoutError::Disconnected) => break,
                    }
                }
                assert_eq!(received + missed, MESSAGES);
            }
        };
        let tasks: Vec<_> = (0..12).map(|_| handle.spawn(receive(&mut random))).collect();
        let thread = thread::spawn(receive(&mut random));
        drop(receiver);
        let (pause, made) = (soon(&mut random) / 10, drops.clone());
        let sends = handle.spawn(move || {
            for _ in 0..MESSAGES {
                assert!(sender.send(Arc::new(made.value())).unwrap() >= 9, "who stays is counted");
                sortie::sleep(pause);
            }
        });
        assert!(abort_some(tasks, &mut random) >= 8);
        thread.join().unwrap();
        sends.join().unwrap();
        drops.check();
    });
}

#[test]
fn a_wait_group_counts_those_who_are_there() {
    each_case(|_, handle, mut random| {
        let group = WaitGroup::new();
        let gone = Arc::new(AtomicUsize::new(0));
        let member = |random: &mut Rng| {
            let (group, gone, pause) = (group.clone(), gone.clone(), soon(random));
            move || {
                sortie::sleep(pause);
                gone.fetch_add(1, SeqCst);
                drop(group);
            }
        };
        // Who is aborted has gone, too.
        let members: Vec<_> = (0..24).map(|_| handle.spawn(member(&mut random))).collect();
        let thread = thread::spawn(member(&mut random));
        let waiters = (0..12).map(|n| {
            let (group, limit) = (group.clone(), soon(&mut random));
            handle.spawn(move || {
                let mut group = group;
                for _ in 0..n % 4 {
                    match group.wait_timeout(limit) {
                        Ok(()) => return,
                        Err(again) => group = again,
                    }
                }
                group.wait();
            })
        });
        let waiters: Vec<_> = waiters.collect();
        let ended = abort_some(members, &mut random);
        group.wait_timeout(LONG).unwrap();
        assert!(gone.load(SeqCst) > ended, "the thread is waited for, too");
        abort_some(waiters, &mut random);
        thread.join().unwrap();
    });
}

#[test]
fn what_is_done_once_is_done_by_one_who_stays() {
    each_case(|_, handle, mut random| {
        let drops = Drops::new();
        let made = Arc::new(AtomicUsize::new(0));
        let lock = Arc::new(OnceLock::new());
        let make = {
            let (drops, made, lock) = (drops.clone(), made.clone(), lock.clone());
            move |pause| {
                lock.get_or_init(|| {
                    let value = drops.value();
                    sortie::sleep(pause);
                    made.fetch_add(1, SeqCst);
                    value
                });
            }
        };
        let tasks = (0..30).map(|n| {
            let (make, lock) = (make.clone(), lock.clone());
            let (limit, pause) = (soon(&mut random), soon(&mut random));
            handle.spawn(move || {
                if n % 2 == 0 {
                    return make(pause);
                }
                while lock.wait_timeout(limit).is_none() {}
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let thread = thread::spawn(move || make(Duration::ZERO));
        abort_some(tasks, &mut random);
        thread.join().unwrap();
        assert_eq!(made.load(SeqCst), 1);
        drop(lock);
        drops.check();
    });
}

#[test]
fn a_value_that_makes_itself_is_made_by_one_who_stays() {
    each_case(|_, handle, mut random| {
        let drops = Drops::new();
        let made = Arc::new(AtomicUsize::new(0));
        let lazy = {
            let (drops, made, pause) = (drops.clone(), made.clone(), soon(&mut random));
            Arc::new(LazyLock::new(move || {
                let value = drops.value();
                sortie::sleep(pause);
                made.fetch_add(1, SeqCst);
                value
            }))
        };
        let want = |limit: Option<Duration>| {
            let lazy = lazy.clone();
            move || match limit {
                None => _ = LazyLock::force(&lazy),
                Some(limit) => while LazyLock::force_timeout(&lazy, limit).is_none() {},
            }
        };
        let limits = (0..30).map(|n| (n % 2 == 0).then(|| soon(&mut random)));
        let tasks: Vec<_> = limits.map(|limit| handle.spawn(want(limit))).collect();
        let threads = [None, Some(soon(&mut random))].map(|limit| thread::spawn(want(limit)));
        abort_some(tasks, &mut random);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(made.load(SeqCst), 1);
        drop(lazy);
        drops.check();
    });
}

/// Of channels of all kinds, beside messages that are received and sent.
#[test]
fn who_waits_for_the_end_of_receivers_is_told_or_has_given_up() {
    each_case(|_, handle, mut random| {
        for capacity in [Some(0), Some(1), None] {
            let (sender, receiver) =
                capacity.map_or_else(channel::unbounded, channel::bounded::<u32>);
            let (all, others) = broadcast::channel::<u32>(1);
            let tasks = (0..18).map(|n| {
                let (sender, all, limit) = (sender.clone(), all.clone(), soon(&mut random));
                handle.spawn(move || {
                    if n % 2 == 0 {
                        while !sender.closed_timeout(limit) || !all.closed_timeout(limit) {}
                    } else {
                        sender.closed();
                        all.closed();
                    }
                })
            });
            let tasks: Vec<_> = tasks.collect();
            let thread = {
                let (sender, all) = (sender.clone(), all.clone());
                thread::spawn(move || (all.closed(), sender.closed()))
            };
            let receives = (0..4).map(|_| {
                let (receiver, others, pause) =
                    (receiver.clone(), others.clone(), soon(&mut random));
                handle.spawn(move || {
                    while receiver.try_recv().is_ok() {}
                    sortie::sleep(pause);
                    drop((receiver, others));
                })
            });
            let receives: Vec<_> = receives.collect();
            drop((receiver, others));
            while sender.send_timeout(1, soon(&mut random)).is_ok() {}
            assert!(abort_some(tasks, &mut random) >= 12);
            abort_some(receives, &mut random);
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_barrier_counts_those_who_stay() {
    each_case(|_, handle, mut random| {
        let barrier = Arc::new(Barrier::new(4));
        let tasks = (0..24).map(|n| {
            let (barrier, limit) = (barrier.clone(), soon(&mut random));
            handle.spawn(move || {
                for _ in 0..5 {
                    // The first would wait for ever, were they not aborted.
                    let _ = barrier.wait_timeout(if n % 3 == 0 { LONG } else { limit });
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        abort_some(tasks, &mut random);
        // Who has gone is not counted: it takes four, tasks and threads, and no more.
        let left = Arc::new(AtomicUsize::new(0));
        let wait = || {
            let (barrier, left) = (barrier.clone(), left.clone());
            move || {
                let leads = barrier.wait_timeout(LONG).expect("the others come").is_leader();
                left.fetch_add(1, SeqCst);
                usize::from(leads)
            }
        };
        let tasks = [(); 2].map(|()| handle.spawn(wait()));
        let thread = thread::spawn(wait());
        sortie::sleep(Duration::from_micros(500));
        assert_eq!(left.load(SeqCst), 0, "the fourth has not come");
        let mut leaders = wait()() + thread.join().unwrap();
        leaders += tasks.into_iter().map(|task| task.join().unwrap()).sum::<usize>();
        assert_eq!((leaders, left.load(SeqCst)), (1, 4));
    });
}

#[test]
fn sets_and_groups_lose_no_end() {
    each_case(|runtime, handle, mut random| {
        let drops = Drops::new();
        let group = Group::new("given up");
        let join = |mut random: Rng| {
            let (handle, drops, group) = (handle.clone(), drops.clone(), group.clone());
            move || {
                let mut set = JoinSet::new();
                for _ in 0..12 {
                    let (value, pause) = (drops.value(), soon(&mut random));
                    let member = move || {
                        sortie::sleep(pause);
                        value
                    };
                    set.spawn_on(&handle, member);
                    let member = move || sortie::sleep(pause);
                    drop(Builder::new().group(&group).spawn_on(&handle, member));
                }
                let mut ended = 0;
                while !set.is_empty() {
                    ended += usize::from(set.join_next_timeout(soon(&mut random)).is_some());
                }
                assert_eq!(ended, 12);
            }
        };
        let joiners: Vec<_> = (0..9).map(|_| handle.spawn(join(random.fork()))).collect();
        let waiters = (0..9).map(|n| {
            let (group, limit) = (group.clone(), soon(&mut random));
            handle.spawn(move || match n % 2 {
                0 => while group.wait_timeout(limit) == Ok(false) {},
                _ => group.wait().unwrap(),
            })
        });
        let waiters: Vec<_> = waiters.collect();
        let threads = [thread::spawn(join(random.fork())), {
            let group = group.clone();
            thread::spawn(move || group.wait().unwrap())
        }];
        abort_some(waiters, &mut random);
        abort_some(joiners, &mut random);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(group.wait_timeout(LONG), Ok(true));
        until("all have ended", || runtime.snapshot().tasks_live() == 0);
        drops.check();
    });
}
