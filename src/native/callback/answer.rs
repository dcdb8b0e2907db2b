//! What a callback answers the native code: the value of its closure, or what is said where there is none.
//!
//! Each way of a callback ends by one of these, in its last line: so the value stays in a register, where it can.

use crate::transition::{TransitionError, trace};

/// See the module; `R` is the value of the closure.
pub(super) trait Answer<R> {
    type Output;

    /// The closure has returned this.
    fn value(self, value: R) -> Self::Output;

    /// It has panicked, or did not run because an earlier one has.
    fn kept(self) -> Self::Output;

    /// Managed code cannot be entered from here.
    fn refused(self, error: TransitionError) -> Self::Output;
}

/// The value, or this.
pub(super) struct Or<R>(pub(super) R);

impl<R> Answer<R> for Or<R> {
    type Output = R;

    #[inline(always)]
    fn value(self, value: R) -> R {
        value
    }

    #[inline]
    fn kept(self) -> R {
        self.0
    }

    #[inline]
    fn refused(self, error: TransitionError) -> R {
        say_not_run(error);
        self.0
    }
}

#[cold]
#[inline(never)]
fn say_not_run(error: TransitionError) {
    trace::tell(|| tracing::error!(target: "sortie::crossing", %error, "a callback did not run"));
}

/// All that is known, for who looks.
pub(super) struct Tell;

impl<R> Answer<R> for Tell {
    type Output = Result<Option<R>, TransitionError>;

    #[inline(always)]
    fn value(self, value: R) -> Self::Output {
        Ok(Some(value))
    }

    #[inline]
    fn kept(self) -> Self::Output {
        Ok(None)
    }

    #[inline]
    fn refused(self, error: TransitionError) -> Self::Output {
        Err(error)
    }
}
