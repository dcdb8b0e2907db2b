//! The ledger: what the calls of each target cost in one runtime.
//!
//! Every carrier has a page of its own, with a row for each target that was called on it, and is the
//! only one to write there: a call costs no lock and no shared cache line (`page.rs`, `row.rs`). Whoever reads
//! merges the rows of all carriers, without stopping anybody; values of one row are of about the same
//! moment. What functions have cost that are gone is kept beside (`gone.rs`).

use super::Profile;
use super::gone::{self, Gone};
use super::histogram::Sum;
use super::page::Page;
use super::policies::Key;
use super::row::{Row, get};
use super::target_row::TargetRow;
use parking_lot::Mutex;
use sortie_scheduler::{Embedder, NativeCall, Observed, Scheduler};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// All pages of one runtime.
pub(crate) struct Ledger {
    /// Boxed: a carrier keeps the address.
    #[expect(clippy::vec_box, reason = "a page keeps its address while the list grows")]
    pages: Mutex<Vec<Box<Page>>>,
    gone: Gone,
    start: Instant,
    switches: Switches,
}

// What changes under its locks runs no code of others.
impl std::panic::UnwindSafe for Ledger {}
impl std::panic::RefUnwindSafe for Ledger {}

/// What is done about a task whose switches are told of, or whose waits may be ended, by its word.
#[derive(Clone, Copy)]
pub(crate) struct Switches {
    /// It is about to be switched away; false: it must not be.
    pub(crate) out: fn(*const ()) -> bool,
    /// It goes on.
    pub(crate) back: fn(*const ()),
    /// Is its wait over?
    pub(crate) is_over: fn(*const ()) -> bool,
    /// It has overflowed its stack, in native code or not: in the signal handler.
    pub(crate) overflowed: fn(*const (), bool),
}

/// The profile that a task of this crate left with.
fn word(target: usize) -> Option<&'static Profile> {
    // SAFETY: the target words of a runtime of this crate are its profiles'.
    unsafe { Profile::of_word(target) }
}

impl Embedder for Ledger {
    fn name(&self, target: usize, to: &mut dyn fmt::Write) -> fmt::Result {
        match word(target) {
            Some(profile) => write!(to, "{profile}"),
            None => write!(to, "{target:#x}"),
        }
    }

    fn address(&self, target: usize) -> usize {
        word(target).map_or(target, Profile::address)
    }

    fn observed(&self, target: usize, how: Observed) {
        if let Some(profile) = word(target) {
            profile.observed(how);
        }
    }

    fn switched_out(&self, task_word: *const ()) -> bool {
        (self.switches.out)(task_word)
    }

    fn switched_in(&self, task_word: *const ()) {
        (self.switches.back)(task_word);
    }

    fn is_wait_over(&self, task_word: *const ()) -> bool {
        (self.switches.is_over)(task_word)
    }

    fn overflowed(&self, task_word: *const (), in_native_code: bool) {
        (self.switches.overflowed)(task_word, in_native_code);
    }
}

impl Ledger {
    pub(crate) fn new(switches: Switches) -> Arc<Ledger> {
        let (pages, gone) = (Mutex::default(), Gone::default());
        let ledger = Arc::new(Ledger { pages, gone, start: Instant::now(), switches });
        gone::register(&ledger);
        ledger
    }

    /// Nanoseconds from the ledger's start; never 0.
    pub(crate) fn now(&self) -> u64 {
        self.start.elapsed().as_nanos().max(1) as u64
    }

    fn add_page(&self) -> *mut () {
        let mut pages = self.pages.lock();
        let page = Box::new(Page::new(pages.len() as u32 + 1));
        let address = (&raw const *page).cast_mut().cast();
        pages.push(page);
        address
    }

    /// The rows that these are, of all carriers.
    fn rows(&self, is_it: impl Fn(&Row) -> bool) -> Vec<Arc<Row>> {
        let mut rows = Vec::new();
        for page in self.pages.lock().iter() {
            rows.extend(page.rows.lock().iter().filter(|row| is_it(row)).cloned());
        }
        rows
    }

    /// This function is about to be forgotten: see `gone.rs`.
    pub(super) fn close(&self, profile: &'static Profile) {
        let rows = self.rows(|row| std::ptr::eq(row.profile, profile));
        if rows.is_empty() {
            return;
        }
        let (mut sum, mut times) = (TargetRow::new(profile), Sum::default());
        for row in rows {
            sum.add(&row);
            times.add(&row.times);
            row.clear();
        }
        if sum.is_called() {
            self.gone.keep(sum, times);
        }
    }

    /// What all carriers know together, a row for each target, and what policies know it by, unless it is gone.
    pub(crate) fn merge(&self, scheduler: &Scheduler) -> Vec<(Option<Key>, TargetRow)> {
        // Names are looked up without the locks: a carrier may need them for its next call.
        let rows = self.rows(|_| true);
        let mut merged = BTreeMap::<*const Profile, (&'static Profile, TargetRow, Sum)>::new();
        for row in rows {
            let (_, sum, times) = merged
                .entry(row.profile)
                .or_insert_with(|| (row.profile, TargetRow::new(row.profile), Sum::default()));
            sum.add(&row);
            times.add(&row.times);
        }
        for call in scheduler.native_calls() {
            if let Some(profile) = word(call.target)
                && let Some((_, row, _)) = merged.get_mut(&(&raw const *profile))
            {
                row.running += 1;
                let longest = row.longest_running.get_or_insert_default();
                *longest = (*longest).max(self.running_for(&call));
            }
        }
        // Of those that were closed nothing is left here.
        merged.retain(|_, (_, row, _)| row.is_called());
        let gone = self.gone.add_to(merged.values_mut().map(|(_, row, times)| (row, times)));
        let live =
            merged.into_values().map(|(profile, row, times)| (Some(profile.key()), row, times));
        let mut rows: Vec<_> = live
            .chain(gone.into_iter().map(|(row, times)| (None, row, times)))
            .map(|(key, mut row, times)| {
                row.p50 = times.quantile(0.5).min(row.longest);
                row.p99 = times.quantile(0.99).min(row.longest);
                row.bound_estimates();
                (key, row)
            })
            .collect();
        rows.sort_by(|(_, a), (_, b)| (&a.library, &a.symbol).cmp(&(&b.library, &b.symbol)));
        rows
    }

    /// For how long a call runs: exactly if it is timed, else since somebody looked first.
    fn running_for(&self, call: &NativeCall) -> Duration {
        // SAFETY: the word is set in `page` only, to a page that this ledger keeps.
        let Some(page) = (unsafe { call.carrier_word.cast::<Page>().as_ref() }) else {
            return Duration::ZERO;
        };
        let since = get(&page.since);
        if since > 0 {
            return Duration::from_nanos(self.now().saturating_sub(since));
        }
        let mut sighted = page.sighted.lock();
        match &*sighted {
            Some((number, first)) if *number == call.number => first.elapsed(),
            _ => {
                *sighted = Some((call.number, Instant::now()));
                Duration::ZERO
            }
        }
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("pages", &self.pages.lock().len()).finish_non_exhaustive()
    }
}

/// The page of the carrier that runs the current task, in managed code or native; made at the first
/// call. `None` on any other thread, and for a task that this crate did not spawn.
///
/// The lifetime is good until the task is switched: the runtime keeps its ledger as long as it has
/// carriers, and the caller must not write to the page once it may be on another carrier.
#[inline]
pub(crate) fn page() -> Option<&'static Page> {
    let mut page = sortie_scheduler::carrier_word()?;
    if page.is_null() {
        page = with(Ledger::add_page)?;
        sortie_scheduler::set_carrier_word(page);
    }
    // SAFETY: the word is set here only, to a page that the runtime's ledger keeps.
    Some(unsafe { &*page.cast::<Page>() })
}

/// Runs `f` on the ledger of the current task's runtime.
pub(crate) fn with<R>(f: impl FnOnce(&Ledger) -> R) -> Option<R> {
    sortie_scheduler::with_embedder(|embedder| embedder.downcast_ref().map(f))?
}
