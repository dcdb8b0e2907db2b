//! What may be wrong with a policy.
//!
//! A fixed list of reasons, so that the compiler can check constants too. Each says why, and what to do.

use super::super::class::Class;
use super::{Callbacks, FpEnv, Hook, Misclassified, Policy};

/// The most that [`Policy::task_stack`] takes, in bytes.
pub(super) const MOST_STACK: u32 = 1 << 30;

/// The most that [`Policy::sampled`] takes. Once the policy is gone the next call that is timed may be as far away.
pub(super) const MOST_SAMPLED: u32 = 1_000_000;

impl Policy {
    /// What is wrong with this policy, if anything is.
    pub(in super::super) const fn contradiction(&self) -> Option<&'static str> {
        let restores = matches!(self.fp_env, FpEnv::Restore);
        let unhooked = !self.hook.is_always();
        let reports = matches!(self.misclassified, Misclassified::Report);
        let more = self.class.is_some() || self.task_stack.is_some() || unhooked || reports;
        let more = more || self.max_concurrent.is_some() || restores || self.offload;
        let suspends = !matches!(self.callbacks, Callbacks::Block);
        let more = more || suspends;
        if self.deny && more {
            return Some(
                "deny goes with nothing else, as the function is never called: leave the rest out",
            );
        }
        if let Some(reason) = self.wrong_value() {
            return Some(reason);
        }
        if unhooked && let Some(reason) = self.wrong_beside_unhooked() {
            return Some(reason);
        }
        if reports && !unhooked {
            return Some(
                "where all calls are announced nothing was promised that could be broken: leave out \
                 misclassified=report",
            );
        }
        if suspends && (unhooked || self.task_stack.is_some()) {
            return Some(
                "unhooked functions and those on the task's stack do not call back: leave out callbacks, or \
                 the other",
            );
        }
        if suspends && self.offload {
            return Some(
                "an offloaded call waits in place in its callbacks: leave out offload or callbacks",
            );
        }
        if self.offload && matches!(self.class, Some(Class::Keep)) {
            return Some(
                "keep means that the call stays on its worker, and offload that it leaves it: leave one \
                 of the two out",
            );
        }
        if self.offload && self.task_stack.is_some() {
            return Some(
                "a call on the task's stack runs on the task's thread, so it is never offloaded: leave \
                 one of the two out",
            );
        }
        None
    }

    /// What is wrong with an unhooked policy's other settings.
    const fn wrong_beside_unhooked(&self) -> Option<&'static str> {
        if self.class.is_some() {
            return Some(
                "unhooked is a class itself, so no other can be pinned: leave one of the two out",
            );
        }
        if self.max_concurrent.is_some() {
            return Some(
                "unhooked calls are not announced, so they cannot be counted and queued: leave out \
                 max_concurrent, or pin the class short instead",
            );
        }
        if matches!(self.fp_env, FpEnv::Restore) {
            return Some(
                "unhooked calls are not announced, so nothing is saved around them: leave out \
                 fp_env=restore, or pin the class short instead",
            );
        }
        if self.offload {
            return Some(
                "unhooked calls run where they are made: leave out offload, or pin the class long \
                 instead",
            );
        }
        None
    }

    /// What is wrong with a setting by itself.
    const fn wrong_value(&self) -> Option<&'static str> {
        match self.class {
            Some(Class::Unknown) => {
                return Some(
                    "unknown is where learning begins, and cannot be pinned: leave the class out to have \
                     it learned, or pin short, mixed, long or keep",
                );
            }
            Some(Class::Unhooked) => {
                return Some(
                    "the class unhooked asks for promises about the function: use \
                     `unsafe { Policy::new().unhooked() }`, whose documentation lists them",
                );
            }
            _ => {}
        }
        match self.hook {
            Hook::Sampled(0) => {
                return Some(
                    "one call in 0 is none: use `Policy::unhooked`, or give a number from 2 to 1,000,000",
                );
            }
            Hook::Sampled(1) => {
                return Some(
                    "one call in 1 is each: leave sampled out, as all calls are announced then, or give a \
                     number from 2 to 1,000,000",
                );
            }
            Hook::Sampled(n) if n > MOST_SAMPLED => {
                return Some(
                    "one call in a million is the fewest that may be announced: give a number from 2 to \
                     1,000,000, or use `Policy::unhooked`",
                );
            }
            _ => {}
        }
        if let Some(0) = self.max_concurrent {
            return Some(
                "max_concurrent of 0 would let every call wait for ever: give at least 1, or use \
                 deny to refuse the calls",
            );
        }
        match self.task_stack {
            Some(0) => Some(
                "every call needs some stack: give the bytes that the function needs at most, or leave \
                 task_stack out to use the carrier's stack",
            ),
            Some(bytes) if bytes > MOST_STACK => Some(
                "task_stack is for leaves, and takes 1 GiB at most: leave it out to use the carrier's \
                 stack",
            ),
            _ => None,
        }
    }

    /// What is wrong with this policy for functions that no `pinvoke!` declares with it.
    pub(in super::super) const fn misplaced(&self) -> Option<&'static str> {
        if let Some(why) = self.contradiction() {
            return Some(why);
        }
        if self.offload {
            return Some(
                "that calls may be made by another thread is for the author of a declaration to say, so offload \
                 counts in the #[policy] of a pinvoke! function only: write it there, or leave it out and call \
                 native::offload",
            );
        }
        None
    }

    /// As `check`, for who sets the policy.
    pub(crate) fn check_placed(&self) -> Result<(), PolicyError> {
        self.misplaced().map_or(Ok(()), |why| Err(PolicyError::Contradiction { why }))
    }

    /// As `check`, for constants.
    ///
    /// # Panics
    /// With the reason. In a static or constant that is the compiler's error.
    #[track_caller]
    pub(in super::super) const fn checked(self) -> Policy {
        match self.contradiction() {
            Some(why) => panic!("{}", why),
            None => self,
        }
    }
}

/// A policy is refused.
///
/// The text says why, and what to do.
///
/// ```
/// use sortie::native::{Policy, PolicyError, policy};
///
/// let error = Policy::new().max_concurrent(0).check().unwrap_err();
/// assert!(matches!(error, PolicyError::Contradiction { .. }));
/// let error = "class=fast".parse::<Policy>().unwrap_err();
/// assert!(matches!(error, PolicyError::Text { .. }));
/// let error = policy::for_address(0).set(Policy::new()).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the policy is for no function: the address is 0; give addresses of mapped code"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyError {
    /// Settings that cannot be had, or not together.
    Contradiction {
        /// Why, and what to do.
        why: &'static str,
    },
    /// A text that is not understood.
    Text {
        /// What was found.
        found: String,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// There is no code that the policy could be for.
    NoCode {
        /// What was found instead.
        found: String,
    },
}

impl std::fmt::Display for PolicyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PolicyError::Contradiction { why } => write!(f, "the policy is contradictory: {why}"),
            PolicyError::Text { found, why } => write!(f, "`{found}` is no policy: {why}"),
            PolicyError::NoCode { found } => {
                write!(f, "the policy is for no function: {found}; give addresses of mapped code")
            }
        }
    }
}

impl std::error::Error for PolicyError {}
