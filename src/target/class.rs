//! Classes of native functions, and how one is learned from the times that calls took.
//!
//! Pure: no globals, no clock, no policy. All that is learned of one function is one word, [`Learned`],
//! which many threads feed; a change is one compare-and-swap of the whole, so no observation is lost and
//! the word is never half new. [`State`] is that word unpacked: what it becomes by an observation is a
//! function of the two.
//!
//! Times are counted in bands whose edges are the limits of the rules, so that the rules are exact:
//! finer bands would answer no question that is asked here.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a native function is like, and so what its calls cost and may cause.
///
/// The first four are learned, or pinned by a [`Policy`](super::Policy); the last two are given by a policy
/// only. Whatever the class, a task in a native call stalls no other for long, but for `Keep` and
/// `Unhooked`.
///
/// ```
/// use sortie::native::{Class, Target};
///
/// static WORK: Target = Target::named("work");
/// assert_eq!(WORK.class(), Class::Unknown);
/// assert_eq!("short".parse(), Ok(Class::Short));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Its first calls, all of them timed. Whoever has work may take the worker at once.
    Unknown,
    /// Nearly all calls (99 of 100) take less than 20 us. The cheapest transition; if a call blocks
    /// nevertheless, the monitor takes the worker back.
    Short,
    /// Neither short nor long. Whoever has work may take the worker at once.
    Mixed,
    /// Most calls take more than 100 us, or block. The worker is given to others before the call, if
    /// anybody waits. All calls are timed.
    Long,
    /// Announced, but the worker stays with the call until its end. A stall detector names it if it
    /// lasts.
    Keep,
    /// Not announced, or only some calls as samples; see [`Policy::unhooked`](super::Policy::unhooked) for what that asks of the
    /// function.
    Unhooked,
}

impl Class {
    /// All classes, as texts name them.
    pub(super) const NAMES: [(Class, &'static str); 6] = [
        (Class::Unknown, "unknown"),
        (Class::Short, "short"),
        (Class::Mixed, "mixed"),
        (Class::Long, "long"),
        (Class::Keep, "keep"),
        (Class::Unhooked, "unhooked"),
    ];

    /// The name in texts: the variant's, in lower case.
    ///
    /// ```
    /// use sortie::native::Class;
    ///
    /// assert_eq!(Class::Short.name(), "short");
    /// assert_eq!("short".parse(), Ok(Class::Short));
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        Class::NAMES[self as usize].1
    }

    /// The class of this name.
    pub(super) fn named(name: &str) -> Option<Class> {
        Class::NAMES.iter().find(|(_, its)| *its == name).map(|(class, _)| *class)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is known of how a call spent its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Timed,
    /// It was seen to block.
    Blocked,
    /// It was seen to use the processor.
    Burned,
}

/// So many observations make a class, and each further change of it.
const ENOUGH: u32 = 32;
/// When so many are counted, all counts are halved: what is old counts less.
const FULL: u32 = 256;

/// A short function's calls take less, 99 of 100.
const SHORT: u64 = 20_000;
/// A short function stays one while 99 of 100 calls take less.
const STILL_SHORT: u64 = 40_000;
/// A long function stays one while a quarter of its calls take so long: whose worker went to others before
/// the call may lose its processor to them, and then finds what it would have waited for.
const STILL_LONG: u64 = 50_000;
/// Half of a long function's calls take so long.
const LONG: u64 = 100_000;

/// The upper edges of the bands but the last.
const EDGES: [u64; 4] = [SHORT, STILL_SHORT, STILL_LONG, LONG];

/// What was learned so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// One of the first four.
    pub(crate) class: Class,
    /// Long by using the processor rather than by blocking.
    pub(crate) burning: bool,
    /// Not one call has come to its end, or was seen to do anything.
    pub(crate) untried: bool,
}

/// The verdict is another by the last observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) from: Verdict,
    pub(crate) to: Verdict,
    pub(crate) why: &'static str,
}

/// All that is learned of one native function: a [`State`], packed.
#[derive(Debug, Default)]
pub(crate) struct Learned(AtomicU64);

impl Learned {
    pub(crate) const fn new() -> Learned {
        Learned(AtomicU64::new(0))
    }

    /// Counts one call, or what was seen of one that still runs. Answers if the verdict is another now.
    ///
    /// `stands_for`: of so many calls one is asked how it has spent its time, and this is it.
    pub(crate) fn observe(&self, ns: u64, kind: Kind, stands_for: u8) -> Option<Change> {
        let mut change = None;
        // ORDERING: Relaxed, the word stands for itself.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let before = State::unpack(word);
            let (after, why) = before.observe(ns, kind, stands_for);
            let (from, to) = (before.verdict(), after.verdict());
            change = (from != to).then_some(Change { from, to, why });
            Some(after.pack())
        });
        change
    }

    pub(crate) fn verdict(&self) -> Verdict {
        // ORDERING: Relaxed, the word stands for itself.
        State::unpack(self.0.load(Ordering::Relaxed)).verdict()
    }

    pub(crate) fn class(&self) -> Class {
        self.verdict().class
    }

    /// Forgets everything.
    pub(crate) fn reset(&self) {
        // ORDERING: Relaxed, the word stands for itself.
        self.0.store(0, Ordering::Relaxed);
    }
}

/// What an observation is added to. All counts together are less than [`FULL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    /// Observations by how long they took.
    bands: [u8; EDGES.len() + 1],
    /// Those of at least [`SHORT`] that blocked; they are in the bands too.
    blocked: u8,
    /// Those of at least [`LONG`] that burned; they are in the bands too.
    burned: u8,
    class: Class,
    burning: bool,
    /// Observations since the class changed; no more than one less than [`ENOUGH`].
    since: u8,
}

/// In the last byte of the word: `since` below, the class above.
const SINCE_BITS: u32 = 5;
const BURNING: u8 = 4;

impl State {
    fn unpack(word: u64) -> State {
        let [a, b, c, d, e, blocked, burned, last] = word.to_le_bytes();
        let (class, burning) = match last >> SINCE_BITS {
            0 => (Class::Unknown, false),
            1 => (Class::Short, false),
            2 => (Class::Mixed, false),
            class => (Class::Long, class == BURNING),
        };
        let since = last & ((1 << SINCE_BITS) - 1);
        State { bands: [a, b, c, d, e], blocked, burned, class, burning, since }
    }

    fn pack(self) -> u64 {
        let class = if self.burning { BURNING } else { self.class as u8 };
        let [a, b, c, d, e] = self.bands;
        let last = class << SINCE_BITS | self.since;
        u64::from_le_bytes([a, b, c, d, e, self.blocked, self.burned, last])
    }

    fn verdict(self) -> Verdict {
        let untried = self.class == Class::Unknown && self.since == 0;
        Verdict { class: self.class, burning: self.burning, untried }
    }

    /// The state after one more observation, and, if the verdict is another, why.
    fn observe(mut self, ns: u64, kind: Kind, stands_for: u8) -> (State, &'static str) {
        // Calls of these are not asked how they spend their time: the monitor has seen this one keep others
        // waiting, and each call to come may. Long from now on, until enough new calls say otherwise.
        let is_thought_harmless = matches!(self.class, Class::Short | Class::Mixed);
        if is_thought_harmless && kind == Kind::Blocked && ns >= SHORT {
            return (State::anew(Class::Long, false), "a call blocked");
        }
        if self.class == Class::Short && ns >= LONG {
            // Of one that was timed only, it is not known whether its thread was kept from a processor.
            let burning = kind == Kind::Burned;
            let class = if burning { Class::Long } else { Class::Mixed };
            return (State::anew(class, burning), "a short one took 100 us or more");
        }
        self.count(ns, kind, stands_for);
        // Thousands of tasks may be in its first call.
        if self.class == Class::Unknown && kind == Kind::Blocked && ns >= SHORT {
            self.class = Class::Long;
            self.since = 0;
            return (self, "one of its first calls blocked");
        }
        if u32::from(self.since) + 1 < ENOUGH {
            self.since += 1;
            if self.class == Class::Unknown {
                return (self, "its first call has not blocked");
            }
        } else {
            let (class, why) = self.judge();
            if class != self.class {
                self.class = class;
                self.since = 0;
                self.burning = self.class == Class::Long && self.mostly_burned();
                return (self, why);
            }
        }
        self.burning = self.class == Class::Long
            && if self.burning { self.burned >= self.blocked } else { self.mostly_burned() };
        (self, if self.burning { "its long calls burn" } else { "its long calls block" })
    }

    /// Nothing is known but the class, and whether it burns.
    fn anew(class: Class, burning: bool) -> State {
        State { class, burning, burned: burning.into(), ..State::unpack(0) }
    }

    fn count(&mut self, ns: u64, kind: Kind, stands_for: u8) {
        let band = EDGES.iter().position(|edge| ns < *edge).unwrap_or(EDGES.len());
        let blocked = kind == Kind::Blocked && ns >= SHORT;
        let burned = kind == Kind::Burned && ns >= LONG;
        if self.total() + 1 >= FULL {
            self.bands.iter_mut().for_each(|count| *count /= 2);
            self.blocked /= 2;
            self.burned /= 2;
        }
        // Less than FULL together, so none of them overflows.
        self.bands[band] += 1;
        // No more of a kind than there are.
        let all = self.total() as u8;
        self.blocked = self.blocked.saturating_add(stands_for * u8::from(blocked)).min(all);
        self.burned = self.burned.saturating_add(stands_for * u8::from(burned)).min(all);
    }

    fn total(&self) -> u32 {
        self.bands.iter().map(|count| u32::from(*count)).sum()
    }

    /// How many took at least so long.
    fn at_least(&self, edge: u64) -> u32 {
        let counts = self.bands[1..].iter().zip(EDGES);
        counts.filter(|(_, its)| *its >= edge).map(|(count, _)| u32::from(*count)).sum()
    }

    /// 99 of 100 took less.
    fn nearly_all_below(&self, edge: u64) -> bool {
        self.at_least(edge) * 100 <= self.total()
    }

    fn mostly_burned(&self) -> bool {
        u32::from(self.burned) > 2 * u32::from(self.blocked)
    }

    /// The class by what is counted; at a limit it stays what it was.
    fn judge(&self) -> (Class, &'static str) {
        let (total, blocked) = (self.total(), u32::from(self.blocked));
        if self.at_least(LONG) * 2 > total {
            return (Class::Long, "most calls take 100 us or more");
        }
        if blocked * 2 >= total {
            return (Class::Long, "most calls block");
        }
        if self.class == Class::Long
            && (self.at_least(STILL_LONG) * 4 >= total || blocked * 4 >= total)
        {
            return (Class::Long, "");
        }
        if self.nearly_all_below(SHORT) {
            return (Class::Short, "99 of 100 calls take less than 20 us");
        }
        if self.class == Class::Short && self.nearly_all_below(STILL_SHORT) {
            return (Class::Short, "");
        }
        (Class::Mixed, "its calls are neither short nor long")
    }
}

#[cfg(test)]
mod tests;
