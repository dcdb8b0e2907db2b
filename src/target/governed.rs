//! What calls cost by policy: the rows of the ledger, added up for each policy that is set.
//!
//! Nothing is counted for it. Who reads asks which policy counts for each function now, and adds up what the ledger
//! has of these functions.

use super::policies::{self, Key, Listed, Origin};
use super::policy::Policy;
use super::symbol;
use super::target_row::TargetRow;
use std::time::Duration;

/// What the calls cost of all functions that one policy is in force for, in one runtime.
///
/// Part of a [`Snapshot`](crate::Snapshot): there is one for each policy that is set, and one for the default, which has
/// all functions of which nothing is said. Each function is in the one that counts for it now, with all its calls so
/// far, those before the policy was set among them; one that is gone is in the default.
///
/// ```
/// use sortie::native::{self, Policy, Target, policy};
///
/// let getpid = libc::getpid as *const () as usize;
/// policy::for_address(getpid).set(Policy::new().max_concurrent(4))?;
/// let runtime = sortie::Runtime::new()?;
/// // SAFETY: `getpid` has no conditions.
/// runtime.run(move || native::call(&Target::new(getpid), || unsafe { libc::getpid() }));
/// let snapshot = runtime.snapshot();
/// let row = snapshot.policy(&policy::for_address(getpid)).unwrap();
/// assert_eq!((row.functions, row.calls, row.slot_losses()), (1, 1, row.retakes + row.hand_offs));
/// # policy::for_address(getpid).clear();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyRow {
    /// Which functions the policy is for.
    pub governs: Governs,
    /// The policy as it is in force.
    pub policy: Policy,
    /// What the policy promises was seen broken since it was set: see
    /// [`Misclassified`](crate::native::Misclassified).
    pub is_broken: bool,
    /// How many functions that were called in this runtime it is in force for.
    pub functions: usize,
    /// As in [`TargetRow`], for this and the next: the sum of these functions' calls.
    pub calls: u64,
    /// Calls whose time is known.
    pub timed: u64,
    /// The longest call whose time is known.
    pub longest: Duration,
    /// All calls together.
    pub total: Duration,
    /// Times that the worker was taken for others.
    pub retakes: u64,
    /// Times that the worker was handed over before native code.
    pub hand_offs: u64,
    /// Calls that another thread made.
    pub offloads: u64,
    /// Times that managed code was called back.
    pub callbacks: u64,
    /// Times that a function was seen to break what was promised of it.
    pub misclassified: u64,
    /// Calls under way.
    pub running: u64,
}

/// Which functions a policy is for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Governs {
    /// Exactly one function.
    Function {
        /// Its address; 0 if it has none.
        address: usize,
        /// Its name, if it is known.
        name: Option<String>,
        /// Its [`Target`](crate::native::Target) was declared with it; else it was set.
        is_declared: bool,
    },
    /// Those that begin at these addresses and have none of their own.
    Range {
        /// The addresses.
        addresses: std::ops::Range<usize>,
        /// The file name of the library that is there, if one is.
        library: Option<String>,
    },
    /// Those of which nothing else is said.
    Default,
}

impl PolicyRow {
    /// Times that a call lost its worker to others, before it or in it.
    #[must_use]
    pub fn slot_losses(&self) -> u64 {
        self.retakes + self.hand_offs
    }

    fn new(listed: Listed, of: Option<&(Option<Key>, TargetRow)>) -> PolicyRow {
        let governs = match listed.origin {
            Origin::Set(key) => function(key, of, false),
            Origin::Declared(key) => function(key, of, true),
            Origin::Range(addresses) => {
                let library = symbol::find(addresses.start).map(|symbol| symbol.library);
                Governs::Range { addresses, library }
            }
            Origin::Default => Governs::Default,
        };
        PolicyRow {
            governs,
            policy: listed.policy,
            is_broken: listed.is_broken,
            functions: 0,
            calls: 0,
            timed: 0,
            longest: Duration::ZERO,
            total: Duration::ZERO,
            retakes: 0,
            hand_offs: 0,
            offloads: 0,
            callbacks: 0,
            misclassified: 0,
            running: 0,
        }
    }

    fn add(&mut self, row: &TargetRow) {
        self.functions += 1;
        self.calls += row.calls;
        self.timed += row.timed;
        self.longest = self.longest.max(row.longest);
        self.total += row.total;
        self.retakes += row.retakes;
        self.hand_offs += row.hand_offs;
        self.offloads += row.offloads;
        self.callbacks += row.callbacks;
        self.misclassified += row.misclassified;
        self.running += row.running;
    }
}

/// `of`: a function that has this policy and was called.
fn function(key: Key, of: Option<&(Option<Key>, TargetRow)>, is_declared: bool) -> Governs {
    let address = match key {
        Key::Address(address) => address,
        Key::Unaddressed(_) => 0,
    };
    let name = of.and_then(|(_, row)| row.symbol.clone());
    let name = name.or_else(|| symbol::find(address)?.name);
    Governs::Function { address, name, is_declared }
}

/// Adds the rows of the ledger up. The policies come in the order in which they count for a function, the default last.
pub(crate) fn by_policy(rows: &[(Option<Key>, TargetRow)]) -> Vec<PolicyRow> {
    let (mut listed, places) = policies::list(rows.iter().map(|(key, _)| *key));
    // It is there also if nobody has set it.
    if listed.last().is_none_or(|last| last.origin != Origin::Default) {
        listed.push(Listed { origin: Origin::Default, policy: Policy::new(), is_broken: false });
    }
    let default = listed.len() - 1;
    let places: Vec<_> = places.into_iter().map(|place| place.unwrap_or(default)).collect();
    let first_of = |it: usize| places.iter().position(|place| *place == it);
    let mut sums: Vec<_> = listed
        .into_iter()
        .enumerate()
        .map(|(it, listed)| PolicyRow::new(listed, first_of(it).map(|at| &rows[at])))
        .collect();
    for (place, (_, row)) in places.iter().zip(rows) {
        sums[*place].add(row);
    }
    sums
}
