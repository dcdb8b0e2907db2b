//! What most tasks never have, behind one pointer of their header: options of their spawn, native calls that can be
//! cancelled or are made elsewhere, regions and scopes of aborts, yields that the task was made to.
//!
//! So a header is three lines at most, a plain spawn writes few of them, and a parked task takes little. The first
//! who needs the rest makes it; it stays until the header ends.
//!
//! INVARIANT(rare.owner): it is made by the task's owner (rule 3 of [`super`]) only, so there are no two who make it.

use super::abort::Aborting;
use super::hook::HookWord;
use super::membership::Sets;
use crate::offload::Job;
use crate::penalty::Penalty;
use crate::request::YieldWatcher;
use crate::stack::Stacks;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::{OnceLock, Weak};

/// See the module. Who may touch which field is said there, too.
pub(crate) struct Rare {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) span: tracing::Span,
    /// Those who wait for the task's end as for one of many. See `set.rs`.
    pub(crate) sets: Sets,
    /// Where its stack came from, if that is one of its own. See `crate::own_stack`.
    pub(crate) own_stack: Cell<Option<Arc<Stacks>>>,
    /// The native call that another thread is to make for the task.
    pub(crate) job: Cell<Option<Job>>,
    /// Who may run the hook of the native call that the task is in. See `cancel.rs`.
    pub(crate) hook: HookWord,
    /// The record of the innermost native call that can be cancelled; null: there is none.
    pub(crate) cancellable: Cell<*const ()>,
    /// How many callbacks were open when that call began.
    pub(crate) cancellable_at: Cell<u32>,
    /// Does a hold concern the task? See `crate::hold`.
    pub(super) holdable: AtomicBool,
    /// Who is told that it is asked to let others run. See `crate::request`.
    pub(crate) yield_watcher: OnceLock<Weak<dyn YieldWatcher>>,
    /// What it pays for yields that it was made to. See `crate::penalty`.
    pub(crate) penalty: Penalty,
    /// What holds aborts back, and the scopes that are open.
    pub(crate) aborting: Aborting,
}

impl Rare {
    pub(super) fn new(name: Option<Arc<str>>, span: tracing::Span, sets: Sets) -> Rare {
        Rare {
            name,
            span,
            sets,
            own_stack: Cell::new(None),
            job: Cell::new(None),
            hook: HookWord::new(),
            cancellable: Cell::new(ptr::null()),
            cancellable_at: Cell::new(0),
            holdable: AtomicBool::new(false),
            yield_watcher: OnceLock::new(),
            penalty: Penalty::new(),
            aborting: Aborting::new(),
        }
    }
}

/// The header's pointer.
pub(super) struct RareCell(AtomicPtr<Rare>);

impl RareCell {
    pub(super) const fn new() -> RareCell {
        RareCell(AtomicPtr::new(ptr::null_mut()))
    }

    #[inline]
    pub(super) fn get(&self) -> Option<&Rare> {
        // ORDERING(task.rare): Acquire, pairs with the Release in `put`. Who aborts the task and misses the pointer runs
        // a fence (hook.abort) and looks again: see `cancel.rs`.
        let rare = NonNull::new(self.0.load(Ordering::Acquire))?;
        // SAFETY: a box of `put`'s, which stays as long as the header.
        Some(unsafe { rare.as_ref() })
    }

    /// By the owner, see INVARIANT(rare.owner).
    #[inline]
    pub(super) fn get_or_make(&self) -> &Rare {
        match self.get() {
            Some(rare) => rare,
            None => self.make(),
        }
    }

    #[cold]
    #[inline(never)]
    fn make(&self) -> &Rare {
        self.put(Rare::new(None, tracing::Span::none(), Sets::new()))
    }

    /// By the owner, of a header that has none.
    pub(super) fn put(&self, rare: Rare) -> &Rare {
        let rare = Box::into_raw(Box::new(rare));
        // ORDERING(task.rare): Release, pairs with the Acquire in `get`.
        let before = self.0.swap(rare, Ordering::Release);
        debug_assert!(before.is_null(), "see INVARIANT(rare.owner)");
        // SAFETY: just made; it stays as long as the header.
        unsafe { &*rare }
    }
}

impl Drop for RareCell {
    #[inline]
    fn drop(&mut self) {
        // ORDERING: Relaxed, nobody else has the header any more.
        if let Some(rare) = NonNull::new(self.0.load(Ordering::Relaxed)) {
            // SAFETY: a box of `put`'s, which ends with the header.
            drop(unsafe { Box::from_raw(rare.as_ptr()) });
        }
    }
}
