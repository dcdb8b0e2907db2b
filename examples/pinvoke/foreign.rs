//! The C functions that the tasks call, and what each is to answer.
//!
//! `pinvoke!` declares them as Rust declares foreign functions. Nothing here knows of tasks or
//! workers: that each call is announced is what the macro is for.

use sortie::native::{self, Policy};
use std::ffi::{CStr, c_char, c_int, c_ulong, c_void};
use std::io;
use std::time::Duration;

sortie::pinvoke! {
    #[library = "m"]
    unsafe extern "C" {
        safe fn cos(x: f64) -> f64;
    }

    #[library = "c"]
    unsafe extern "C" {
        fn qsort(
            base: *mut c_void,
            count: usize,
            bytes: usize,
            compare: extern "C" fn(*const c_void, *const c_void) -> c_int,
        );
        fn strlen(text: *const c_char) -> usize;
        safe fn getpid() -> libc::pid_t;
        // Whichever thread sleeps, the time passes: the function keeps nothing of its thread, and writes
        // only to the `timespec`, which may lie on the stack of a task that waits. So another thread may
        // make the call where it would keep other tasks waiting that are pinned to this one.
        #[policy = Policy::new().offload(true)]
        fn nanosleep(wanted: *const libc::timespec, left: *mut libc::timespec) -> c_int;
    }
}

/// In a module of its own, because the library may be missing: `zlib::load` asks.
pub(crate) mod zlib {
    use std::ffi::{c_uint, c_ulong};

    sortie::pinvoke! {
        #[library = "z"]
        unsafe extern "C" {
            pub(crate) fn crc32(sum: c_ulong, bytes: *const u8, count: c_uint) -> c_ulong;
        }
    }
}

/// A C function that answered what it must not.
pub(crate) type Wrong = String;

pub(crate) fn check_cos(x: f64) -> Result<(), Wrong> {
    let (found, expected) = (cos(x), x.cos());
    // The C library promises one unit in the last place.
    expect(
        (found - expected).abs() <= f64::EPSILON,
        format_args!("cos({x}) = {found}, expected {expected}"),
    )
}

/// Sorts sixteen numbers in C, compared in Rust.
pub(crate) fn check_qsort(seed: u64) -> Result<(), Wrong> {
    let mut found = numbers(seed);
    let mut expected = found;
    expected.sort_unstable();
    // SAFETY: the pointer and the size are those of the array, and `compare` reads its elements.
    unsafe {
        qsort(found.as_mut_ptr().cast(), found.len(), size_of::<u64>(), compare);
    }
    expect(found == expected, format_args!("qsort gave {found:?}, expected {expected:?}"))
}

/// The comparator: native code calls it, and it enters managed code.
extern "C" fn compare(left: *const c_void, right: *const c_void) -> c_int {
    native::callback(0, || {
        // SAFETY: `qsort` hands out pointers to elements, which are `u64`.
        let left = unsafe { left.cast::<u64>().read() };
        // SAFETY: as above.
        let right = unsafe { right.cast::<u64>().read() };
        left.cmp(&right) as c_int
    })
}

pub(crate) fn check_strlen(text: &CStr) -> Result<(), Wrong> {
    // SAFETY: a `CStr` ends with a NUL.
    let found = unsafe { strlen(text.as_ptr()) };
    let expected = text.count_bytes();
    expect(found == expected, format_args!("strlen({text:?}) = {found}, expected {expected}"))
}

pub(crate) fn check_getpid() -> Result<(), Wrong> {
    let (found, expected) = (getpid(), std::process::id());
    expect(
        u32::try_from(found) == Ok(expected),
        format_args!("getpid() = {found}, expected {expected}"),
    )
}

pub(crate) fn check_crc32(text: &CStr) -> Result<(), Wrong> {
    let bytes = text.to_bytes();
    let count = u32::try_from(bytes.len()).expect("the texts are short");
    // SAFETY: the pointer and the count are those of the slice.
    let found = unsafe { zlib::crc32(0, bytes.as_ptr(), count) };
    let expected = crc32_of(bytes);
    expect(
        found == c_ulong::from(expected),
        format_args!("crc32({text:?}) = {found:#x}, expected {expected:#x}"),
    )
}

/// Sits in `nanosleep`, goes on if a signal comes, and checks that the time has passed.
pub(crate) fn check_nanosleep(duration: Duration) -> Result<(), Wrong> {
    let start = std::time::Instant::now();
    let mut left = libc::timespec {
        tv_sec: duration.as_secs() as libc::time_t,
        tv_nsec: duration.subsec_nanos().into(),
    };
    loop {
        let time = &raw mut left;
        // SAFETY: one valid `timespec` that is both read and written, as POSIX allows.
        if unsafe { nanosleep(time, time) } == 0 {
            break;
        }
        // `errno` is that of the call, on whatever thread it was made and the task has gone on.
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(format!("nanosleep({duration:?}) failed: {error}"));
        }
    }
    let took = start.elapsed();
    expect(took >= duration, format_args!("nanosleep({duration:?}) returned after {took:?}"))
}

fn expect(holds: bool, wrong: std::fmt::Arguments<'_>) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(wrong.to_string()) }
}

/// Sixteen numbers in no order.
fn numbers(seed: u64) -> [u64; 16] {
    let mut state = seed;
    std::array::from_fn(|_| {
        // A linear congruential generator: any numbers will do.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 40
    })
}

/// The checksum bit by bit, so that zlib has something to be held against.
fn crc32_of(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 * (sum & 1)))
    })
}
