//! The crate's errors as hosting results, and back where nothing is lost by that.

use super::HResult;
use crate::native::PolicyError;
use crate::task::{AbortError, AffinityError, DelayError};
use crate::transition::TransitionError;
use crate::{BuildError, JoinError, StackError};
use std::io;

impl From<TransitionError> for HResult {
    /// An event that does not fit, or a thread without a task, is [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER):
    /// to be in a layer is to hold it. A signal handler must not call at all.
    fn from(error: TransitionError) -> HResult {
        match error {
            TransitionError::NotOwner { .. } => HResult::HOST_E_NOT_OWNER,
            TransitionError::ShutDown => HResult::HOST_E_CLRNOTAVAILABLE,
            TransitionError::OutOfMemory { .. } => HResult::E_OUTOFMEMORY,
            TransitionError::Denied { .. }
            | TransitionError::AttachDenied
            | TransitionError::InSignalHandler { .. } => HResult::HOST_E_INVALIDOPERATION,
            TransitionError::TimedOut => HResult::HOST_E_TIMEOUT,
            TransitionError::Unbalanced { .. } => HResult::HOST_E_NOT_OWNER,
            TransitionError::Abandoned => HResult::HOST_E_ABANDONED,
        }
    }
}

/// Those whose meaning for a transition is certain.
impl TryFrom<HResult> for TransitionError {
    type Error = HResult;

    fn try_from(result: HResult) -> Result<TransitionError, HResult> {
        match result {
            HResult::HOST_E_CLRNOTAVAILABLE => Ok(TransitionError::ShutDown),
            HResult::HOST_E_TIMEOUT => Ok(TransitionError::TimedOut),
            HResult::HOST_E_ABANDONED => Ok(TransitionError::Abandoned),
            _ => Err(result),
        }
    }
}

impl From<DelayError> for HResult {
    fn from(error: DelayError) -> HResult {
        match error {
            DelayError::Outside => HResult::HOST_E_NOT_OWNER,
            // Open already, or not open.
            _ => HResult::E_UNEXPECTED,
        }
    }
}

impl From<AffinityError> for HResult {
    fn from(_: AffinityError) -> HResult {
        HResult::E_UNEXPECTED
    }
}

impl From<AbortError> for HResult {
    fn from(error: AbortError) -> HResult {
        match error {
            AbortError::PanicsAbort => HResult::E_NOTIMPL,
            _ => HResult::HOST_E_NOT_OWNER,
        }
    }
}

impl From<&JoinError> for HResult {
    /// A task that has ended, however it did, was joined.
    fn from(error: &JoinError) -> HResult {
        if error.is_deadlock() {
            HResult::HOST_E_DEADLOCK
        } else if error.is_shut_down() || error.is_forked() {
            HResult::HOST_E_CLRNOTAVAILABLE
        } else {
            HResult::S_OK
        }
    }
}

impl From<StackError> for HResult {
    fn from(_: StackError) -> HResult {
        HResult::E_OUTOFMEMORY
    }
}

impl From<PolicyError> for HResult {
    fn from(_: PolicyError) -> HResult {
        HResult::E_INVALIDARG
    }
}

impl From<BuildError> for HResult {
    fn from(error: BuildError) -> HResult {
        match error {
            BuildError::Thread(_) | BuildError::Stack(_) => HResult::E_OUTOFMEMORY,
            _ => HResult::E_INVALIDARG,
        }
    }
}

impl From<HResult> for io::Error {
    fn from(result: HResult) -> io::Error {
        let kind = match result {
            HResult::HOST_E_TIMEOUT | HResult::ERROR_TIMEOUT => io::ErrorKind::TimedOut,
            HResult::HOST_E_INTERRUPTED => io::ErrorKind::Interrupted,
            HResult::E_OUTOFMEMORY => io::ErrorKind::OutOfMemory,
            HResult::E_INVALIDARG | HResult::E_POINTER => io::ErrorKind::InvalidInput,
            HResult::E_ACCESSDENIED => io::ErrorKind::PermissionDenied,
            HResult::E_NOTIMPL | HResult::E_NOINTERFACE => io::ErrorKind::Unsupported,
            HResult::HOST_E_DEADLOCK => io::ErrorKind::Deadlock,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, result)
    }
}

/// A call without an answer.
impl From<Result<(), HResult>> for HResult {
    fn from(result: Result<(), HResult>) -> HResult {
        match result {
            Ok(()) => HResult::S_OK,
            Err(error) => error,
        }
    }
}
