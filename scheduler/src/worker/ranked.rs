//! Which class of priorities is served next, in a runtime that has tasks of several.
//!
//! With each pick one class *leads*: 16 of 32 times the first, and so on down to the last. If it has nothing ready, the
//! others are asked from the first to the last, the ordinary queues in the middle. Who leads is a pick's number times
//! the golden ratio, its fraction cut into 32 parts. By that the turns of each class are spread evenly, the same part
//! comes again after 21, 34 or 55 picks, and no class is in step with what `pick.rs` does at every 16th, or 61st.

use crate::carrier::Carrier;
use crate::task::TaskRef;
use crate::task::priority::Class;
use crate::timer::Server;

/// The golden ratio's fraction, of 2^32.
const GOLDEN: u32 = 0x9E37_79B9;

/// At each of so many picks timers are looked at.
const TIMERS_EVERY: u32 = 16;

/// The class that leads the pick; `None`: the ordinary queues do.
fn leader(tick: u32) -> Option<Class> {
    match tick.wrapping_mul(GOLDEN) >> 27 {
        0..16 => Some(Class::Urgent),
        16..24 => Some(Class::High),
        24..29 => None,
        29..31 => Some(Class::Low),
        _ => Some(Class::Idle),
    }
}

/// What is to run before the ordinary queues are asked.
#[cold]
#[inline(never)]
pub(super) fn before_others(carrier: &Carrier, tick: u32) -> Option<TaskRef> {
    // It may be ready, and of the leading class.
    carrier.suspend_aside();
    if tick.is_multiple_of(TIMERS_EVERY) {
        // Whoever leads: those in front might be ready without end.
        carrier.shared().timers.fire_due(1, Server::Carrier(carrier.index));
    }
    let leader = leader(tick)?;
    take(carrier, leader, tick)
        .or_else(|| take(carrier, Class::Urgent, tick))
        .or_else(|| take(carrier, Class::High, tick))
}

/// What is to run if the ordinary queues have nothing.
pub(super) fn after_others(carrier: &Carrier, tick: u32) -> Option<TaskRef> {
    if !carrier.shared().ranks.is_open() {
        return None;
    }
    Class::ALL.into_iter().find_map(|class| take(carrier, class, tick))
}

/// The first in line of a class: of the tasks pinned here and of those for all, by turns.
fn take(carrier: &Carrier, class: Class, tick: u32) -> Option<TaskRef> {
    // SAFETY: this is the carrier's thread, in its loop, and the closure stays in the ring.
    let pinned = || unsafe { carrier.with_ring(|ring| ring.pop_ranked(class)) };
    let others = || carrier.shared().ranks.pop(class);
    if tick.is_multiple_of(2) { pinned().or_else(others) } else { others().or_else(pinned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest wait of one who is first in line of each class, in picks.
    #[test]
    fn each_class_leads_its_share_and_soon() {
        let classes = [
            (Some(Class::Urgent), 16, 3),
            (Some(Class::High), 8, 8),
            (None, 5, 13),
            (Some(Class::Low), 2, 34),
            (Some(Class::Idle), 1, 55),
        ];
        for (class, share, longest) in classes {
            for start in [0u32, 1 << 20, u32::MAX - 50_000] {
                let picks = (0..32_000).map(|n| start.wrapping_add(n));
                let led: Vec<u32> = picks.filter(|tick| leader(*tick) == class).collect();
                assert!(led.len().abs_diff(share * 1000) < 20, "{class:?}: {}", led.len());
                let waits = led.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
                assert!(waits.max() <= Some(longest), "{class:?} from {start}");
            }
        }
    }
}
