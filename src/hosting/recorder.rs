//! How calls are told to an observer.

use super::HResult;
use super::method::Method;
use super::observe::{Call, Observer};
use super::task::current;
use crate::transition;
use sortie_scheduler::crossing::Errno;
use std::fmt;
use std::sync::Arc;

/// A host's, or a runtime's, observer, if it has one.
#[derive(Clone, Default)]
pub(super) struct Recorder(Option<Arc<dyn Observer>>);

/// What a call returns, as a result.
pub(super) trait Outcome {
    fn result(&self) -> HResult;
}

impl Outcome for HResult {
    fn result(&self) -> HResult {
        *self
    }
}

impl<T> Outcome for Result<T, HResult> {
    fn result(&self) -> HResult {
        match self {
            Ok(_) => HResult::S_OK,
            Err(error) => *error,
        }
    }
}

impl Recorder {
    pub(super) fn new(observer: Option<Arc<dyn Observer>>) -> Recorder {
        Recorder(observer)
    }

    /// Makes a call, and tells of it. A call that unwinds, because an abort was raised at its end, is told as
    /// [`COR_E_THREADABORTED`](HResult::COR_E_THREADABORTED).
    #[inline]
    pub(super) fn call<R: Outcome>(
        &self,
        method: Method,
        arguments: fmt::Arguments<'_>,
        call: impl FnOnce() -> R,
    ) -> R {
        if self.0.is_none() {
            return call();
        }
        let mut told =
            Told { recorder: self, method, arguments, result: HResult::COR_E_THREADABORTED };
        let value = call();
        told.result = value.result();
        value
    }
}

/// A call that is told of when this is dropped.
struct Told<'a> {
    recorder: &'a Recorder,
    method: Method,
    arguments: fmt::Arguments<'a>,
    result: HResult,
}

impl Drop for Told<'_> {
    #[inline(never)]
    fn drop(&mut self) {
        let Some(observer) = &self.recorder.0 else { return };
        let errno = Errno::save();
        let arguments = self.arguments.to_string();
        observer.call(&Call {
            method: self.method,
            arguments: &arguments,
            result: self.result,
            task: current::id(),
            layers: &transition::layers(),
        });
        errno.restore();
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recorder").field(&self.0.is_some()).finish()
    }
}
