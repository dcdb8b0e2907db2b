//! Libraries stay mapped exactly as long as something of them is in use; errors name what was looked at.

use std::ffi::{CStr, c_char, c_int};

use libloading::os::unix::{RTLD_GLOBAL, RTLD_NOW};

use super::*;
use crate::native::search::tests::Scratch;

/// The libraries that these tests open have no initialisers, or are already part of each Rust program.
fn open(name: impl AsRef<Path>) -> Library {
    // SAFETY: see above.
    unsafe { Library::open(name.as_ref().to_str().unwrap()) }.unwrap()
}

fn is_mapped(file: &Path) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.contains(file.to_str().unwrap())
}

#[test]
fn a_library_knows_its_name_and_its_real_path() {
    let libm = open("m");
    assert_eq!(libm.name(), "libm.so.6");
    assert!(libm.path().is_absolute());
    assert!(is_mapped(libm.path()), "{libm:?}");
}

#[test]
fn the_process_is_the_program() {
    let process = Library::process();
    assert_eq!(process.path(), std::env::current_exe().unwrap());
}

#[test]
fn safe_and_unsafe_functions_are_called() {
    let libm = open("m");
    // SAFETY: as C declares it, callable with any values.
    let pow: NativeFn<extern "C" fn(f64, f64) -> f64> = unsafe { libm.get("pow") }.unwrap();
    assert_eq!(pow.call(2.0, 10.0), 1024.0);
    assert_eq!(pow.address(), pow.target().address());
    // SAFETY: `pow` is alive.
    assert_eq!((unsafe { pow.raw() })(3.0, 2.0), 9.0);

    // SAFETY: as C declares it.
    let strchr = unsafe {
        open("c").get::<unsafe extern "C" fn(*const c_char, c_int) -> *const c_char>("strchr")
    };
    let text = c"sortie";
    // SAFETY: a C string.
    let found = unsafe { strchr.unwrap().call(text.as_ptr(), c_int::from(b't')) };
    // SAFETY: `strchr` points into `text`, which holds the letter.
    let rest = unsafe { CStr::from_ptr(found) };
    assert_eq!(rest, c"tie");
}

#[test]
fn every_number_of_arguments_up_to_twelve_arrives_in_order() {
    let scratch = Scratch::new("arity");
    let source = "long zero(void) { return 7; }
        double mixed(char a, short b, int c, long d, float e, double f, char g, short h, int i, long j, float k, double l)
        { return a + 2*b + 3*c + 4*d + 5*e + 6*f + 7*g + 8*h + 9*i + 10*j + 11*k + 12*l; }";
    let library = open(scratch.compile("libsortie_arity.so", source, &[]));
    // SAFETY: as declared above.
    let zero = unsafe { library.get::<extern "C" fn() -> i64>("zero") }.unwrap();
    assert_eq!(zero.call(), 7);
    type Mixed = extern "C" fn(i8, i16, i32, i64, f32, f64, i8, i16, i32, i64, f32, f64) -> f64;
    // SAFETY: as declared above.
    let mixed = unsafe { library.get::<Mixed>("mixed") }.unwrap();
    let sum = mixed.call(1, 2, 3, 4, 5.0, 6.0, 7, 8, 9, 10, 11.0, 12.0);
    assert_eq!(sum, (1..=12).map(|n| f64::from(n * n)).sum::<f64>());
}

#[test]
fn a_function_keeps_its_library_mapped_and_nothing_else_does() {
    let scratch = Scratch::new("mapped");
    let file = scratch.compile("libsortie_mapped.so", "int answer(void) { return 42; }", &[]);
    let library = open(&file);
    let second = library.clone();
    // SAFETY: as declared above.
    let answer = unsafe { library.get::<extern "C" fn() -> c_int>("answer") }.unwrap();
    let clone = answer.clone();
    drop(library);
    drop(second);
    drop(answer);
    assert!(is_mapped(&file));
    assert_eq!(std::thread::spawn(move || clone.call()).join().unwrap(), 42);
    assert!(!is_mapped(&file));
}

#[test]
fn what_was_learned_of_a_library_goes_with_it() {
    use crate::native::Class;
    use crate::target::{Profile, class::Kind};

    let scratch = Scratch::new("learned");
    let [a, b] = ["a", "b"].map(|name| {
        let source = format!("int {name}(void) {{ return 1; }}");
        scratch.compile(&format!("libsortie_learned_{name}.so"), &source, &[])
    });
    for _ in 0..3 {
        let library = open(&a);
        // SAFETY: as declared above.
        let function = unsafe { library.get::<extern "C" fn() -> c_int>("a") }.unwrap();
        let profile = function.target().profile();
        (0..32).for_each(|_| profile.observe(1_000, Kind::Timed, 1));
        assert_eq!(function.target().class(), Class::Short);
        assert!(profile.decide().is_fast());
        let address = function.address();
        drop((library, function));
        assert_eq!(Profile::at(address).class(), Class::Unknown);
        assert!(!Profile::at(address).is_fast());
        // SAFETY: as declared above.
        let other = unsafe { open(&b).get::<extern "C" fn() -> c_int>("b") }.unwrap();
        assert_eq!(other.target().class(), Class::Unknown);
        assert_eq!(other.target().profile().name().as_deref(), Some("b"));
    }
}

#[test]
fn policies_are_forgotten_before_a_library_is_unmapped() {
    use crate::native::{Policy, policy};
    use std::sync::Mutex;

    static SEEN: Mutex<Option<Policy>> = Mutex::new(None);

    extern "C" fn look(address: usize) {
        *SEEN.lock().unwrap() = Some(policy::of(address));
    }

    let scratch = Scratch::new("before");
    let source = "static void (*look)(unsigned long);
        void at_end(void (*f)(unsigned long)) { look = f; }
        __attribute__((destructor)) static void end(void) { look((unsigned long)at_end); }";
    let library = open(scratch.compile("libsortie_before.so", source, &[]));
    // SAFETY: as declared above.
    let at_end = unsafe { library.get::<extern "C" fn(extern "C" fn(usize))>("at_end") }.unwrap();
    at_end.call(look);
    policy::for_library(&library).set(Policy::new().max_concurrent(2)).unwrap();
    at_end.target().set_policy(Policy::new().max_concurrent(1)).unwrap();
    drop(library);
    drop(at_end);
    assert_eq!(*SEEN.lock().unwrap(), Some(Policy::new()));
}

#[test]
fn a_function_of_the_global_scope_keeps_the_object_that_holds_it() {
    let scratch = Scratch::new("global");
    let file = scratch.compile(
        "libsortie_global.so",
        "int sortie_global_answer(void) { return 43; }",
        &[],
    );
    // SAFETY: it has no initialisers.
    let global = unsafe { Handle::open(Some(&file), RTLD_NOW | RTLD_GLOBAL) }.unwrap();
    let process = Library::process();
    // SAFETY: as declared above.
    let answer =
        unsafe { process.get::<extern "C" fn() -> c_int>("sortie_global_answer") }.unwrap();
    drop(global);
    assert!(is_mapped(&file));
    assert_eq!(answer.call(), 43);
    drop(answer);
    assert!(!is_mapped(&file));
}

#[test]
fn a_missing_symbol_names_the_library_and_where_it_would_have_been() {
    let scratch = Scratch::new("symbol");
    let file = scratch.compile("libsortie_symbol.so", "int f(void) { return 1; }", &["-nostdlib"]);
    let library = open(&file);
    // SAFETY: never called.
    let error = unsafe { library.get::<unsafe extern "C" fn()>("getpid") }.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, NativeError::SymbolNotFound { .. }));
    assert!(text.contains(&format!("`getpid` not found in {}", file.display())), "{text}");
    assert!(text.contains("undefined symbol: getpid"), "{text}");
    assert!(text.contains("libc.so.6 has one, which was not asked for"), "{text}");

    // SAFETY: never called.
    let error = unsafe { library.get::<unsafe extern "C" fn()>("no_such_symbol") }.unwrap_err();
    let NativeError::SymbolNotFound { tried, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(tried.len(), 1, "{error}");
}

#[test]
fn a_symbol_at_null_is_not_a_function() {
    let scratch = Scratch::new("null");
    let source = "typedef int f(void); static f *choose(void) { return 0; } int none(void) __attribute__((ifunc(\"choose\")));";
    let library = open(scratch.compile("libsortie_null.so", source, &[]));
    // SAFETY: never called.
    let error = unsafe { library.get::<extern "C" fn() -> c_int>("none") }.unwrap_err();
    assert!(matches!(error, NativeError::NullSymbol { .. }), "{error}");
}

#[test]
fn impossible_symbol_names_are_refused() {
    for name in ["", "a\0b"] {
        // SAFETY: never called.
        let error = unsafe { Library::process().get::<unsafe extern "C" fn()>(name) }.unwrap_err();
        assert!(matches!(error, NativeError::BadName { .. }), "{error}");
    }
}

#[test]
fn libraries_and_functions_go_to_any_thread() {
    fn check<T: Send + Sync + Clone + fmt::Debug>() {}
    check::<Library>();
    check::<NativeFn<unsafe extern "C" fn(*mut u8)>>();
}
