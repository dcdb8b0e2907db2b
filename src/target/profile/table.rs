//! Where the profiles of the process are found. For invariants and the order of locks see `profile.rs`.

use super::super::gone;
use super::super::policies::{self, Key, Origin};
use super::{Names, Profile};
use parking_lot::{Mutex, RwLock};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// So many addresses get profiles of their own.
const MOST_ADDRESSES: usize = 65_536;

/// So many profiles without an address are made at a time.
const BATCH: usize = 16;

/// The profiles of addresses.
static TABLE: RwLock<BTreeMap<usize, &'static Profile>> = RwLock::new(BTreeMap::new());
/// Those without an address: all, and those that nobody uses.
static UNADDRESSED: Mutex<Unaddressed> =
    Mutex::new(Unaddressed { all: Vec::new(), free: Vec::new() });
/// What all functions share that have none of their own.
static OTHER: Profile = Profile::new(
    0,
    Names { name: Some(Cow::Borrowed("other")), library: Some(Cow::Borrowed("several libraries")) },
);

struct Unaddressed {
    all: Vec<&'static Profile>,
    free: Vec<&'static Profile>,
}

impl Unaddressed {
    /// Some more, one of them for the caller: the next task waits while the first call of a function finds its profile.
    #[cold]
    fn make(&mut self) -> &'static Profile {
        let some = (0..BATCH).map(|_| Profile::new(0, Names::default())).collect();
        let some: &'static [Profile] = Box::leak::<'static>(some);
        self.all.extend(some);
        let (first, others) = some.split_first().expect("a batch is not empty");
        self.free.extend(others);
        first
    }
}

impl Profile {
    /// The profile of the function at an address.
    ///
    /// After [`MOST_ADDRESSES`], functions of which no policy but the default says anything share one profile, as long as
    /// that is so; and so do all calls of the address 0.
    pub(crate) fn at(address: usize) -> &'static Profile {
        Profile::intern(address, MOST_ADDRESSES)
    }

    pub(super) fn intern(address: usize, most: usize) -> &'static Profile {
        if address == 0 {
            return &OTHER;
        }
        let table = TABLE.read();
        if let Some(profile) = table.get(&address) {
            return profile;
        }
        let is_full = table.len() >= most;
        drop(table);
        if is_full && !policies::concern(address) {
            static TOLD: AtomicBool = AtomicBool::new(false);
            // ORDERING: Relaxed, told once, by whomever.
            if !TOLD.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    target: "sortie::target",
                    most,
                    "too many native functions: further ones are known together, as `other`"
                );
            }
            return &OTHER;
        }
        TABLE
            .write()
            .entry(address)
            .or_insert_with(|| Box::leak(Box::new(Profile::new(address, Names::default()))))
    }

    /// A profile for a target that has no address, until it is [given back](Profile::give_back).
    pub(crate) fn unaddressed(name: Option<Cow<'static, str>>) -> &'static Profile {
        let mut unaddressed = UNADDRESSED.lock();
        let profile = unaddressed.free.pop().unwrap_or_else(|| unaddressed.make());
        drop(unaddressed);
        profile.set_names(name, None);
        profile
    }

    /// Forgets everything, and lets another target use this profile. Only of an
    /// [`unaddressed`](Profile::unaddressed) one, once.
    pub(crate) fn give_back(&'static self) {
        gone::close(&[self]);
        policies::remove_all(self);
        *self.names.lock() = Names::default();
        UNADDRESSED.lock().free.push(self);
    }

    /// Is it the one for all that have none of their own?
    pub(in super::super) fn is_shared(&self) -> bool {
        std::ptr::eq(self, &raw const OTHER)
    }

    /// Is it given back?
    #[cfg(test)]
    pub(super) fn is_free(&self) -> bool {
        UNADDRESSED.lock().free.iter().any(|free| std::ptr::eq(*free, self))
    }
}

/// Makes every decision stale. Under the lock of the policies.
pub(in super::super) fn make_all_stale() {
    TABLE.read().values().for_each(|profile| profile.make_stale());
    UNADDRESSED.lock().all.iter().for_each(|profile| profile.make_stale());
    OTHER.make_stale();
}

/// Makes the decision for one function stale, if it has a profile. Under the lock of the policies.
pub(in super::super) fn make_stale(key: Key) {
    match key {
        Key::Address(address) => {
            if let Some(profile) = TABLE.read().get(&address) {
                profile.make_stale();
            }
        }
        Key::Unaddressed(at) => {
            let unaddressed = UNADDRESSED.lock();
            let all = unaddressed.all.iter().copied().chain([&OTHER]);
            all.filter(|profile| std::ptr::from_ref(*profile).addr() == at)
                .for_each(Profile::make_stale);
        }
    }
}

/// Makes the decisions for all functions at these addresses stale. Under the lock of the policies.
pub(in super::super) fn make_stale_in(range: &Range<usize>) {
    // A range that ends before it begins has nothing in it, and no place in a table.
    if !range.is_empty() {
        TABLE.read().range(range.clone()).for_each(|(_, profile)| profile.make_stale());
    }
}

/// The functions at these addresses.
pub(in super::super) fn in_range(range: &Range<usize>) -> Vec<&'static Profile> {
    // As in `make_stale_in`.
    if range.is_empty() {
        return Vec::new();
    }
    TABLE.read().range(range.clone()).map(|(_, profile)| *profile).collect()
}

/// The policy of functions has changed, of one if it is known which, of those at these addresses, or of all: who waits by
/// a limit that was goes by the one that is. Not under the lock of the policies, as waiters are woken.
pub(in super::super) fn follow_limits(of: &Origin) {
    let all = || UNADDRESSED.lock().all.clone();
    let profiles: Vec<&Profile> = match of {
        Origin::Set(Key::Address(address)) | Origin::Declared(Key::Address(address)) => {
            TABLE.read().get(address).copied().into_iter().collect()
        }
        Origin::Set(key) | Origin::Declared(key) => {
            all().into_iter().filter(|profile| profile.key() == *key).collect()
        }
        Origin::Range(range) => in_range(range),
        Origin::Default => {
            let addressed: Vec<_> = TABLE.read().values().copied().collect();
            addressed.into_iter().chain(all()).chain([&OTHER]).collect()
        }
    };
    profiles.into_iter().for_each(Profile::follow_limit);
}

/// Forgets the functions at these addresses; how many there were. Under the lock of the policies.
pub(in super::super) fn forget(range: &Range<usize>) -> usize {
    let table = TABLE.read();
    let inside = table.range(range.clone()).map(|(_, profile)| profile);
    inside
        .map(|profile| {
            profile.reset();
            *profile.names.lock() = Names::default();
        })
        .count()
}
