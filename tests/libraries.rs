//! Functions of shared libraries are found and called from tasks; what is missing is named.

use sortie::native::{Library, NativeError, NativeFn};
use sortie::pinvoke;
use sortie_test::{each, panic_text};
use std::ffi::{c_char, c_int, c_uint};

pinvoke! {
    #[library = "m"]
    unsafe extern "C" {
        safe fn cos(x: f64) -> f64;
    }
}

mod c {
    use super::*;
    pinvoke! {
        #[library = "c"]
        unsafe extern "C" {
            pub(super) safe fn getpid() -> c_int;
            pub(super) fn strlen(text: *const c_char) -> usize;
            pub(super) safe fn usleep(microseconds: c_uint) -> c_int;
        }
    }
}

mod missing {
    use super::*;
    pinvoke! {
        #[library = "m"]
        unsafe extern "C" {
            pub(super) safe fn sortie_test_missing() -> c_int;
        }
    }
}

#[test]
fn declared_functions_are_called_and_counted() {
    each(|runtime| {
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                runtime.spawn(|| {
                    assert_eq!(cos(0.0), 1.0);
                    assert_eq!(c::getpid() as u32, std::process::id());
                    c::usleep(100);
                    // SAFETY: a C string.
                    assert_eq!(unsafe { c::strlen(c"sortie".as_ptr()) }, 6);
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        let targets = runtime.snapshot().targets;
        for symbol in ["cos", "getpid", "usleep", "strlen"] {
            let row = targets
                .iter()
                .find(|row| row.symbol.as_deref() == Some(symbol))
                .unwrap_or_else(|| panic!("{symbol} is missing: {targets:?}"));
            assert_eq!(row.calls, 20, "{symbol}");
            assert_ne!(row.address, 0);
            assert!(row.library.as_deref().is_some_and(|library| library.contains(".so")));
        }
    });
}

#[test]
fn functions_are_looked_up_by_name() {
    each(|runtime| {
        let value = runtime.run(|| {
            // SAFETY: loaded already.
            let library = unsafe { Library::open("m") }.unwrap();
            // SAFETY: C declares `double sqrt(double)`.
            let sqrt: NativeFn<extern "C" fn(f64) -> f64> = unsafe { library.get("sqrt") }.unwrap();
            drop(library);
            sqrt.call(1764.0)
        });
        assert_eq!(value, 42.0);
    });
}

#[test]
fn what_is_missing_is_an_error_that_lists_what_was_tried() {
    each(|runtime| {
        runtime.run(|| {
            // SAFETY: there is none.
            let error = unsafe { Library::open("sortie-test-none") }.unwrap_err();
            let NativeError::LibraryNotFound { name, tried } = &error else {
                panic!("{error:?}");
            };
            assert_eq!(name, "sortie-test-none");
            assert!(tried.len() >= 2, "{tried:?}");
            for one in tried {
                assert!(error.to_string().contains(&one.what), "{error}");
            }
            // SAFETY: loaded already.
            let library = unsafe { Library::open("m") }.unwrap();
            // SAFETY: there is none.
            let error = unsafe { library.get::<extern "C" fn()>("sortie_test_none") }.unwrap_err();
            assert!(matches!(error, NativeError::SymbolNotFound { .. }), "{error:?}");
            let text = panic_text(missing::sortie_test_missing);
            assert!(text.contains("sortie_test_missing"), "{text}");
            assert!(missing::load().is_err());
            assert!(c::load().is_ok());
        });
    });
}
