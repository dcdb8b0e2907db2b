//! The switch between a fiber and who has resumed it: a [`Coroutine`].
//!
//! Two ways with one face, chosen when this is compiled: `x86_64.rs` is ours, with `rest.rs`, `portable.rs` is
//! corosensei's, for other processors, and for AddressSanitizer, which must be told of each switch.
//!
//! Beside it a [`Call`] that is made on another stack, and returns there.
//!
//! Must not: know of bodies, or hold anything of a thread.

cfg_select! {
    all(target_arch = "x86_64", not(feature = "sanitizer")) => {
        mod rest;
        mod x86_64;
        pub(super) use x86_64::{Coroutine, on_stack};
    }
    _ => {
        mod portable;
        pub(super) use portable::{Coroutine, on_stack};
    }
}

/// A call that may be made on any stack: a function that does not unwind, and its argument. What it returns comes
/// back in a register.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub(super) function: unsafe extern "C" fn(*mut ()) -> *mut (),
    pub(super) argument: *mut (),
}
