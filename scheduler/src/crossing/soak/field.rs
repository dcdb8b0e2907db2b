//! Carriers and workers without a runtime, takers that do nothing but take, and what must hold in the
//! end.

use super::book::{Book, Tally};
use super::owner::{ENOUGH, Owner};
use crate::carrier::Carrier;
use crate::crossing::retake::Retaking;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::worker::Worker;
use crossbeam_utils::CachePadded;
use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::time::Instant;
use std::{ptr, thread};

/// The tests want the machine for themselves.
static ALONE: Mutex<()> = Mutex::new(());

/// Carriers without a runtime, and one worker more than they need.
pub(super) struct Field {
    #[expect(clippy::vec_box, reason = "a carrier is built as the box it stays in")]
    pub(super) carriers: Vec<Box<Carrier>>,
    pub(super) retaking: Retaking,
    /// Workers that were taken or handed over.
    pub(super) pool: Mutex<VecDeque<Box<Worker>>>,
    pub(super) books: Vec<CachePadded<Book>>,
    /// Workers that were taken.
    pub(super) taken: CachePadded<AtomicUsize>,
    pub(super) is_over: AtomicBool,
}

/// How takers look for candidates.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// All the time.
    Always,
    /// Once at each call, as soon as it has begun.
    OncePerCall,
}

impl Field {
    pub(super) fn new(carriers: usize) -> Field {
        let carriers: Vec<_> =
            (0..carriers).map(|index| Carrier::boxed(index, ptr::null(), false)).collect();
        let workers = carriers.len() + 1;
        Field {
            carriers,
            retaking: Retaking::default(),
            pool: Mutex::new(
                (0..workers).map(|index| Box::new(Worker::new(index, workers))).collect(),
            ),
            books: (0..workers).map(|_| CachePadded::default()).collect(),
            taken: CachePadded::default(),
            is_over: AtomicBool::new(false),
        }
    }

    pub(super) fn tally(&self) -> Tally {
        Tally { uses: vec![0; self.books.len()], double_owners: 0, calls: 0, taken: 0 }
    }

    /// So many calls on each carrier, each made by `call`, against so many takers. Then what must hold.
    pub(super) fn run(
        self,
        name: &str,
        takers: usize,
        look: Look,
        calls: u64,
        call: impl Fn(&mut Owner) + Sync,
    ) {
        let _alone = ALONE.lock();
        let start = Instant::now();
        let (owners, takers) = thread::scope(|scope| {
            let (field, call) = (&self, &call);
            let owners: Vec<_> = (1..=self.carriers.len())
                .map(|me| scope.spawn(move || field.own(me, calls, call)))
                .collect();
            let takers: Vec<_> = (0..takers)
                .map(|taker| 1 + self.carriers.len() + taker)
                .map(|me| scope.spawn(move || field.take(me, look)))
                .collect();
            let owners = Vec::from_iter(owners.into_iter().map(thread::ScopedJoinHandle::join));
            // ORDERING: Relaxed, a flag that stands for itself.
            self.is_over.store(true, Ordering::Relaxed);
            let takers = takers.into_iter().map(thread::ScopedJoinHandle::join);
            let good = |end: thread::Result<Tally>| end.unwrap_or_else(|why| resume_unwind(why));
            (Vec::from_iter(owners.into_iter().map(good)), Vec::from_iter(takers.map(good)))
        });
        let sum = |tallies: &[Tally], of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
        let double_owners =
            sum(&owners, |it| it.double_owners) + sum(&takers, |it| it.double_owners);
        let (tries, won) = (sum(&takers, |it| it.calls), sum(&takers, |it| it.taken));
        println!(
            "  {name}: {} calls, {} without their worker afterwards; {won} retakes, {} lost races, \
             {double_owners} double owners, {:.1} s",
            sum(&owners, |it| it.calls),
            sum(&owners, |it| it.taken),
            tries - won,
            start.elapsed().as_secs_f64()
        );
        assert_eq!(double_owners, 0, "{name}: a worker had two owners");
        for (index, book) in self.books.iter().enumerate() {
            let all = owners.iter().chain(&takers).map(|it| it.uses[index]).sum::<u64>();
            // SAFETY: no other thread is left.
            let uses = unsafe { book.uses.get().read_volatile() };
            assert_eq!(uses, [all, Book::check(all)], "{name}: uses of worker {index} got lost");
        }
        assert!(won >= ENOUGH as u64, "{name}: hardly a worker was ever taken");
        self.count_workers(name);
    }

    /// Each worker is there once.
    pub(super) fn count_workers(self, name: &str) {
        let mut workers = self.pool.into_inner();
        for carrier in &self.carriers {
            assert!(carrier.word.is_run(), "{name}: {carrier:?} has come back");
            // SAFETY: the carrier's thread has ended, and its word says `RUN`.
            workers.extend(unsafe { carrier.take_worker() });
        }
        let mut indices: Vec<_> = workers.iter().map(|worker| worker.index).collect();
        indices.sort_unstable();
        assert!(indices.into_iter().eq(0..self.books.len()), "{name}: workers were lost");
    }

    pub(super) fn own(&self, me: usize, calls: u64, call: &impl Fn(&mut Owner)) -> Tally {
        let carrier = &*self.carriers[me - 1];
        let random = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(me as u64);
        let mut owner = Owner { field: self, carrier, me, tally: self.tally(), random, busy: 0 };
        owner.get_worker();
        while owner.tally.calls < calls || owner.needs_more(calls) {
            owner.tally.calls += 1;
            owner.work();
            call(&mut owner);
        }
        owner.work();
        owner.tally
    }

    pub(super) fn take(&self, me: usize, look: Look) -> Tally {
        let mut tally = self.tally();
        let mut last = vec![None; self.carriers.len()];
        let mut candidates = Vec::new();
        // ORDERING: Relaxed, as in `run`.
        while !self.is_over.load(Ordering::Relaxed) {
            candidates.clear();
            for (carrier, last) in self.carriers.iter().zip(&mut last) {
                let seen = carrier.word.load();
                let is_new = last.replace(seen) != Some(seen);
                if carrier.takeable(seen).is_some() && (is_new || look == Look::Always) {
                    candidates.push(((**carrier).as_ref(), seen));
                }
            }
            tally.calls += candidates.len() as u64;
            self.retaking.take(&candidates, |_, worker| {
                tally.taken += 1;
                // ORDERING: Relaxed, a count that stands for itself.
                self.taken.fetch_add(1, Ordering::Relaxed);
                tally.uses[worker.index] += 1;
                tally.double_owners += u64::from(!self.books[worker.index].record(me, 16));
                self.pool.lock().push_back(worker);
            });
        }
        tally
    }
}
