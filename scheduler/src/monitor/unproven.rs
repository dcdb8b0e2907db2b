//! The call whose worker was handed over on no evidence, one at a time ([`crate::crossing::Unproven`]): once it was
//! seen to wait, the embedder is told that it blocks, and another may be the next.
//!
//! Must not: take anything: the worker is with others.

use super::sight::{AGE, Sight, target_of};
use crate::config::Observed;
use crate::crossing::Use;
use crate::crossing::word::Phase;
use crate::shared::Shared;
use std::time::Instant;

/// What was seen of it.
#[derive(Default)]
pub(super) struct UnprovenCall(Option<Sight>);

impl UnprovenCall {
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    /// Looks at the call, and frees its place once it was seen to wait.
    pub(super) fn look(&mut self, shared: &Shared, now: Instant) {
        let Some(carrier) = shared.unproven.carrier() else {
            self.0 = None;
            return;
        };
        let word = carrier.word.load();
        if word.phase() != Phase::Native {
            // It is about to leave.
            return;
        }
        match &self.0 {
            Some(sight) if sight.is_of(carrier, word) => {
                if sight.age(now) >= AGE && sight.use_of_time(now) == Use::Waited {
                    let target = target_of(carrier);
                    if carrier.word.load() == word && shared.unproven.end(&carrier) {
                        shared.observed(target, Observed::Blocked(sight.age(now)));
                    }
                }
            }
            _ => self.0 = Some(Sight::new(carrier, word, now)),
        }
    }
}
