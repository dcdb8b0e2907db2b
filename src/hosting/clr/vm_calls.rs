//! Calls of the VM: without a lock held, and a panic in one is the VM's failure ([`E_FAIL`](HResult::E_FAIL)), which does not
//! go into the scheduler.

use crate::hosting::HResult;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls the VM. A panic is its failure.
pub(in crate::hosting) fn guarded(call: impl FnOnce() -> HResult) -> HResult {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(HResult::E_FAIL)
}

/// The same of a call that has an answer.
pub(in crate::hosting) fn answered<T>(
    call: impl FnOnce() -> Result<T, HResult>,
) -> Result<T, HResult> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(HResult::E_FAIL))
}
