//! When the runtime's stores give back what nobody needs: at the monitor's leisure. See [`crate::ebb`].
//!
//! A turn is a second: what a peak has left is gone after two, and whoever does something each second keeps what it
//! takes. Who fills a store beyond what is kept for good rings the monitor, once; an idle runtime is left alone.
//!
//! Must not: keep the monitor from its other duties; a store gives back a bounded part at a time.

use super::cadence::NAP;
use crate::block::Block;
use crate::ebb::Outlook;
use crate::fiber::FiberBox;
use crate::shared::Shared;
use crate::stack::{Stack, Stacks};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const TURN: Duration = Duration::from_secs(1);

/// Is there a store to be watched?
#[derive(Debug, Default)]
pub(crate) struct Watched(AtomicBool);

impl Shared {
    /// Takes back what tasks lay in.
    pub(crate) fn keep_blocks(&self, class: usize, blocks: impl Iterator<Item = Block>) {
        if self.blocks.give(class, blocks) {
            self.watch_stores();
        }
    }

    /// Takes fibers back, all between bodies.
    pub(crate) fn keep_fibers(&self, fibers: Vec<FiberBox>) {
        if self.fibers.give(fibers) {
            self.watch_stores();
        }
    }

    /// Takes the stack of a task's own back.
    pub(crate) fn keep_own_stack(&self, pool: Arc<Stacks>, stack: Stack) {
        let is_to_watch = self.own_stacks.give(pool, stack);
        if self.is_closing() {
            self.own_stacks.clear();
        } else if is_to_watch {
            self.watch_stores();
        }
    }

    #[cold]
    fn watch_stores(&self) {
        // ORDERING: Relaxed, the parker's token orders it before the monitor's next look.
        self.watched.0.store(true, Ordering::Relaxed);
        self.gate.ring();
    }
}

/// The monitor's part.
#[derive(Debug, Default)]
pub(super) struct Tide {
    /// When the turn is over, if stores are watched.
    turn_ends: Option<Instant>,
}

impl Tide {
    /// Does what is due. How long the monitor may sleep at most.
    pub(super) fn look(&mut self, shared: &Shared, now: Instant) -> Option<Duration> {
        // ORDERING: Relaxed, as in `watch_stores`.
        if shared.watched.0.load(Ordering::Relaxed) {
            // ORDERING: Relaxed, as above: the stores are looked at after this, and their locks order that.
            shared.watched.0.store(false, Ordering::Relaxed);
            self.turn_ends.get_or_insert(now + TURN);
        }
        let turn_ends = self.turn_ends?;
        let is_over = now >= turn_ends;
        if is_over {
            // What idle workers keep for their next tasks is few, but each may lie in another page, or slab.
            shared.lobby.each_idle(|worker| {
                worker.supply.give_blocks_back(&shared.blocks);
                worker.give_fibers_back(&shared.fibers);
            });
        }
        let outlook = shared.blocks.ebb(is_over).max(shared.fibers.ebb(is_over));
        let outlook = outlook.max(shared.own_stacks.ebb(is_over));
        if is_over {
            self.turn_ends = (outlook != Outlook::Calm).then(|| now + TURN);
            if outlook == Outlook::Calm {
                // Tasks that were suspended in callbacks had one each, beside their fiber.
                shared.native_stacks.trim();
            }
        }
        let left = self.turn_ends?.saturating_duration_since(now);
        Some(if outlook == Outlook::Soon { left.min(NAP) } else { left })
    }
}
