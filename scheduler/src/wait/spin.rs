//! Looking for a while before a wait: what is done under a lock is mostly shorter than a switch.

use super::managed;

/// How many looks; the pauses between them double up to [`LONGEST`].
const LOOKS: u32 = 12;
/// The most `spin_loop` hints between two looks.
const LONGEST: u32 = 64;

/// Looks until `look` says how it ended, or for about a microsecond or two: false then. Not at all where nobody
/// else runs that could end it: if the task's runtime has one worker (plain threads and native code apart).
pub(crate) fn spin(mut look: impl FnMut() -> Option<bool>) -> bool {
    if !others_run() {
        return false;
    }
    for round in 0..LOOKS {
        for _ in 0..(1 << round).min(LONGEST) {
            std::hint::spin_loop();
        }
        if let Some(ended) = look() {
            return ended;
        }
    }
    false
}

#[inline(never)]
fn others_run() -> bool {
    managed().is_none_or(|(carrier, _)| carrier.shared().config.workers > 1)
}
