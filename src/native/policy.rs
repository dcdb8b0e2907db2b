//! For which native functions a policy is.
//!
//! A [`Policy`] says how calls of a native function are made. It is set for one
//! [`Target`](super::Target), for an address, for a range of addresses or a library, or for all functions of
//! which nothing else is said. The first of these that was set for a function counts, and of ranges the one
//! that was set last; policies are not merged. They are the whole process's, not a runtime's, and may be set
//! before there is one; calls that are out go on as they began.
//!
//! ```standalone_crate
//! use sortie::native::{Class, Library, Policy, policy};
//!
//! // SAFETY: the mathematical library's initialisers are sound anywhere.
//! let libm = unsafe { Library::open("m") }.unwrap();
//! policy::for_library(&libm).set(Policy::new().class(Class::Short))?;
//! policy::by_default().set("max_concurrent=100".parse()?)?;
//!
//! let getpid = libc::getpid as *const () as usize;
//! assert_eq!(policy::of(getpid), Policy::new().max_concurrent(100));
//! policy::for_address(getpid).set(Policy::new().class(Class::Keep))?;
//! assert_eq!(policy::of(getpid), Policy::new().class(Class::Keep));
//! # policy::by_default().clear();
//! # policy::for_address(getpid).clear();
//! # Ok::<(), sortie::native::PolicyError>(())
//! ```

use super::{Library, Policy, PolicyError};
use crate::target::governed::Governs;
use crate::target::policies::{self, Key};
use crate::target::unhooked;
use std::ops::Range;

/// Functions that a policy may be set for: see [`for_address`], [`for_range`], [`for_library`],
/// [`by_default`].
///
/// ```
/// use sortie::native::{Policy, policy};
///
/// let abs: policy::Scope = policy::for_address(libc::abs as *const () as usize);
/// abs.set(Policy::new().max_concurrent(4))?;
/// assert_eq!(abs.policy(), Some(Policy::new().max_concurrent(4)));
/// # abs.clear();
/// # Ok::<(), sortie::native::PolicyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Scope(Which);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Which {
    Address(usize),
    Range(Range<usize>),
    All,
}

/// The function at an address.
///
/// ```
/// use sortie::native::{Class, Policy, policy};
///
/// let labs = libc::labs as *const () as usize;
/// policy::for_address(labs).set(Policy::new().class(Class::Short))?;
/// assert_eq!(policy::of(labs), Policy::new().class(Class::Short));
/// # policy::for_address(labs).clear();
/// # Ok::<(), sortie::native::PolicyError>(())
/// ```
pub fn for_address(address: usize) -> Scope {
    Scope(Which::Address(address))
}

/// The functions that begin at these addresses.
///
/// ```
/// use sortie::native::{Policy, policy};
///
/// // Code that a compiler of the program's own has made.
/// let code = policy::for_range(0x7000..0x8000);
/// code.set(Policy::new().max_concurrent(2))?;
/// assert_eq!(policy::of(0x7abc), Policy::new().max_concurrent(2));
/// # code.clear();
/// # Ok::<(), sortie::native::PolicyError>(())
/// ```
pub fn for_range(addresses: Range<usize>) -> Scope {
    Scope(Which::Range(addresses))
}

/// The functions of a library, without those that it depends on.
///
/// What is set for the library that this process's [`Library`] loaded is cleared when the last handle and
/// function of it are dropped. A library that was in the process before keeps what is set until it is
/// unmapped.
///
/// ```
/// use sortie::native::{Class, Library, Policy, policy};
///
/// // SAFETY: the mathematical library's initialisers are sound anywhere.
/// let libm = unsafe { Library::open("m") }.unwrap();
/// policy::for_library(&libm).set(Policy::new().class(Class::Short))?;
/// # policy::for_library(&libm).clear();
/// # Ok::<(), sortie::native::PolicyError>(())
/// ```
pub fn for_library(library: &Library) -> Scope {
    Scope(Which::Range(library.addresses()))
}

/// All functions of which nothing else is said.
///
/// ```standalone_crate
/// use sortie::native::{Policy, policy};
///
/// assert_eq!(policy::by_default().policy(), None);
/// policy::by_default().set(Policy::new().max_concurrent(1_000))?;
/// assert_eq!(policy::of(0x1234), Policy::new().max_concurrent(1_000));
/// # policy::by_default().clear();
/// # Ok::<(), sortie::native::PolicyError>(())
/// ```
pub fn by_default() -> Scope {
    Scope(Which::All)
}

/// The policy that is in force for the function at an address.
///
/// ```
/// use sortie::native::{Policy, policy};
///
/// assert_eq!(policy::of(libc::abs as *const () as usize), Policy::new());
/// ```
pub fn of(address: usize) -> Policy {
    policies::policy_of(Key::Address(address))
}

impl Scope {
    /// Sets the policy for these functions, in place of what was set for exactly them.
    ///
    /// # Errors
    /// [`PolicyError::Contradiction`], also of [`Policy::offload`], or [`PolicyError::NoCode`] for the address 0 and an
    /// empty range; then nothing has changed.
    ///
    /// ```
    /// use sortie::native::{Policy, policy};
    ///
    /// let free = policy::for_address(libc::free as *const () as usize);
    /// let error = free.set(Policy::new().max_concurrent(0)).unwrap_err();
    /// assert_eq!(free.policy(), None, "{error}");
    /// ```
    pub fn set(&self, policy: Policy) -> Result<(), PolicyError> {
        policy.check_placed()?;
        match &self.0 {
            Which::Address(0) => {
                return Err(PolicyError::NoCode { found: "the address is 0".to_owned() });
            }
            Which::Range(range) if range.is_empty() => {
                let found = format!("the range {:#x}..{:#x} is empty", range.start, range.end);
                return Err(PolicyError::NoCode { found });
            }
            _ => {}
        }
        self.change(Some(policy));
        tracing::debug!(target: "sortie::target", scope = ?self.0, %policy, "policy set");
        Ok(())
    }

    /// Takes back what was set for exactly these functions; false if nothing was.
    ///
    /// ```
    /// use sortie::native::{Policy, policy};
    ///
    /// let free = policy::for_address(libc::free as *const () as usize);
    /// free.set(Policy::new().deny())?;
    /// assert!(free.clear());
    /// assert!(!free.clear());
    /// # Ok::<(), sortie::native::PolicyError>(())
    /// ```
    pub fn clear(&self) -> bool {
        let cleared = self.change(None).is_some();
        if cleared {
            tracing::debug!(target: "sortie::target", scope = ?self.0, "policy cleared");
        }
        cleared
    }

    fn change(&self, policy: Option<Policy>) -> Option<Policy> {
        match &self.0 {
            Which::Address(address) => policies::set_exact(Key::Address(*address), policy),
            Which::Range(range) => policies::set_range(range, policy),
            Which::All => policies::set_default(policy),
        }
    }

    /// What was set for exactly these functions.
    ///
    /// ```
    /// use sortie::native::{Policy, policy};
    ///
    /// let range = policy::for_range(0x5000..0x6000);
    /// assert_eq!(range.policy(), None);
    /// range.set(Policy::new().deny())?;
    /// assert_eq!(range.policy(), Some(Policy::new().deny()));
    /// # range.clear();
    /// # Ok::<(), sortie::native::PolicyError>(())
    /// ```
    #[must_use]
    pub fn policy(&self) -> Option<Policy> {
        match &self.0 {
            Which::Address(address) => policies::exact(Key::Address(*address)),
            Which::Range(range) => policies::range(range),
            Which::All => policies::default(),
        }
    }

    /// Are these the functions that a policy is set for?
    pub(crate) fn is(&self, governs: &Governs) -> bool {
        match (&self.0, governs) {
            (Which::Address(mine), Governs::Function { address, is_declared, .. }) => {
                mine == address && !is_declared
            }
            (Which::Range(mine), Governs::Range { addresses, .. }) => mine == addresses,
            (Which::All, Governs::Default) => true,
            _ => false,
        }
    }

    /// Forgets all that is known of code that is unmapped: policies for these functions and for ranges within
    /// these addresses, and what was learned. For hosts that unmap code themselves (a just-in-time compiler,
    /// `dlclose`); [`Library`] does it for what it unmaps. Nothing happens for [`by_default`].
    ///
    /// Call it while nothing can call the code any more, before the memory is given back.
    ///
    /// ```
    /// use sortie::native::{Policy, policy};
    ///
    /// let code = policy::for_range(0x1000..0x2000);
    /// policy::for_address(0x1800).set(Policy::new().deny())?;
    /// code.forget();
    /// assert_eq!(policy::of(0x1800), Policy::new());
    /// # Ok::<(), sortie::native::PolicyError>(())
    /// ```
    pub fn forget(&self) {
        match &self.0 {
            Which::Address(address) => {
                policies::unload(&(*address..address.saturating_add(1)));
            }
            Which::Range(range) => {
                policies::unload(range);
            }
            Which::All => {}
        }
    }
}

/// Must a call of the native function at this address be announced? The answer to a CLR host's
/// `CallNeedsHostHook`.
///
/// True unless its policy is [unhooked](Policy::unhooked). Cheap, from any thread, before there is a runtime;
/// the same until a policy is set or cleared. Neither blocks nor suspends, and keeps `errno`.
///
/// Where one call in so many is to be announced ([`Policy::sampled`]), ask before each call: the answer is true for
/// one in so many, and counts the call if it is false. Who asks once, and keeps the answer for all calls, asks on a
/// thread that runs no task, or for a function that its thread has not called: there it is true, which is never wrong.
///
/// ```
/// use sortie::native;
///
/// assert!(native::needs_hook(libc::read as *const () as usize));
/// ```
pub fn needs_hook(address: usize) -> bool {
    unhooked::needs_hook(address)
}
