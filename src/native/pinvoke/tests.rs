//! `pinvoke!` with real libraries: all that its documentation says can be written, and what the panics and errors say.

use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use std::panic::{Location, catch_unwind};

use crate::native::NativeError;

mod declared {
    use super::*;

    crate::pinvoke! {
        /// Documentation of a block is allowed.
        #[library = "m"]
        unsafe extern "C" {
            /// The cosine.
            #[must_use]
            pub(super) safe fn cos(x: f64) -> f64;
            #[symbol = "sin"]
            pub(super) safe fn sinus(_x: f64,) -> f64;
        }

        #[library = "c"]
        unsafe extern "C" {
            pub(super) fn qsort(
                base: *mut c_void,
                count: usize,
                bytes: usize,
                compare: extern "C" fn(*const c_void, *const c_void) -> c_int,
            );
            pub(super) unsafe fn strlen(text: *const c_char) -> usize;
            pub(super) safe fn sync();
            pub(super) safe fn r#abs(value: c_int) -> c_int;
            // Two of one name, of which one is configured out.
            #[cfg(unix)]
            #[symbol = "getpid"]
            pub(super) safe fn process_id() -> c_int;
            #[cfg(not(unix))]
            #[symbol = "no_such_symbol"]
            pub(super) safe fn process_id() -> c_int;
        }

        unsafe extern "C" {
            // Linked into each Rust program.
            pub(super) safe fn getppid() -> c_int;
            #[symbol = "getuid"]
            pub(super) safe fn user() -> c_uint;
        }
    }
}

mod with_policies {
    use super::*;
    use crate::native::{Class, FpEnv, Policy};

    const LONG: Policy = Policy::new().class(Class::Long);

    crate::pinvoke! {
        #[library = "m"]
        unsafe extern "C" {
            /// With documentation before,
            #[policy = LONG]
            /// and after.
            #[symbol = "atan"]
            pub(super) safe fn arctangent(x: f64) -> f64;
            #[cfg(unix)]
            #[policy = Policy::new().fp_env(FpEnv::Restore).max_concurrent(2)]
            pub(super) safe fn acos(x: f64) -> f64;
            pub(super) safe fn asin(x: f64) -> f64;
        }

        unsafe extern "C" {
            #[symbol = "getgid"]
            #[policy = LONG.offload(true)]
            pub(super) safe fn group() -> c_uint;
        }
    }
}

mod missing_library {
    crate::pinvoke! {
        #[library = "sortie_no_such_library"]
        unsafe extern "C" {
            pub(super) safe fn anything();
        }
    }
}

mod missing_symbol {
    crate::pinvoke! {
        #[library = "m"]
        unsafe extern "C" {
            pub(super) safe fn floor(x: f64) -> f64;
            #[allow(dead_code)]
            pub(super) safe fn sortie_no_such_symbol();
            pub(super) safe fn sortie_no_other_symbol();
        }
    }
}

mod empty {
    crate::pinvoke! {}
}

/// A library that may be absent, in a module of its own.
mod zlib {
    use super::*;

    crate::pinvoke! {
        #[library = "z"]
        unsafe extern "C" {
            pub(super) unsafe fn crc32(sum: c_ulong, bytes: *const u8, count: c_uint) -> c_ulong;
        }
    }
}

fn panic_text(f: fn()) -> String {
    let panic = catch_unwind(f).unwrap_err();
    panic.downcast_ref::<String>().expect("a formatted message").clone()
}

extern "C" fn descending(left: *const c_void, right: *const c_void) -> c_int {
    // SAFETY: `qsort` below passes pointers to elements of an array of `i32`.
    let value = |element: *const c_void| unsafe { element.cast::<i32>().read() };
    value(right).cmp(&value(left)) as c_int
}

#[test]
fn safe_and_unsafe_functions_of_several_libraries_are_called() {
    assert_eq!(declared::cos(0.0), 1.0);
    assert_eq!(declared::sinus(0.0), 0.0);
    assert_eq!(declared::r#abs(-3), 3);
    assert_eq!(declared::process_id() as u32, std::process::id());
    declared::sync();
    // SAFETY: a C string.
    assert_eq!(unsafe { declared::strlen(c"sortie".as_ptr()) }, 6);
    let mut numbers = [2, 3, 1];
    // SAFETY: three elements of four bytes, and a comparator for them.
    unsafe { declared::qsort(numbers.as_mut_ptr().cast(), 3, 4, descending) };
    assert_eq!(numbers, [3, 2, 1]);
}

#[test]
fn functions_without_a_library_are_those_the_linker_found() {
    assert_eq!(declared::getppid() as u32, std::os::unix::process::parent_id());
    // SAFETY: always callable.
    assert_eq!(declared::user(), unsafe { libc::getuid() });
}

#[test]
fn targets_are_named_by_symbol_in_order_and_have_addresses_after_load() {
    declared::load().unwrap();
    let targets = declared::targets();
    let text = |index: usize| format!("{:?}", targets[index]);
    let symbols = ["cos", "sin", "qsort", "strlen", "sync", "abs", "getpid", "getppid", "getuid"];
    assert_eq!(targets.len(), symbols.len());
    for (index, symbol) in symbols.iter().enumerate() {
        assert!(text(index).contains(&format!("\"{symbol}\"")), "{}", text(index));
        assert_ne!(targets[index].address(), 0);
    }
    assert!(text(0).contains("libm.so.6"), "{}", text(0));
    assert!(text(2).contains("libc.so.6"), "{}", text(2));
    assert!(std::ptr::eq(targets, declared::targets()));
}

#[test]
fn a_declared_policy_is_in_force_for_the_address() {
    use crate::native::{Class, FpEnv, Policy, policy};

    let long = Policy::new().class(Class::Long);
    let restoring = Policy::new().fp_env(FpEnv::Restore).max_concurrent(2);
    let expected = [long, restoring, Policy::new(), long.offload(true)];
    let targets = with_policies::targets();
    assert_eq!(targets[0].policy(), long, "before it has an address");
    assert_eq!(with_policies::arctangent(0.0), 0.0);
    assert_eq!(with_policies::acos(1.0), 0.0);
    assert_eq!(with_policies::asin(0.0), 0.0);
    // SAFETY: always callable.
    assert_eq!(with_policies::group(), unsafe { libc::getgid() });
    for (target, expected) in targets.iter().zip(expected) {
        assert_eq!(target.policy(), expected, "{target}");
        assert_eq!(policy::of(target.address()), expected, "{target}");
    }
}

#[test]
fn load_returns_the_first_error_and_keeps_what_it_has_resolved() {
    let NativeError::SymbolNotFound { symbol, library, .. } = missing_symbol::load().unwrap_err()
    else {
        panic!("expected a missing symbol");
    };
    assert_eq!(symbol, "sortie_no_such_symbol");
    assert!(library.contains("libm"), "{library}");
    let known = missing_symbol::targets().iter().map(|target| target.address() != 0);
    assert!(known.eq([true, false, false]));
    assert_eq!(missing_symbol::floor(1.5), 1.0);

    assert!(matches!(missing_library::load(), Err(NativeError::LibraryNotFound { .. })));
    assert_eq!(empty::load(), Ok(()));
    assert!(empty::targets().is_empty());
}

#[test]
fn a_missing_library_panics_with_everything_that_was_tried() {
    let text = panic_text(missing_library::anything);
    assert!(text.starts_with("cannot call the native function `anything`"), "{text}");
    assert!(text.contains("`sortie_no_such_library` not found"), "{text}");
    assert!(text.contains("libsortie_no_such_library.so"), "{text}");
}

#[test]
fn a_missing_symbol_panics_with_the_library_that_was_searched() {
    let text = panic_text(missing_symbol::sortie_no_other_symbol);
    assert!(text.contains("`sortie_no_other_symbol` not found in /"), "{text}");
    assert!(text.contains("undefined symbol"), "{text}");
}

#[test]
fn the_panic_points_at_the_call() {
    use std::sync::Mutex;
    static PLACE: Mutex<Option<(String, u32)>> = Mutex::new(None);

    crate::pinvoke! {
        // A name of this test alone: the hook sees the panics of others too.
        #[library = "sortie_no_such_place"]
        unsafe extern "C" {
            safe fn nowhere();
        }
    }

    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.to_string().contains("sortie_no_such_place") {
            let place = info.location();
            *PLACE.lock().unwrap() = place.map(|place| (place.file().to_owned(), place.line()));
        } else {
            previous(info);
        }
    }));
    let line = Location::caller().line() + 1;
    let _ = catch_unwind(|| nowhere());
    let place = PLACE.lock().unwrap().take().unwrap();
    assert_eq!((place.0.as_str(), place.1), (file!(), line));
}

#[test]
fn an_optional_library_is_asked_for_beforehand() {
    if zlib::load().is_err() {
        return; // it is optional
    }
    // SAFETY: nine bytes.
    let sum = unsafe { zlib::crc32(0, b"123456789".as_ptr(), 9) };
    assert_eq!(sum, 0xcbf4_3926);
}

#[test]
fn the_macro_works_in_a_function_body_and_with_long_documentation() {
    macro_rules! lines {
        ($($line:literal)*) => {
            crate::pinvoke! {
                #[library = "m"]
                unsafe extern "C" {
                    $(#[doc = $line])*
                    safe fn ceil(x: f64) -> f64;
                }
            }
        };
    }
    // More lines than the compiler's recursion limit has levels.
    lines! {
        "a" "b" "c" "d" "e" "f" "g" "h" "i" "j" "k" "l" "m" "n" "o" "p" "q" "r" "s" "t" "u" "v" "w" "x" "y"
        "a" "b" "c" "d" "e" "f" "g" "h" "i" "j" "k" "l" "m" "n" "o" "p" "q" "r" "s" "t" "u" "v" "w" "x" "y"
        "a" "b" "c" "d" "e" "f" "g" "h" "i" "j" "k" "l" "m" "n" "o" "p" "q" "r" "s" "t" "u" "v" "w" "x" "y"
        "a" "b" "c" "d" "e" "f" "g" "h" "i" "j" "k" "l" "m" "n" "o" "p" "q" "r" "s" "t" "u" "v" "w" "x" "y"
        "a" "b" "c" "d" "e" "f" "g" "h" "i" "j" "k" "l" "m" "n" "o" "p" "q" "r" "s" "t" "u" "v" "w" "x" "y"
        "a" "b" "c" "d" "e" "f" "g" "h" "i" "j" "k" "l" "m" "n" "o" "p" "q" "r" "s" "t" "u" "v" "w" "x" "y"
    }
    assert_eq!(ceil(0.5), 1.0);
    assert_eq!(targets().len(), 1);
    assert_eq!(load(), Ok(()));
}

#[test]
fn many_threads_resolve_one_symbol_to_one_address() {
    crate::pinvoke! {
        #[library = "m"]
        unsafe extern "C" {
            safe fn exp(x: f64) -> f64;
        }
    }
    let gate = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                gate.wait();
                assert_eq!(exp(0.0), 1.0);
            });
        }
    });
    assert_ne!(targets()[0].address(), 0);
}
