//! Who selects among arms of many kinds may be aborted, or run out of time, at any moment: each message is received once or
//! comes back, each turn of an event lets one through, and each task of a set is joined.

use fastrand::Rng;
use sortie::sync::channel::{Receiver, Sender};
use sortie::sync::{Event, Semaphore, broadcast, channel, watch};
use sortie::task::JoinSet;
use sortie::time::timeout;
use sortie::{Handle, JoinHandle, select};
use sortie_test::drops::{Counted, Drops};
use sortie_test::{MODES, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

const ROUNDS: usize = if cfg!(debug_assertions) { 6 } else { 40 };

/// What is waited for, and how much of it has come.
struct Shared {
    kept: (Sender<Counted>, Receiver<Counted>),
    met: (Sender<Counted>, Receiver<Counted>),
    turns: Event,
    permits: Semaphore,
    sent: AtomicUsize,
    received: AtomicUsize,
    let_through: AtomicUsize,
    stop: AtomicBool,
}

/// What a receiver has of its own.
struct Own {
    news: broadcast::Receiver<u32>,
    latest: watch::Receiver<u32>,
    random: Rng,
}

impl Shared {
    fn new() -> Shared {
        Shared {
            kept: channel::bounded(2),
            met: channel::bounded(0),
            turns: Event::auto(),
            permits: Semaphore::new(3),
            sent: AtomicUsize::new(0),
            received: AtomicUsize::new(0),
            let_through: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        }
    }

    fn receive(&self, message: Counted) {
        self.received.fetch_add(1, SeqCst);
        drop(message);
    }

    /// Takes what comes first. Nothing of it is counted later than it is taken.
    fn take(&self, own: &Own, limit: Duration) {
        select! {
            recv(self.kept.1) -> message => self.receive(message.unwrap()),
            recv(self.met.1) -> message => self.receive(message.unwrap()),
            event(self.turns) => _ = self.let_through.fetch_add(1, SeqCst),
            recv(own.news) -> _ => {},
            recv(own.latest) -> _ => {},
            after(limit) => {},
        }
    }

    /// Until it is to stop, in all forms, and sometimes with a permit.
    fn take_all(&self, mut own: Own) {
        while !self.stop.load(SeqCst) {
            let limit = Duration::from_micros(own.random.u64(..200));
            let permit = own.random.bool().then(|| self.permits.acquire());
            match own.random.u8(..3) {
                0 => self.take(&own, limit),
                1 => _ = timeout(limit, || self.take(&own, Duration::MAX)),
                _ => _ = timeout(limit, || self.join_one_and_take(&mut own)),
            }
            drop(permit);
        }
    }

    /// A set's task ends beside: it is joined, or left in the set.
    fn join_one_and_take(&self, own: &mut Own) {
        let pause = Duration::from_micros(own.random.u64(..100));
        let mut set = JoinSet::new();
        set.spawn(move || sortie::sleep(pause));
        while !set.is_empty() {
            select! {
                join_next(set) -> ended => ended.unwrap(),
                recv(self.met.1) -> message => self.receive(message.unwrap()),
                event(self.turns) => _ = self.let_through.fetch_add(1, SeqCst),
            }
        }
    }

    /// Sends by whichever way is free, or gives up.
    fn send(&self, value: Counted, limit: Duration) {
        let mut next = [Some(value), None];
        next.swap(0, usize::from(limit.subsec_micros().is_multiple_of(2)));
        let [mut kept, mut met] = next;
        let is_sent = select! {
            send(self.kept.0, kept) -> sent => sent.is_ok(),
            send(self.met.0, met) -> sent => sent.is_ok(),
            after(limit) => false,
        };
        self.sent.fetch_add(usize::from(is_sent), SeqCst);
    }
}

/// Aborts every other of these tasks somewhere on its way, and waits for those.
fn abort_half(tasks: &mut Vec<JoinHandle<()>>, random: &mut Rng) {
    for _ in 0..tasks.len() / 2 {
        let task = tasks.swap_remove(random.usize(..tasks.len()));
        sortie::sleep(Duration::from_micros(random.u64(..100)));
        task.abort();
        match task.join() {
            Ok(()) => {}
            Err(error) => assert!(error.is_aborted(), "{error}"),
        }
    }
}

fn storm(handle: &Handle, random: &mut Rng) {
    let (shared, drops) = (Arc::new(Shared::new()), Drops::new());
    let (news, latest) = (broadcast::channel(4), watch::channel(0));
    let mut own = || Own { news: news.1.clone(), latest: latest.1.clone(), random: random.fork() };
    // One task and one thread stay.
    let stays = {
        let (shared, own) = (shared.clone(), own());
        handle.spawn(move || shared.take_all(own))
    };
    let thread = {
        let (shared, own) = (shared.clone(), own());
        thread::spawn(move || {
            while !shared.stop.load(SeqCst) {
                shared.take(&own, Duration::from_micros(100));
            }
        })
    };
    let spawn = |mut own: Own, takes: bool| {
        let (shared, drops) = (shared.clone(), drops.clone());
        handle.spawn(move || {
            if takes {
                return shared.take_all(own);
            }
            while !shared.stop.load(SeqCst) {
                let limit = Duration::from_micros(own.random.u64(..200));
                shared.send(drops.value(), limit);
            }
        })
    };
    // Each turn of the event is waited for: one that is lost is never there.
    let last_turn = Arc::new(AtomicBool::new(false));
    let turns = {
        let (shared, last_turn) = (shared.clone(), last_turn.clone());
        handle.spawn(move || {
            for turn in 1.. {
                if last_turn.load(SeqCst) {
                    return turn - 1;
                }
                shared.turns.set();
                while shared.let_through.load(SeqCst) < turn {
                    sortie::sleep(Duration::from_micros(20));
                }
            }
            unreachable!("it stops before that")
        })
    };
    let mut tasks: Vec<JoinHandle<()>> = Vec::new();
    for round in 0..ROUNDS {
        let more: Vec<_> = (0..12).map(|n| (own(), n % 2 == 0)).collect();
        tasks.extend(more.into_iter().map(|(own, takes)| spawn(own, takes)));
        news.0.send(0).unwrap();
        latest.0.send(round as u32).unwrap();
        let mut random = Rng::with_seed(round as u64);
        abort_half(&mut tasks, &mut random);
    }
    let before = shared.let_through.load(SeqCst);
    until("the event goes on", || shared.let_through.load(SeqCst) > before);
    last_turn.store(true, SeqCst);
    let turns = turns.join().unwrap();
    shared.stop.store(true, SeqCst);
    for task in tasks.into_iter().chain([stays]) {
        task.join().unwrap();
    }
    thread.join().unwrap();
    assert_eq!(shared.let_through.load(SeqCst), turns);
    assert_eq!(shared.permits.in_use(), 0);
    let left = [&shared.kept.1, &shared.met.1].map(|it| it.try_iter().count());
    assert_eq!(shared.sent.load(SeqCst), shared.received.load(SeqCst) + left[0] + left[1]);
    drop(shared);
    drops.check();
}

#[test]
fn nothing_is_lost() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let mut random = Rng::with_seed(runtime.case.workers as u64);
        storm(&runtime.handle(), &mut random);
        until("all have ended", || runtime.snapshot().tasks_live() == 0);
    });
}
