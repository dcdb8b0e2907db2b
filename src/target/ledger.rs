//! The ledger: what the calls of each target cost in one runtime.
//!
//! Every carrier has rows of its own, one for each target that was called on it, and is the only
//! one to write them: a call costs no lock and no shared cache line. Whoever reads merges the rows
//! of all carriers, without stopping anybody; values of one row are of about the same moment.
//!
//! INVARIANT(ledger.writer): a row is written by the thread of its carrier only. A carrier's
//! structure may serve one thread after another; the arena orders them.

use super::{Target, symbol};
use parking_lot::Mutex;
use std::cell::{Cell, UnsafeCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What one carrier knows of one target.
#[derive(Debug, Default)]
pub(crate) struct Row {
    key: usize,
    address: usize,
    name: Option<String>,
    library: Option<String>,
    calls: AtomicU64,
    total_ns: AtomicU64,
    longest_ns: AtomicU64,
    retakes: AtomicU64,
    callbacks: AtomicU64,
}

impl Row {
    fn for_target(target: &Target) -> Row {
        Row {
            key: target.key(),
            address: target.address(),
            name: target.name().map(str::to_owned),
            library: target.library().map(str::to_owned),
            ..Row::default()
        }
    }

    fn for_address(address: usize) -> Row {
        Row { key: address, address, ..Row::default() }
    }

    /// Writes a call down that has just returned.
    #[inline]
    pub(crate) fn record(&self, took: Duration, retaken: bool) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        add(&self.calls, 1);
        add(&self.total_ns, ns);
        // ORDERING: Relaxed, as in `add`.
        if self.longest_ns.load(Ordering::Relaxed) < ns {
            // ORDERING: Relaxed, as in `add`.
            self.longest_ns.store(ns, Ordering::Relaxed);
        }
        if retaken {
            add(&self.retakes, 1);
        }
    }

    /// Writes a callback down.
    pub(crate) fn record_callback(&self) {
        add(&self.callbacks, 1);
    }
}

/// By the one writer.
#[inline]
fn add(word: &AtomicU64, more: u64) {
    // ORDERING: Relaxed, a count stands for itself, and has one writer (ledger.writer).
    word.store(word.load(Ordering::Relaxed).saturating_add(more), Ordering::Relaxed);
}

/// The rows of one carrier.
pub(crate) struct Page {
    /// The row that was used last, with its key: the next call is often the same.
    last: Cell<(usize, *const Row)>,
    /// Where each row is; the writer's own.
    index: UnsafeCell<HashMap<usize, Arc<Row>>>,
    /// The rows, for readers.
    rows: Mutex<Vec<Arc<Row>>>,
}

// SAFETY: `last` and `index` are touched by the carrier's thread only (ledger.writer).
unsafe impl Sync for Page {}
// SAFETY: as above; the rest is `Send`.
unsafe impl Send for Page {}

impl Page {
    fn new() -> Page {
        Page {
            last: Cell::new((0, std::ptr::null())),
            index: UnsafeCell::new(HashMap::new()),
            rows: Mutex::new(Vec::new()),
        }
    }

    /// The row with this key, made by `new` if there is none yet. On the carrier's own thread.
    #[inline]
    fn row(&self, key: usize, new: impl FnOnce() -> Row) -> &Row {
        let (last_key, last) = self.last.get();
        if last_key == key
            // SAFETY: rows stay as long as their page: they are in `index`, and never removed.
            && let Some(row) = unsafe { last.as_ref() }
        {
            return row;
        }
        self.find(key, new)
    }

    #[cold]
    fn find(&self, key: usize, new: impl FnOnce() -> Row) -> &Row {
        // SAFETY: the carrier's own thread, and nothing below comes back here (ledger.writer).
        let index = unsafe { &mut *self.index.get() };
        let row = index.entry(key).or_insert_with(|| {
            let row = Arc::new(new());
            self.rows.lock().push(row.clone());
            row
        });
        let row = Arc::as_ptr(row);
        self.last.set((key, row));
        // SAFETY: the row stays as long as the page.
        unsafe { &*row }
    }
}

/// All pages of one runtime.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Boxed: a carrier keeps the address.
    #[expect(clippy::vec_box, reason = "a page keeps its address while the list grows")]
    pages: Mutex<Vec<Box<Page>>>,
}

impl Ledger {
    fn add_page(&self) -> *mut () {
        let page = Box::new(Page::new());
        let address = (&raw const *page).cast_mut().cast();
        self.pages.lock().push(page);
        address
    }

    /// What all carriers know together, a row for each target.
    pub(crate) fn merge(&self) -> Vec<TargetRow> {
        let mut merged = BTreeMap::<usize, TargetRow>::new();
        for page in self.pages.lock().iter() {
            for row in page.rows.lock().iter() {
                merged
                    .entry(row.key)
                    .and_modify(|sum| sum.add(row))
                    .or_insert_with(|| TargetRow::new(row));
            }
        }
        let mut rows: Vec<_> = merged.into_values().collect();
        rows.sort_by(|a, b| (&a.library, &a.symbol).cmp(&(&b.library, &b.symbol)));
        rows
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.merge()).finish()
    }
}

/// The current carrier's row of a target. Keeps `errno` if the row exists already.
#[inline]
pub(crate) fn row_of(target: &Target) -> Option<&'static Row> {
    row(target.key(), || Row::for_target(target))
}

/// The current carrier's row of an address.
#[inline]
pub(crate) fn row_at(address: usize) -> Option<&'static Row> {
    row(address, || Row::for_address(address))
}

/// The lifetime is good until the task is switched: the runtime keeps its ledger as long as it has
/// carriers, and the caller must not write to the row once it may be on another carrier.
#[inline]
fn row(key: usize, new: impl FnOnce() -> Row) -> Option<&'static Row> {
    let mut page = sortie_scheduler::carrier_word()?;
    if page.is_null() {
        page = sortie_scheduler::with_embedder(|embedder| {
            embedder.downcast_ref::<Ledger>().map(Ledger::add_page)
        })??;
        sortie_scheduler::set_carrier_word(page);
    }
    // SAFETY: the word is set here only, to a page that the runtime's ledger keeps.
    let page = unsafe { &*page.cast::<Page>() };
    Some(page.row(key, new))
}

/// What the calls of one native function cost so far, in one runtime.
///
/// Part of a [`Snapshot`](crate::Snapshot).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetRow {
    /// The file name of the library, if it is known.
    pub library: Option<String>,
    /// The function's name, if it is known.
    pub symbol: Option<String>,
    /// The function's address; 0 if the target has none.
    pub address: usize,
    /// Calls that have returned.
    pub calls: u64,
    /// Time from the leave to the return, waiting for a worker aside; all calls together.
    pub total: Duration,
    /// The longest call.
    pub longest: Duration,
    /// Calls during which the worker was taken for others.
    pub retakes: u64,
    /// Times that managed code was called back.
    pub callbacks: u64,
}

impl TargetRow {
    fn new(row: &Row) -> TargetRow {
        let found = symbol::find(row.address);
        let (library, symbol) = found.map_or((None, None), |it| (Some(it.library), it.name));
        let mut sum = TargetRow {
            // What the loader says of an address is exact; what the target was told may be a path.
            library: library.or_else(|| row.library.clone()),
            symbol: row.name.clone().or(symbol),
            address: row.address,
            calls: 0,
            total: Duration::ZERO,
            longest: Duration::ZERO,
            retakes: 0,
            callbacks: 0,
        };
        sum.add(row);
        sum
    }

    fn add(&mut self, row: &Row) {
        // ORDERING: Relaxed, counts stand for themselves.
        let get = |word: &AtomicU64| word.load(Ordering::Relaxed);
        self.calls += get(&row.calls);
        self.total += Duration::from_nanos(get(&row.total_ns));
        self.longest = self.longest.max(Duration::from_nanos(get(&row.longest_ns)));
        self.retakes += get(&row.retakes);
        self.callbacks += get(&row.callbacks);
    }

    /// The mean time of a call; zero if none has returned.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos((self.total.as_nanos() / u128::from(self.calls.max(1))) as u64)
    }
}
