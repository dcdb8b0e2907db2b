//! The switch between a fiber and who has resumed it: a [`Coroutine`].
//!
//! Two ways with one face, chosen when this is compiled: `x86_64.rs` is ours, `portable.rs` is corosensei's, for
//! other processors, and for AddressSanitizer, which must be told of each switch.
//!
//! Must not: know of bodies, or hold anything of a thread.

cfg_select! {
    all(target_arch = "x86_64", not(feature = "sanitizer")) => {
        mod x86_64;
        pub(super) use x86_64::Coroutine;
    }
    _ => {
        mod portable;
        pub(super) use portable::Coroutine;
    }
}
