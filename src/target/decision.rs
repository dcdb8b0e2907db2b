//! The decision word: all that a call site has to know of a native function, in 32 bits.
//!
//! ```text
//! bits 0..3   the action; 0 in no decision
//! bit  3      transitions are traced
//! bit  4      every call is timed
//! bit  5      the policy asks for more: the general path looks at the profile
//! bit  6      the call may be offloaded
//! bit  7      the function has a cancel hook: the general path looks for it
//! bit  8      of the calls, which are not announced, some are
//! ```
//!
//! The word 0 says that nothing is decided, or that what was decided is stale.
//!
//! INVARIANT(decision.current): a profile's word is 0, or was decided by the policies as they are. Words are
//! written under the lock of the policies only, and who changes a policy makes those of the functions that it may
//! be for stale before it lets the lock go (`policies.rs`). So a call looks at one word.

use super::class::{Class, Verdict};
use super::policy::{Callbacks, FpEnv, Hook, Policy};
use sortie_scheduler::crossing::Exit;

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Action {
    /// Announced by the asymmetric protocol: the worker is taken with a barrier.
    Asymmetric = 1,
    /// Announced by the comparing protocol: the worker is taken at once.
    Compare = 2,
    /// The worker is given away before the call.
    HandOver = 3,
    /// Announced, and never taken.
    Keep = 4,
    /// Not announced.
    Unhooked = 5,
    /// Refused.
    Denied = 6,
    /// Nothing is known, not of one call: as `HandOver` for one such call at a time, else as `Compare`.
    Unproven = 7,
}

const ACTION: u32 = 0b111;
const TRACED: u32 = 1 << 3;
const TIMED: u32 = 1 << 4;
pub(super) const SPECIAL: u32 = 1 << 5;
const OFFLOAD: u32 = 1 << 6;
const CANCELLABLE: u32 = 1 << 7;
const SAMPLED: u32 = 1 << 8;

/// What is decided for the calls of one native function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decision(u32);

impl Decision {
    /// From a policy and what was learned.
    pub(super) fn new(policy: &Policy, learned: Verdict, asymmetric: bool) -> Decision {
        let class = policy.pinned_class().unwrap_or(learned.class);
        let is_pinned = policy.pinned_class().is_some();
        let action = match class {
            _ if policy.deny => Action::Denied,
            Class::Unhooked => Action::Unhooked,
            Class::Keep => Action::Keep,
            Class::Short if asymmetric => Action::Asymmetric,
            Class::Short | Class::Mixed => Action::Compare,
            // It needs a core anyway: another thread for the others would only share it.
            Class::Long if learned.burning && !is_pinned => Action::Compare,
            // What is declared to call back comes back for its worker at once.
            Class::Unknown if policy.callbacks != Callbacks::Block => Action::Compare,
            Class::Unknown if learned.untried => Action::Unproven,
            // Its calls so far have not blocked, or it would be long.
            Class::Unknown => Action::Compare,
            Class::Long => Action::HandOver,
        };
        let mut word = action as u32;
        if matches!(class, Class::Unknown | Class::Long) && !policy.deny {
            word |= TIMED;
        }
        if policy.max_concurrent.is_some()
            || policy.fp_env == FpEnv::Restore
            || policy.callbacks != Callbacks::Block
        {
            word |= SPECIAL;
        }
        if policy.offload {
            word |= OFFLOAD;
        }
        if matches!(policy.hook(), Hook::Sampled(_)) {
            word |= SAMPLED;
        }
        Decision(word)
    }

    /// This decision, for a function that has a cancel hook.
    pub(super) fn cancellable(self) -> Decision {
        Decision(self.0 | CANCELLABLE)
    }

    /// This decision, while somebody wants to see each transition.
    pub(super) fn traced(self) -> Decision {
        Decision(self.0 | TRACED)
    }

    /// The decision of a profile's word, if there is one.
    #[inline]
    pub(super) fn current(word: u32) -> Option<Decision> {
        (word != 0).then_some(Decision(word))
    }

    /// The word itself.
    #[inline]
    pub(crate) fn word(self) -> u32 {
        self.0
    }

    #[inline]
    pub(crate) fn action(self) -> Action {
        match self.0 & ACTION {
            1 => Action::Asymmetric,
            2 => Action::Compare,
            4 => Action::Keep,
            5 => Action::Unhooked,
            6 => Action::Denied,
            7 => Action::Unproven,
            _ => Action::HandOver,
        }
    }

    /// Is it promised that the call need not be announced?
    pub(crate) fn is_unhooked(self) -> bool {
        self.action() == Action::Unhooked
    }

    /// Of the calls that are not announced, are some all the same?
    pub(crate) fn is_sampled(self) -> bool {
        self.0 & SAMPLED != 0
    }

    /// Is the call refused?
    pub(crate) fn is_denied(self) -> bool {
        self.action() == Action::Denied
    }

    /// Is it likely enough that the call takes long, waiting or computing?
    pub(crate) fn may_last(self) -> bool {
        self.is_timed()
    }

    /// May the call be made by another thread, if the user asks for that?
    pub(crate) fn may_leave_the_thread(self) -> bool {
        !matches!(self.action(), Action::Denied | Action::Unhooked | Action::Keep)
    }

    /// What becomes of the worker.
    pub(crate) fn exit(self) -> Exit {
        match self.action() {
            Action::Asymmetric => Exit::Asymmetric,
            Action::Compare | Action::Unhooked | Action::Denied => Exit::Compare,
            Action::HandOver => Exit::HandOver,
            Action::Keep => Exit::Keep,
            Action::Unproven => Exit::Unproven,
        }
    }

    /// As [`Decision::exit`], for native code that goes on after it has called back: it may call back
    /// at any time again, so the worker is not handed over for the rest.
    pub(crate) fn exit_again(self) -> Exit {
        match self.exit() {
            Exit::HandOver | Exit::Unproven => Exit::Compare,
            exit => exit,
        }
    }

    /// Asymmetric, and nothing else to look at but traces.
    #[cfg(test)]
    pub(crate) fn is_fast(self) -> bool {
        self.0 & !TRACED == Action::Asymmetric as u32
    }

    /// Each call is timed, not a sample.
    #[inline]
    pub(crate) fn is_timed(self) -> bool {
        self.0 & TIMED != 0
    }

    /// The worker is given away before the call.
    #[inline]
    pub(crate) fn is_handed_over(self) -> bool {
        self.0 & ACTION == Action::HandOver as u32
    }

    /// The profile's policy asks for more than these bits say: a limit, the floating-point
    /// environment, or callbacks that suspend.
    #[inline]
    pub(crate) fn is_special(self) -> bool {
        self.0 & SPECIAL != 0
    }

    /// The function has a cancel hook.
    #[inline]
    pub(crate) fn is_cancellable(self) -> bool {
        self.0 & CANCELLABLE != 0
    }

    /// The call may run on another thread than the task's.
    #[inline]
    pub(crate) fn may_offload(self) -> bool {
        self.0 & OFFLOAD != 0
    }
}

impl std::fmt::Debug for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.action())?;
        let flags = [
            (self.is_timed(), "timed"),
            (self.is_special(), "special"),
            (self.may_offload(), "offload"),
            (self.is_cancellable(), "cancellable"),
            (self.is_sampled(), "sampled"),
            (self.0 & TRACED != 0, "traced"),
        ];
        flags.iter().filter(|(set, _)| *set).try_for_each(|(_, name)| write!(f, " | {name}"))
    }
}
