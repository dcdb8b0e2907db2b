//! Calls that are not announced: which of them are all the same, as samples; and what is done when a function is
//! seen to break what was promised of it.
//!
//! Who makes a call asks its row, which counts it: by a policy that wants samples the call by a certain number is
//! *due*, and announced, as among announced calls it would be timed (`row.rs`).
//!
//! A promise is seen broken in two ways: by a callback out of such a call, be it announced or not; and by a sample
//! that took more than [`TOO_LONG`], in which its thread waited or computed. One that was kept from a
//! processor meanwhile says nothing. Both are found where nobody is in a hurry: a callback out of a function that never
//! calls back goes the general way, and a sample is timed anyhow.
//!
//! Where something is seen the policies are asked to mend (`policies.rs`), and an event says what became of it. No
//! lock is held then.

use super::policies::{self, Origin};
use super::policy::{Hook, Misclassified};
use super::{Profile, ledger};
use crate::transition::trace;
use sortie_scheduler::crossing::Errno;
use std::time::Duration;

/// A function that takes so long should not be unhooked.
pub(super) const TOO_LONG: Duration = Duration::from_micros(100);

/// Must the next call of this address be announced?
pub(crate) fn needs_hook(address: usize) -> bool {
    match policies::hook(address) {
        Hook::Always => true,
        Hook::Never => false,
        Hook::Sampled(_) => is_next_due(address),
    }
}

/// Outside of tasks nobody counts. There, as where a call is the first on its carrier, the answer is the one that is
/// right for good: who asks once for all calls announces them all.
#[cold]
fn is_next_due(address: usize) -> bool {
    let errno = Errno::save();
    let is_due = ledger::page().is_none_or(|page| !page.row_at(address).count_untimed());
    errno.restore();
    is_due
}

/// Is the next call to be announced, of which only samples are? Counts it if not.
pub(crate) fn is_due(profile: &'static Profile) -> bool {
    ledger::page().is_some_and(|page| !page.row(profile).count_untimed())
}

/// The function calls back, out of a call that was announced.
#[inline]
pub(crate) fn check_callback(profile: &'static Profile) {
    if profile.decide().is_unhooked() {
        called_back(profile);
    }
}

/// The function has called back, of which was promised that it never does. In managed code.
#[cold]
#[inline(never)]
pub(crate) fn called_back(profile: &'static Profile) {
    tell(profile, "it has called back", None);
}

/// A sample took too long. In managed code.
#[cold]
pub(super) fn lasted(profile: &'static Profile, took: Duration) {
    tell(profile, "it has waited or computed for more than 100 us", Some(took));
}

fn tell(profile: &'static Profile, why: &'static str, took: Option<Duration>) {
    let errno = Errno::save();
    if let Some(page) = ledger::page() {
        page.row(profile).count_misclassified();
    }
    if let Some((policy, origin)) = policies::break_promise(profile.key()) {
        let mended = match policy.misclassified_as() {
            Misclassified::Mend => "from now on all calls that the policy is for are announced",
            Misclassified::Report => "the policy stays as it is, as it asks for",
        };
        trace::tell(|| {
            tracing::warn!(
                target: "sortie::crossing",
                function = %profile,
                %policy,
                set_for = %origin,
                why,
                ?took,
                mended,
                "a function that need not be announced breaks what was promised of it"
            );
        });
    }
    errno.restore();
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Set(_) => f.write_str("the function"),
            Origin::Declared(_) => f.write_str("the function, by its declaration"),
            Origin::Range(range) => write!(f, "{:#x}..{:#x}", range.start, range.end),
            Origin::Default => f.write_str("all functions of which nothing else is said"),
        }
    }
}
