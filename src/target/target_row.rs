//! What a reader of the ledger is given of one function: the sum over all carriers, with its name.

use super::row::{Row, get};
use super::{Class, Profile, symbol};
use std::time::Duration;

/// What the calls of one native function cost so far, in one runtime.
///
/// Part of a [`Snapshot`](crate::Snapshot). Calls are counted exactly. Times are known of a part of
/// them ([`TargetRow::timed`]): of all calls of a target that is unknown or long, of one in 64 of
/// others, or fewer where a function is called very often, and of each that lost its worker; the rest is
/// taken to be like those.
///
/// A function that is gone, as its library was unmapped or its target dropped, keeps its row, with the address 0; one of
/// the same name and library that comes later goes on with it. What comes to its address begins a row of its own.
///
/// ```
/// use sortie::native::{self, Target};
/// use std::time::Duration;
///
/// static NAP: Target = Target::named("nap");
/// let runtime = sortie::Runtime::new()?;
/// runtime.run(|| native::call(&NAP, || std::thread::sleep(Duration::from_millis(2))));
/// let snapshot = runtime.snapshot();
/// let row = snapshot.targets.iter().find(|row| row.symbol.as_deref() == Some("nap")).unwrap();
/// assert_eq!((row.calls, row.timed, row.running), (1, 1, 0));
/// assert!(row.longest >= Duration::from_millis(2) && row.mean() >= Duration::from_millis(2));
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetRow {
    /// The file name of the library, if it is known.
    pub library: Option<String>,
    /// The function's name, if it is known.
    pub symbol: Option<String>,
    /// The function's address; 0 if the target has none.
    pub address: usize,
    /// What was learned of the function, or pinned, in the whole process; unknown if it is gone.
    pub class: Class,
    /// Calls, those under way among them.
    pub calls: u64,
    /// Calls whose time is known.
    pub timed: u64,
    /// Half of the calls took no longer, from the leave to the return, callbacks and waits for a worker
    /// aside; a quarter too much at most.
    pub p50: Duration,
    /// 99 of 100 calls took no longer.
    pub p99: Duration,
    /// The longest call whose time is known.
    pub longest: Duration,
    /// All calls together.
    pub total: Duration,
    /// Long calls that spent their time waiting: those that lost their worker for it, and of a target that is unknown or
    /// long the others too; if it is known to block, an estimate by one call in eight.
    pub blocked: u64,
    /// Long calls that spent it computing; an estimate likewise. With those that waited no more than there are calls.
    pub burned: u64,
    /// Times that the worker was taken for others: once in a call, and once more after each callback
    /// of it.
    pub retakes: u64,
    /// Times that the worker was handed over before native code, as often.
    pub hand_offs: u64,
    /// Calls that another thread made for their task, which was suspended.
    pub offloads: u64,
    /// Times that managed code was called back.
    pub callbacks: u64,
    /// Times that it was seen to break what was promised of it: see
    /// [`Misclassified`](crate::native::Misclassified).
    pub misclassified: u64,
    /// Calls under way.
    pub running: u64,
    /// For how long the longest of them runs, or at least since somebody looked first, if it is not
    /// timed.
    pub longest_running: Option<Duration>,
}

impl TargetRow {
    /// Of a function that nobody has called.
    pub(super) fn new(profile: &Profile) -> TargetRow {
        let found = symbol::find(profile.address());
        let (library, symbol) = found.map_or((None, None), |it| (Some(it.library), it.name));
        TargetRow {
            address: profile.address(),
            class: profile.class(),
            // What the loader says of an address is exact; what the target was told may be a path.
            ..TargetRow::of_gone((library.or_else(|| profile.library()), profile.name().or(symbol)))
        }
    }

    /// Of a function that had this library and name.
    pub(super) fn of_gone((library, symbol): (Option<String>, Option<String>)) -> TargetRow {
        TargetRow {
            library,
            symbol,
            address: 0,
            class: Class::Unknown,
            calls: 0,
            timed: 0,
            p50: Duration::ZERO,
            p99: Duration::ZERO,
            longest: Duration::ZERO,
            total: Duration::ZERO,
            blocked: 0,
            burned: 0,
            retakes: 0,
            hand_offs: 0,
            offloads: 0,
            callbacks: 0,
            misclassified: 0,
            running: 0,
            longest_running: None,
        }
    }

    /// Adds what was counted on one carrier.
    pub(super) fn add(&mut self, row: &Row) {
        self.calls += get(&row.calls);
        self.timed += get(&row.timed);
        self.total += Duration::from_nanos(get(&row.total_ns));
        self.longest = self.longest.max(Duration::from_nanos(get(&row.longest_ns)));
        self.blocked += get(&row.blocked);
        self.burned += get(&row.burned);
        self.retakes += get(&row.retakes);
        self.hand_offs += get(&row.hand_offs);
        self.offloads += get(&row.offloads);
        self.callbacks += get(&row.callbacks);
        self.misclassified += get(&row.misclassified);
    }

    /// Is there anything to tell?
    pub(super) fn is_called(&self) -> bool {
        self.calls > 0 || self.callbacks > 0 || self.misclassified > 0
    }

    /// Adds what was counted of a function that is gone.
    pub(super) fn merge(&mut self, gone: &TargetRow) {
        self.calls += gone.calls;
        self.timed += gone.timed;
        self.total += gone.total;
        self.longest = self.longest.max(gone.longest);
        self.blocked += gone.blocked;
        self.burned += gone.burned;
        self.retakes += gone.retakes;
        self.hand_offs += gone.hand_offs;
        self.offloads += gone.offloads;
        self.callbacks += gone.callbacks;
        self.misclassified += gone.misclassified;
    }

    /// What is estimated by some calls is no more than there are.
    pub(super) fn bound_estimates(&mut self) {
        let known = self.blocked + self.burned;
        if known > self.calls {
            self.blocked =
                (u128::from(self.blocked) * u128::from(self.calls) / u128::from(known)) as u64;
            self.burned = self.calls - self.blocked;
        }
    }

    /// The mean time of a call; zero if none has returned. For an example see [above](TargetRow).
    pub fn mean(&self) -> Duration {
        Duration::from_nanos((self.total.as_nanos() / u128::from(self.calls.max(1))) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::TargetRow;

    #[test]
    fn an_estimate_is_no_more_than_there_are_calls() {
        let bounded = |calls, blocked, burned| {
            let mut row = TargetRow { calls, blocked, burned, ..TargetRow::of_gone((None, None)) };
            row.bound_estimates();
            (row.blocked, row.burned)
        };
        assert_eq!(bounded(160, 240, 0), (160, 0));
        assert_eq!(bounded(160, 0, 240), (0, 160));
        assert_eq!(bounded(3, 16, 8), (2, 1));
        assert_eq!(bounded(160, 100, 60), (100, 60));
        assert_eq!(bounded(0, 0, 0), (0, 0));
    }
}
