//! [`HResult`]: what a hosting call returns, and all values that it may have.
//!
//! A number and its name. Which call returns which value, and why, is said at the calls; how the crate's errors
//! become such numbers is in `hresult/convert.rs`.

mod convert;

use std::fmt;

/// The result of a hosting call: a number of 32 bits, of which the highest says that the call failed.
///
/// Printed it gives its name and what it means. A call that has failed has changed nothing, but for calls that
/// close something while the runtime is not available: those do it, and say so.
///
/// ```
/// use sortie::hosting::HResult;
///
/// assert!(HResult::S_FALSE.is_success());
/// assert_eq!(HResult::HOST_E_TIMEOUT.code(), 0x8013_1024);
/// assert!(HResult::HOST_E_TIMEOUT.to_string().starts_with("HOST_E_TIMEOUT: "));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
#[must_use = "a hosting call that failed has done nothing"]
pub struct HResult(i32);

macro_rules! values {
    ($($name:ident = $code:literal: $meaning:literal;)*) => {
        impl HResult {
            $(
                #[doc = concat!("`", stringify!($code), "`: ", $meaning, ".")]
                pub const $name: HResult = HResult::from_code($code);
            )*

            /// All values that have a name, each once, in the order of the reference.
            pub const ALL: &[HResult] = &[$(HResult::$name),*];

            /// The name, as the hosting API spells it; `None`: it has none.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.code() {
                    $($code => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// What it means, in words; `None`: it is not one of [`HResult::ALL`].
            #[must_use]
            pub const fn meaning(self) -> Option<&'static str> {
                match self.code() {
                    $($code => Some($meaning),)*
                    _ => None,
                }
            }
        }
    };
}

values! {
    S_OK = 0x0000_0000: "done";
    S_FALSE = 0x0000_0001: "done, and there was nothing to do, or not all of it is over";
    E_NOTIMPL = 0x8000_4001: "the host or the VM leaves this to the other side";
    E_NOINTERFACE = 0x8000_4002: "there is no manager with this id";
    E_POINTER = 0x8000_4003: "the place for the answer is missing: pass one";
    E_FAIL = 0x8000_4005: "an unrecoverable failure; the runtime is of no more use in this process";
    E_UNEXPECTED = 0x8000_FFFF: "the call does not fit the state: its counterpart was not called, or was already";
    E_ACCESSDENIED = 0x8007_0005: "too late: the runtime has been started";
    E_OUTOFMEMORY = 0x8007_000E: "there is no memory for it, or a limit is reached";
    E_INVALIDARG = 0x8007_0057: "an argument is out of range, or unknown";
    ERROR_TOO_MANY_POSTS = 0x8007_012A: "the semaphore would exceed its maximum; its count is unchanged";
    ERROR_TIMEOUT = 0x8007_05B4: "the abort that was waited for did not come to its end in time";
    COR_E_APPDOMAINUNLOADED = 0x8013_1014: "the group of tasks was unloaded";
    COR_E_STACKOVERFLOW = 0x8007_03E9: "the stack is exhausted";
    COR_E_SYNCHRONIZATIONLOCK = 0x8013_1518: "a monitor was released by who does not own it";
    COR_E_THREADINTERRUPTED = 0x8013_1519: "the task was interrupted while it waited";
    COR_E_THREADSTATE = 0x8013_1520: "the task is in no state for this";
    COR_E_SEMAPHOREFULL = 0x8013_152B: "the semaphore's count would exceed its maximum";
    COR_E_THREADABORTED = 0x8013_1530: "the task was aborted";
    HOST_E_DEADLOCK = 0x8013_1020: "the wait was ended because it closed a circle of waits";
    HOST_E_INTERRUPTED = 0x8013_1021: "the wait was alertable, and the task was alerted";
    HOST_E_INVALIDOPERATION = 0x8013_1022: "the call is not allowed here, or in this state";
    HOST_E_CLRNOTAVAILABLE = 0x8013_1023: "the runtime was not started, was stopped, or is disabled";
    HOST_E_TIMEOUT = 0x8013_1024: "the time was over before it happened";
    HOST_E_NOT_OWNER = 0x8013_1025: "the caller does not own what it gives up: a lock, a layer, or the task itself";
    HOST_E_ABANDONED = 0x8013_1026: "what was waited for was destroyed, or its owner has ended";
    HOST_E_EXITPROCESS_THREADABORT = 0x8013_1027: "the process ends because a task's abort was escalated";
    HOST_E_EXITPROCESS_ADUNLOAD = 0x8013_1028: "the process ends because the unload of a group was escalated";
    HOST_E_EXITPROCESS_TIMEOUT = 0x8013_1029: "the process ends because an operation took too long";
    HOST_E_EXITPROCESS_OUTOFMEMORY = 0x8013_102A: "the process ends because memory was short";
    HOST_E_EXITPROCESS_STACKOVERFLOW = 0x8013_102B: "the process ends because a stack was exhausted";
}

impl HResult {
    /// What `SetHostControl` answers once the runtime was started: a name without a number of its own.
    pub const E_CLR_ALREADY_STARTED: HResult = HResult::E_ACCESSDENIED;

    /// The result with this number.
    pub const fn from_code(code: u32) -> HResult {
        HResult(code.cast_signed())
    }

    /// The number, as it is written: `0x80131025`.
    #[must_use]
    pub const fn code(self) -> u32 {
        self.0.cast_unsigned()
    }

    /// The number as it crosses a C interface.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0
    }

    /// Did the call succeed? Of [`S_FALSE`](HResult::S_FALSE) too.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 >= 0
    }

    /// Did the call fail?
    #[must_use]
    pub const fn is_failure(self) -> bool {
        self.0 < 0
    }

    /// For `?`: a failure as an error. Successes are all the same then.
    ///
    /// # Errors
    /// This result, if it is a failure.
    pub const fn ok(self) -> Result<(), HResult> {
        if self.is_success() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.meaning()) {
            (Some(name), Some(meaning)) => write!(f, "{name}: {meaning}"),
            _ => write!(f, "{:#010x}", self.code()),
        }
    }
}

/// The name, or the number where there is none.
impl fmt::Debug for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#010x}", self.code()),
        }
    }
}

impl std::error::Error for HResult {}

#[cfg(test)]
mod tests {
    use super::HResult;
    use std::collections::HashSet;

    #[test]
    fn each_value_has_one_name_and_a_meaning() {
        let names: HashSet<_> = HResult::ALL.iter().map(|value| value.name().unwrap()).collect();
        assert_eq!(names.len(), HResult::ALL.len());
        let codes: HashSet<_> = HResult::ALL.iter().map(|value| value.code()).collect();
        assert_eq!(codes.len(), HResult::ALL.len());
        assert!(HResult::ALL.iter().all(|value| value.meaning().is_some()));
    }

    #[test]
    fn what_has_no_name_is_printed_as_a_number() {
        let strange = HResult::from_code(0x8765_4321);
        assert_eq!(
            (strange.to_string(), format!("{strange:?}")),
            ("0x87654321".into(), "0x87654321".into())
        );
        assert!(strange.is_failure());
        assert_eq!(format!("{:?}", HResult::HOST_E_TIMEOUT), "HOST_E_TIMEOUT");
    }
}
