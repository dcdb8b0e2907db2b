//! Targets: the native functions that tasks call, and what is known of them.
//!
//! - [`Target`]: address, name, library of one function.
//! - `symbol.rs`: what the loader knows of an address.
//! - `ledger.rs`: what the calls of each target cost, per runtime; `target_row.rs`: what a reader is given of one;
//!   `page.rs`, `row.rs`: on one carrier; `timing.rs`: how one call is timed, `histogram.rs`: how times are counted;
//!   `gone.rs`: what is kept of functions that are gone; `governed.rs`: the same by policy.
//! - `class.rs`: what is learned from the times that calls take.
//! - `policy.rs`, `text.rs`: what users ask for; `policies.rs`: for which functions; `unhooked.rs`: calls that are
//!   not announced.
//! - `bulkhead.rs`: what a limit does around a call; the floating-point environment is the scheduler's `fp_env.rs`.
//! - `profile.rs`: all of that for one function, per process; `decision.rs`: what follows for a call, in a
//!   word.

pub(crate) mod bulkhead;
pub(crate) mod class;
pub(crate) mod decision;
pub(crate) use sortie_scheduler::fp_env;
mod gone;
pub(crate) mod governed;
mod histogram;
pub(crate) mod ledger;
pub(crate) mod page;
pub(crate) mod policies;
pub(crate) mod policy;
pub(crate) mod profile;
pub(crate) mod row;
pub(crate) mod symbol;
pub(crate) mod target_row;
mod text;
pub(crate) mod timing;
pub(crate) mod unhooked;

pub(crate) use profile::Profile;

use class::Class;
use policies::Key;
use policy::{Policy, PolicyError};
use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// A native function: its address, and its name and library if they are known.
///
/// A target identifies a function in policies, reports and traces. `pinvoke!` makes a static one for
/// each function; a call of your own makes one by hand:
///
/// ```
/// use sortie::native::{self, Target};
///
/// static WORK: Target = Target::named("work");
/// let twice = native::call(&WORK, || 2 * 21);
/// assert_eq!(twice, 42);
/// ```
pub struct Target {
    /// 0 until it is known.
    address: AtomicUsize,
    /// The profile that calls use; null until the first one, and when the address changes.
    profile: AtomicPtr<Profile>,
    name: Option<Cow<'static, str>>,
    library: OnceLock<Box<str>>,
    policy: Option<Policy>,
    /// The profile that was used while there was no address. Given back at the end.
    unaddressed: OnceLock<&'static Profile>,
}

impl Target {
    const fn with(
        address: usize,
        name: Option<Cow<'static, str>>,
        policy: Option<Policy>,
    ) -> Target {
        Target {
            address: AtomicUsize::new(address),
            profile: AtomicPtr::new(std::ptr::null_mut()),
            name,
            library: OnceLock::new(),
            policy,
            unaddressed: OnceLock::new(),
        }
    }

    /// The function at an address.
    ///
    /// ```
    /// use sortie::native::{self, Target};
    ///
    /// let abs = Target::new(libc::abs as *const () as usize);
    /// // SAFETY: any value will do.
    /// assert_eq!(native::call_here(&abs, || unsafe { libc::abs(-3) }), 3);
    /// ```
    pub const fn new(address: usize) -> Target {
        Target::with(address, None, None)
    }

    /// A function that has a name, and an address that is not known yet, or never will be (a closure
    /// that makes several native calls).
    ///
    /// ```
    /// use sortie::native::{self, Target};
    ///
    /// static COPY: Target = Target::named("copy a file");
    /// let manifest = native::call(&COPY, || std::fs::read("Cargo.toml"));
    /// assert!(manifest.is_ok());
    /// assert_eq!(COPY.address(), 0);
    /// ```
    pub const fn named(name: &'static str) -> Target {
        Target::with(0, Some(Cow::Borrowed(name)), None)
    }

    /// As `named`, with a policy if one is declared.
    #[track_caller]
    pub(crate) const fn declared(name: &'static str, policy: Option<Policy>) -> Target {
        let policy = match policy {
            Some(policy) => Some(policy.checked()),
            None => None,
        };
        Target::with(0, Some(Cow::Borrowed(name)), policy)
    }

    /// This target, with a policy for its function.
    ///
    /// The policy is in force from the first call on, for whoever calls the function's address, and stays so
    /// when this target is dropped; what is set at run time ([`Target::set_policy`],
    /// [`policy::for_address`](crate::native::policy::for_address)) goes first.
    ///
    /// # Panics
    /// If the policy is contradictory, or has [`Policy::offload`], with the reason. In a static that is the compiler's
    /// error:
    ///
    /// ```compile_fail,E0080
    /// use sortie::native::{Policy, Target};
    ///
    /// static NEVER: Target = Target::named("never").with_policy(Policy::new().max_concurrent(0));
    /// ```
    ///
    /// ```
    /// use sortie::native::{Class, Policy, Target};
    ///
    /// static WAIT: Target = Target::named("wait").with_policy(Policy::new().class(Class::Long));
    /// assert_eq!(WAIT.class(), Class::Long);
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn with_policy(mut self, policy: Policy) -> Target {
        self.policy = match policy.misplaced() {
            Some(why) => panic!("{}", why),
            None => Some(policy),
        };
        self
    }

    /// A function that was found in a library.
    ///
    /// ```
    /// use sortie::native::Target;
    ///
    /// let abs = libc::abs as *const () as usize;
    /// let target = Target::dynamic("abs".to_owned(), "libc.so.6".to_owned(), abs);
    /// assert_eq!((target.name(), target.library()), (Some("abs"), Some("libc.so.6")));
    /// ```
    pub fn dynamic(name: String, library: String, address: usize) -> Target {
        let target = Target::with(address, Some(Cow::Owned(name)), None);
        let _ = target.library.set(library.into_boxed_str());
        target
    }

    /// Says where the function was found. Only the first answer counts for the library.
    ///
    /// A policy that was set for the target goes with it; what was learned of it without an address does not.
    ///
    /// ```
    /// use sortie::native::Target;
    ///
    /// static ABS: Target = Target::named("abs");
    /// ABS.resolve(libc::abs as *const () as usize, "libc.so.6");
    /// assert_eq!(ABS.library(), Some("libc.so.6"));
    /// assert_ne!(ABS.address(), 0);
    /// ```
    pub fn resolve(&self, address: usize, library: &str) {
        let _ = self.library.set(library.into());
        // ORDERING(target.address): SeqCst, for its Release, which pairs with the Acquire in `address`: who
        // sees the address sees the library; and see target.profile.
        let before = self.address.swap(address, Ordering::SeqCst);
        // A declared policy is declared again: the code at the same address may be another's now.
        if before != address || self.policy.is_some() {
            // ORDERING(target.profile): SeqCst, after the address; see `find_profile`.
            self.profile.store(std::ptr::null_mut(), Ordering::SeqCst);
        }
    }

    /// The function's address; 0 while it is not known.
    ///
    /// ```
    /// use sortie::native::Target;
    ///
    /// assert_eq!(Target::new(0x1234).address(), 0x1234);
    /// assert_eq!(Target::named("several calls").address(), 0);
    /// ```
    #[inline]
    pub fn address(&self) -> usize {
        // ORDERING(target.address): Acquire, pairs with the Release in `resolve`.
        self.address.load(Ordering::Acquire)
    }

    /// The function's name, if it was given.
    ///
    /// ```
    /// use sortie::native::Target;
    ///
    /// assert_eq!(Target::named("query").name(), Some("query"));
    /// assert_eq!(Target::new(0x1234).name(), None);
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The library that the function was found in, if it is known.
    ///
    /// ```
    /// use sortie::native::Target;
    ///
    /// let target = Target::named("abs");
    /// assert_eq!(target.library(), None);
    /// target.resolve(libc::abs as *const () as usize, "libc.so.6");
    /// assert_eq!(target.library(), Some("libc.so.6"));
    /// ```
    pub fn library(&self) -> Option<&str> {
        self.library.get().map(|library| &**library)
    }

    /// What the process knows of the function.
    #[inline]
    pub(crate) fn profile(&self) -> &'static Profile {
        // ORDERING(target.profile): Acquire, pairs with the store in `find_profile`: the profile is there.
        let profile = self.profile.load(Ordering::Acquire);
        // SAFETY: null, or set to a profile, which is never freed (profile.memory).
        match unsafe { profile.as_ref() } {
            Some(profile) => profile,
            None => self.find_profile(),
        }
    }

    #[cold]
    #[inline(never)]
    fn find_profile(&self) -> &'static Profile {
        if sortie_scheduler::is_forked_child() {
            // The locks on the way to its own may be held for good.
            return Profile::at(0);
        }
        loop {
            // ORDERING(target.profile): SeqCst. Here the profile is stored between two loads of the address;
            // `resolve` stores the address, then null. If the second load misses the new address, null is
            // stored after our profile, and the next call looks again.
            let address = self.address.load(Ordering::SeqCst);
            let profile = self.profile_for(address);
            if profile.is_shared() {
                // Not for long: a policy for the function gives it one of its own.
                return profile;
            }
            self.profile.store(std::ptr::from_ref(profile).cast_mut(), Ordering::SeqCst);
            // ORDERING(target.profile): SeqCst, as above.
            if self.address.load(Ordering::SeqCst) == address {
                return profile;
            }
        }
    }

    fn profile_for(&self, address: usize) -> &'static Profile {
        if address == 0 {
            let unaddressed = || {
                let profile = Profile::unaddressed(self.name.clone());
                if let Some(policy) = self.policy {
                    policies::declare(profile.key(), policy);
                }
                profile
            };
            return self.unaddressed.get_or_init(unaddressed);
        }
        // First the policies: an address with a policy has a profile of its own in any case.
        let key = Key::Address(address);
        if let Some(policy) = self.policy {
            policies::declare(key, policy);
        }
        if let Some(before) = self.unaddressed.get() {
            policies::carry_over(before.key(), key);
        }
        let profile = Profile::at(address);
        profile.set_names(self.name.clone(), self.library());
        profile
    }

    /// Does the declaration itself say that calls may be made by other threads?
    pub(crate) fn declares_offload(&self) -> bool {
        self.policy.is_some_and(|policy| policy.offload)
    }

    /// The function's class: the one that is pinned by a policy, or what was learned from calls so far, in
    /// all runtimes of the process.
    ///
    /// ```
    /// use sortie::native::{Class, Target};
    ///
    /// static NEW: Target = Target::named("new");
    /// assert_eq!(NEW.class(), Class::Unknown);
    /// ```
    pub fn class(&self) -> Class {
        self.profile().class()
    }

    /// The policy that is in force for the function: the first of what was set for exactly it, what this
    /// target was declared with, what was set for a range of addresses around it (the latest), the default.
    ///
    /// ```
    /// use sortie::native::{Policy, Target};
    ///
    /// static PLAIN: Target = Target::named("plain");
    /// assert_eq!(PLAIN.policy(), Policy::new());
    /// ```
    pub fn policy(&self) -> Policy {
        self.profile();
        policies::policy_of(self.policy_key())
    }

    /// Sets the policy for the function, in place of any other. Calls that are out go on as they began.
    ///
    /// # Errors
    /// [`PolicyError::Contradiction`], also of [`Policy::offload`]; then nothing has changed.
    ///
    /// ```
    /// use sortie::native::{Class, Policy, Target};
    ///
    /// static COPY: Target = Target::named("copy");
    /// COPY.set_policy(Policy::new().class(Class::Mixed))?;
    /// assert_eq!(COPY.class(), Class::Mixed);
    /// assert!(COPY.clear_policy());
    /// assert_eq!(COPY.class(), Class::Unknown);
    /// # Ok::<(), sortie::native::PolicyError>(())
    /// ```
    pub fn set_policy(&self, policy: Policy) -> Result<(), PolicyError> {
        policy.check_placed()?;
        self.profile();
        policies::set_exact(self.policy_key(), Some(policy));
        // It may have shared a profile so far.
        // ORDERING(target.profile): SeqCst, as in `resolve`.
        self.profile.store(std::ptr::null_mut(), Ordering::SeqCst);
        Ok(())
    }

    /// Takes back what [`Target::set_policy`] set; false if there was nothing. What the target was declared with is in
    /// force again.
    ///
    /// ```
    /// use sortie::native::{Class, Policy, Target};
    ///
    /// static SYNC: Target = Target::named("sync").with_policy(Policy::new().class(Class::Long));
    /// SYNC.set_policy(Policy::new().class(Class::Keep))?;
    /// assert!(SYNC.clear_policy());
    /// assert_eq!(SYNC.class(), Class::Long);
    /// assert!(!SYNC.clear_policy());
    /// # Ok::<(), sortie::native::PolicyError>(())
    /// ```
    pub fn clear_policy(&self) -> bool {
        self.profile();
        policies::set_exact(self.policy_key(), None).is_some()
    }

    /// Sets what cancels calls of the function, or takes it back. True: something was set before.
    pub(crate) fn set_cancel_hook(&self, hook: Option<policies::CancelHook>) -> bool {
        self.profile();
        let before = policies::set_cancel_hook(self.policy_key(), hook);
        // It may have shared a profile so far.
        // ORDERING(target.profile): SeqCst, as in `resolve`.
        self.profile.store(std::ptr::null_mut(), Ordering::SeqCst);
        before.is_some()
    }

    /// What policies know the function by.
    fn policy_key(&self) -> Key {
        match self.address() {
            0 => self.profile_for(0).key(),
            address => Key::Address(address),
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // In a child of `fork` nobody has a use for it, and the locks on the way may be held for good.
        if let Some(profile) =
            self.unaddressed.get().filter(|_| !sortie_scheduler::is_forked_child())
        {
            profile.give_back();
        }
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name())
            .field("library", &self.library())
            .field("address", &format_args!("{:#x}", self.address()))
            .finish()
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.address()),
        }
    }
}
