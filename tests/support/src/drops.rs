//! Values that count their drops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the drops of the values that it made.
#[derive(Clone, Debug, Default)]
pub struct Drops {
    made: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

impl Drops {
    /// Nothing made, nothing dropped.
    #[must_use]
    pub fn new() -> Drops {
        Drops::default()
    }

    /// A value that counts when it is dropped.
    pub fn value(&self) -> Counted {
        self.made.fetch_add(1, Ordering::SeqCst);
        Counted { dropped: self.dropped.clone() }
    }

    /// A value that counts its drop here and in `ended`, which it borrows.
    pub fn borrower<'a>(&self, ended: &'a AtomicUsize) -> Borrower<'a> {
        Borrower { ended, _counted: self.value() }
    }

    /// How many values were made.
    #[must_use]
    pub fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    /// How many drops there were.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }

    /// Checks that everything made was dropped once.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn check(&self) {
        assert_eq!(self.dropped(), self.made(), "dropped, of all that were made");
    }
}

/// See [`Drops::value`].
#[derive(Debug)]
#[must_use]
pub struct Counted {
    dropped: Arc<AtomicUsize>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// See [`Drops::borrower`].
#[derive(Debug)]
#[must_use]
pub struct Borrower<'a> {
    ended: &'a AtomicUsize,
    _counted: Counted,
}

impl Drop for Borrower<'_> {
    fn drop(&mut self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
    }
}
