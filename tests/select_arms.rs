//! A select waits for events, ticks and the next task of a set, and what is not taken is there for others.

use sortie::sync::channel::{self, Receiver, Sender};
use sortie::sync::{Event, Select};
use sortie::task::JoinSet;
use sortie::time::{MissedTicks, interval_at};
use sortie::{Handle, select};
use sortie_test::drops::Drops;
use sortie_test::{MODES, each, each_of, each_setting, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

#[test]
fn an_event_ends_a_select_and_an_auto_one_is_spent_by_one() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        const TURNS: usize = 20;
        let (turn, stop) = (Arc::new(Event::auto()), Arc::new(Event::manual()));
        let taken = Arc::new(AtomicUsize::new(0));
        let (never, nothing) = channel::bounded::<()>(0);
        let serve = || {
            let (turn, stop, taken) = (turn.clone(), stop.clone(), taken.clone());
            let nothing = nothing.clone();
            move |n: usize| {
                loop {
                    // The second has an offer to make, too, which others may claim.
                    let goes_on = match n % 3 {
                        0 => select! {
                            event(turn) => true,
                            event(stop) => false,
                        },
                        1 => select! {
                            recv(nothing) -> _ => unreachable!("nobody sends"),
                            event(stop) => false,
                            event(turn) => true,
                        },
                        _ => Select::new().event(&stop, || false).event(&turn, || true).wait(),
                    };
                    if !goes_on {
                        return;
                    }
                    taken.fetch_add(1, SeqCst);
                }
            }
        };
        let tasks: Vec<_> = (0..6).map(|n| (n, serve())).collect();
        let tasks: Vec<_> =
            tasks.into_iter().map(|(n, serve)| runtime.spawn(move || serve(n))).collect();
        let thread = {
            let serve = serve();
            thread::spawn(move || serve(0))
        };
        for n in 0..TURNS {
            turn.set();
            until("one takes the turn", || taken.load(SeqCst) == n + 1);
            assert!(!turn.is_set());
        }
        stop.set();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        thread.join().unwrap();
        assert_eq!(taken.load(SeqCst), TURNS);
        drop(never);
    });
}

#[test]
fn an_event_whose_arm_is_not_taken_is_set_for_the_next() {
    each(|runtime| {
        let turn = Arc::new(Event::auto());
        for round in 0..30 {
            let (sender, receiver) = channel::bounded(1);
            let selects = {
                let turn = turn.clone();
                runtime.spawn(move || {
                    select! {
                        recv(receiver) -> message => message.is_err(),
                        event(turn) => true,
                    }
                })
            };
            let waits = {
                let turn = turn.clone();
                runtime.spawn(move || turn.wait())
            };
            if round % 3 == 0 {
                sortie::sleep(Duration::from_micros(50));
            }
            match round % 2 {
                // The message and the event come at once, or the event while the select is aborted.
                0 => sender.send(()).unwrap(),
                _ => selects.abort(),
            }
            turn.set();
            let spent = selects.join().unwrap_or(false);
            if spent {
                turn.set();
            }
            waits.join().unwrap();
            assert!(!turn.is_set(), "round {round}");
        }
    });
}

/// Spawns a task for each pause that it is told, and joins all, with arms of all kinds beside the set.
fn join_so_many(handle: &Handle, pauses: &Receiver<Duration>, drops: &Drops) {
    const TASKS: usize = 30;
    let mut set = JoinSet::new();
    let (mut spawned, mut joined) = (0, 0);
    while joined < TASKS {
        let ended = if spawned == TASKS {
            Select::new().join_next(&mut set, Some).wait_timeout(LONG).flatten()
        } else {
            // Beside an offer, and while the set may be empty.
            select! {
                join_next(set) -> ended => Some(ended),
                recv(pauses) -> pause => {
                    let (value, pause) = (drops.value(), pause.unwrap());
                    spawned += 1;
                    set.spawn_on(handle, move || {
                        sortie::sleep(pause);
                        value
                    });
                    None
                }
            }
        };
        joined += usize::from(ended.is_some_and(|ended| ended.is_ok()));
    }
    assert!(set.is_empty());
    let nobody = Select::new().join_next(&mut set, |_| unreachable!("nobody is left"));
    assert_eq!(nobody.wait_timeout(Duration::from_millis(1)), None::<()>);
}

#[test]
fn the_next_of_a_set_is_joined_and_none_is_lost() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let drops = Drops::new();
        let (tell, pauses) = channel::bounded(0);
        let tells = thread::spawn(move || {
            (0..60).for_each(|n| tell.send(Duration::from_micros(n % 5 * 40)).unwrap());
        });
        let handle = runtime.handle();
        join_so_many(&handle, &pauses, &drops);
        let of_task = drops.clone();
        runtime.run(move || join_so_many(&handle, &pauses, &of_task));
        tells.join().unwrap();
        until("all have ended", || runtime.snapshot().tasks_live() == 0);
        drops.check();
    });
}

#[test]
fn an_aborted_select_leaves_its_set_as_it_was() {
    each(|runtime| {
        let (out, back) = channel::bounded(1);
        let handle = runtime.handle();
        let selects = runtime.spawn(move || {
            /// Gives the set to others when its task unwinds.
            struct Back(JoinSet<()>, Sender<JoinSet<()>>);
            impl Drop for Back {
                fn drop(&mut self) {
                    self.1.send(std::mem::take(&mut self.0)).unwrap();
                }
            }
            let mut set = Back(JoinSet::new(), out);
            set.0.spawn_on(&handle, || sortie::sleep(Duration::MAX));
            let stop = Event::auto();
            select! {
                join_next(set.0) -> _ => unreachable!("it does not end"),
                event(stop) => unreachable!("nobody sets it"),
            }
        });
        selects.abort();
        if let Ok(mut set) = back.recv() {
            set.shutdown();
        }
        assert!(selects.join().unwrap_err().is_aborted());
    });
}

#[test]
fn ticks_come_at_their_times_beside_other_arms_and_none_is_lost() {
    const PERIOD: Duration = Duration::from_millis(2);
    each(|runtime| {
        let (tell, told) = channel::unbounded();
        let ticks = move |told: Receiver<u32>| {
            let start = Instant::now() + PERIOD;
            let mut interval = interval_at(start, PERIOD).missed_ticks(MissedTicks::Burst);
            let (mut ticks, mut sum) = (0, 0);
            while ticks < 5 || sum < 45 {
                select! {
                    tick(interval) -> time => {
                        assert_eq!(time, start + ticks * PERIOD);
                        assert!(Instant::now() >= time);
                        ticks += 1;
                    }
                    recv(told) -> n => sum += n.unwrap(),
                }
            }
            let sixth = Select::new().tick(&mut interval, |time| time);
            assert_eq!(sixth.wait_timeout(LONG), Some(start + ticks * PERIOD));
        };
        let tells = runtime.spawn(move || {
            for n in 0..10 {
                tell.send(n).unwrap();
                sortie::sleep(PERIOD / 3);
            }
            tell
        });
        let thread = {
            let (tell, told) = channel::unbounded();
            tell.send(45).unwrap();
            thread::spawn(move || (ticks(told), tell))
        };
        runtime.run(move || ticks(told));
        tells.join().unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn a_select_whose_runtime_ends_lets_the_next_through() {
    each_setting(|case| {
        let turn = Arc::new(Event::auto());
        let runtime = case.runtime();
        let waiting = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (turn, waiting) = (turn.clone(), waiting.clone());
                runtime.spawn(move || {
                    waiting.fetch_add(1, SeqCst);
                    select! {
                        event(turn) => true,
                        after(Duration::MAX) => unreachable!("it has no end"),
                    }
                })
            })
            .collect();
        until("all select", || waiting.load(SeqCst) == 4);
        turn.set();
        assert!(runtime.shutdown(LONG).is_clean());
        let spent = tasks.into_iter().filter_map(|task| task.join().ok()).count();
        assert!(spent <= 1);
        assert_eq!(turn.try_wait(), spent == 0, "nobody else took it");
    });
}
