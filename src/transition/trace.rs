//! The trace of transitions: an event at the level `trace` for each, and whether anybody wants it.
//!
//! A native call that goes a fast way makes no such event, and does not ask: that somebody wants them is part of
//! what is decided for each function (`target/policies.rs`), and so of a word that the call looks at anyhow. Who
//! keeps that up to date is the [`Watch`], a place like that of the event: subscribers are asked about every place
//! when one of them comes or changes its mind, and the place is told what they said.
//!
//! Lock order: what `tracing` holds while it tells a place, then the lock of the policies.

use super::layer::Event;
use crate::target::policies;
use crate::task::local::{self, Local};
use sortie_scheduler::crossing::Errno;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use tracing::level_filters::STATIC_MAX_LEVEL;
use tracing_core::callsite::{self, Callsite};
use tracing_core::{Interest, Kind, Level, Metadata, metadata};

/// A place of which no event comes, and all else is as of the one in [`emit`].
struct Watch;

static WATCH: Watch = Watch;
static METADATA: Metadata<'static> = metadata! {
    name: "transition",
    target: "sortie::crossing",
    level: Level::TRACE,
    fields: &["transition", "task", "target", "layers"],
    callsite: &WATCH,
    kind: Kind::EVENT
};

impl Callsite for Watch {
    fn set_interest(&self, interest: Interest) {
        policies::set_traced(!interest.is_never() && Level::TRACE <= STATIC_MAX_LEVEL);
    }

    fn metadata(&self) -> &Metadata<'_> {
        &METADATA
    }
}

/// From now on it is known whether anybody wants the event. Before the first task.
pub(crate) fn watch() {
    static IS_WATCHED: AtomicBool = AtomicBool::new(false);
    // ORDERING: Relaxed, for the first who comes by; others go on meanwhile, for until it is known it may be wanted.
    if !IS_WATCHED.swap(true, Ordering::Relaxed) {
        callsite::register(&WATCH);
    }
}

/// Traces an edge, in managed code, with the layers after it.
#[inline(always)]
pub(super) fn edge(event: Event, target: Option<usize>, local: &Local) {
    if policies::is_traced() {
        trace(event, target, local);
    }
}

#[cold]
#[inline(never)]
fn trace(event: Event, target: Option<usize>, local: &Local) {
    tell(|| {
        // Of all subscribers, the one on this thread?
        if tracing::enabled!(target: "sortie::crossing", Level::TRACE) {
            emit(event, target, local);
        }
    });
}

/// Makes an event where something is half done: a transition, or what is to follow a call. Keeps `errno`.
///
/// A subscriber that panics has said so by the hook. Let through, its panic would leave the other half undone. An abort that
/// is raised in a subscriber which waits is raised again at the next suspension point.
#[cold]
pub(crate) fn tell(event: impl FnOnce()) {
    let errno = Errno::save();
    if let Err(payload) = catch_unwind(AssertUnwindSafe(event)) {
        local::discard(payload);
    }
    errno.restore();
}

fn emit(event: Event, target: Option<usize>, local: &Local) {
    // Made into text before the subscriber runs, which may call us.
    let layers = local.layers(|layers| layers.to_string());
    let task = sortie_scheduler::current_task().map_or(0, |(id, _)| id.get());
    let target = target.map(|target| format!("{target:#x}"));
    tracing::trace!(
        name: "transition",
        target: "sortie::crossing",
        transition = %event,
        task,
        target = target.as_deref(),
        %layers,
    );
}
