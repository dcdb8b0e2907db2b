//! Which calls of a function are announced, what its author promises if not all are, and what is done
//! when that promise is seen broken (`target/unhooked.rs` sees it).

use super::Policy;

/// Which calls are announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Hook {
    #[default]
    Always,
    Never,
    /// One in so many.
    Sampled(u32),
}

impl Hook {
    pub(crate) const fn is_always(self) -> bool {
        matches!(self, Hook::Always)
    }
}

/// What becomes of a policy whose promise is seen broken: of a function that is declared
/// [`unhooked`](Policy::unhooked) or [`sampled`](Policy::sampled), and calls back, or takes more than 100 us in a call that
/// was announced as a sample, waiting or computing.
///
/// In either case an event (target `sortie::crossing`, level `warn`) says so once for each time that the policy
/// is set, and [`TargetRow::misclassified`](crate::TargetRow::misclassified) counts each time that it is seen.
///
/// ```
/// use sortie::native::{Misclassified, Policy};
///
/// // SAFETY: for no function.
/// let policy = unsafe { Policy::new().sampled(100) }.misclassified(Misclassified::Report);
/// assert_eq!(policy.to_string(), "hook=sampled:100, misclassified=report");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Misclassified {
    /// From then on all calls that the policy is for are announced, and their class is learned, until the policy is
    /// set anew. Calls that are out go on as they began.
    #[default]
    Mend,
    /// The policy stays as it is.
    Report,
}

impl Policy {
    /// Calls are not announced at all: as plain as Rust's own foreign calls, a nanosecond cheaper than those
    /// of a short function. Not counted, not seen, and the worker waits. [`sampled`](Policy::sampled) counts
    /// and times some.
    ///
    /// The same as `SuppressGCTransition` of .NET and `unsafe` foreign imports of GHC, with the same
    /// conditions; see <https://learn.microsoft.com/dotnet/api/system.runtime.interopservices.suppressgctransitionattribute>.
    ///
    /// # Safety
    ///
    /// Each function that this policy is for, as long as it is,
    ///
    /// 1. always ends, and within a microsecond;
    /// 2. makes no system call that blocks, nor any other blocking operation;
    /// 3. never calls back into managed code;
    /// 4. never unwinds nor jumps (`longjmp`) out of its frame;
    /// 5. takes no lock, nor any other primitive that threads wait at.
    ///
    /// A call that is seen to break this is [told of](Misclassified); not each is.
    ///
    /// For a policy that is set for an address or a range, that is whatever is there while it is set: clear
    /// it before the code is unmapped. [`Library`](crate::native::Library) does that for what it unmaps.
    ///
    /// ```
    /// use sortie::native::{self, Policy, Target};
    ///
    /// // SAFETY: arithmetic only.
    /// const PLAIN: Policy = unsafe { Policy::new().unhooked() };
    /// static ABS: Target = Target::named("abs").with_policy(PLAIN);
    /// // SAFETY: any value will do.
    /// assert_eq!(native::call_here(&ABS, || unsafe { libc::abs(-3) }), 3);
    /// ```
    pub const unsafe fn unhooked(mut self) -> Policy {
        self.hook = Hook::Never;
        self
    }
    /// As [`unhooked`](Policy::unhooked), but one call in `n` is announced and timed; from 2 to 1,000,000. Which one is
    /// chosen at random, each carrier's first always.
    ///
    /// For functions that need not be announced, and of which one wants to know how they do all the same: calls are
    /// counted exactly, and their times are an estimate by those of the samples. A sample that breaks the promise is
    /// [told of](Misclassified). A call that is not announced costs a nanosecond more than by `unhooked`, one that is about
    /// a microsecond, for the kernel is asked what the thread has used.
    ///
    /// # Safety
    /// As for [`unhooked`](Policy::unhooked), of each function and at all times.
    ///
    /// ```
    /// use sortie::native::{self, Policy, Target};
    ///
    /// // SAFETY: arithmetic only.
    /// const SAMPLED: Policy = unsafe { Policy::new().sampled(64) };
    /// static LABS: Target = Target::named("labs").with_policy(SAMPLED);
    /// let runtime = sortie::Runtime::new()?;
    /// runtime.run(|| {
    ///     for n in 0..1_000 {
    ///         // SAFETY: any of these values will do.
    ///         assert_eq!(native::call_here(&LABS, || unsafe { libc::labs(-n) }), n);
    ///     }
    /// });
    /// let snapshot = runtime.snapshot();
    /// let row = snapshot.targets.iter().find(|row| row.symbol.as_deref() == Some("labs")).unwrap();
    /// assert_eq!(row.calls, 1_000);
    /// assert!((1..100).contains(&row.timed));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub const unsafe fn sampled(mut self, n: u32) -> Policy {
        self.hook = Hook::Sampled(n);
        self
    }

    /// What becomes of the policy when a call is seen to break what was promised of the function:
    /// [`Misclassified::Mend`] if nothing is said.
    ///
    /// ```
    /// use sortie::native::{Misclassified, Policy};
    ///
    /// // SAFETY: for no function.
    /// let unhooked = unsafe { Policy::new().unhooked() };
    /// assert!(unhooked.misclassified(Misclassified::Report).check().is_ok());
    /// // Where all calls are announced nothing was promised.
    /// assert!(Policy::new().misclassified(Misclassified::Report).check().is_err());
    /// ```
    pub const fn misclassified(mut self, misclassified: Misclassified) -> Policy {
        self.misclassified = misclassified;
        self
    }

    /// What becomes of the policy once its promise is seen broken.
    pub(crate) const fn misclassified_as(&self) -> Misclassified {
        self.misclassified
    }

    /// Which calls are announced.
    pub(crate) const fn hook(&self) -> Hook {
        self.hook
    }

    /// What is in force in place of this policy once its promise is seen broken.
    ///
    /// Nothing that was promised is kept: what calls back must not be on the task's stack either.
    pub(in super::super) const fn mended(self) -> Policy {
        match self.misclassified {
            Misclassified::Mend => Policy::new(),
            Misclassified::Report => self,
        }
    }
}
