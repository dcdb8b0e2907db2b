//! All policies that are set, for reports.

use super::entry::{Entry, Origin};
use super::{Key, POLICIES};
use crate::target::policy::Policy;
use std::collections::HashMap;

/// One that is set.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) origin: Origin,
    /// As it is in force.
    pub(crate) policy: Policy,
    pub(crate) is_broken: bool,
}

/// All policies that are set, in the order in which they count for a function; and, for each of these functions, the
/// place of its own in that list. `None`: nobody has said anything of it, or it is gone.
pub(crate) fn list(keys: impl Iterator<Item = Option<Key>>) -> (Vec<Listed>, Vec<Option<usize>>) {
    let policies = POLICIES.read();
    let places: HashMap<_, _> =
        policies.entries().enumerate().map(|(place, (origin, _))| (origin, place)).collect();
    let place = |key: Option<Key>| {
        policies.entry(key?).and_then(|(origin, _)| places.get(&origin).copied())
    };
    let of_keys = keys.map(place).collect();
    let listed = |(origin, entry): (_, &Entry)| Listed {
        origin,
        policy: entry.in_force(),
        is_broken: entry.is_broken(),
    };
    (policies.entries().map(listed).collect(), of_keys)
}
