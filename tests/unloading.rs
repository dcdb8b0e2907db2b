//! What is known of the functions of a library goes with it: a library that comes to the same addresses
//! inherits nothing. What is still mapped keeps what was said of it.

use sortie::native::{self, Class, Library, NativeFn, Policy, Target, policy};
use sortie_test::{Case, Mode, each, exclusively};
use std::ffi::c_int;
use std::path::{Path, PathBuf};

type Answer = extern "C" fn() -> c_int;

/// Where test libraries are built.
struct Workshop(tempfile::TempDir);

impl Workshop {
    fn new() -> Workshop {
        Workshop(tempfile::tempdir().unwrap())
    }

    /// A library that answers so.
    fn build(&self, name: &str, answer: c_int, options: &[&str]) -> PathBuf {
        let source = format!("int {name}(void) {{ return {answer}; }}");
        let object = self.0.path().join(format!("lib{name}.so"));
        sortie_natives::compile(&object, &source, options)
    }
}

fn open(path: &Path) -> Library {
    // SAFETY: the libraries of this test have no initialisers.
    unsafe { Library::open(path.to_str().unwrap()) }.unwrap()
}

fn answer(library: &Library, symbol: &str) -> NativeFn<Answer> {
    // SAFETY: as `Workshop::build` declares it.
    unsafe { library.get(symbol) }.unwrap()
}

fn is_mapped(path: &Path) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.contains(path.to_str().unwrap())
}

/// The registry is the process's: one test at a time.
fn alone(test: impl FnOnce()) {
    exclusively(&Case::new(1, Mode::Pinned), |_| test());
}

/// Nothing is known of what is there.
#[track_caller]
fn assert_forgotten(address: usize) {
    assert_eq!(policy::of(address), Policy::new());
    assert_eq!(Target::new(address).class(), Class::Unknown);
    assert!(native::needs_hook(address));
}

#[test]
fn what_comes_to_the_same_address_inherits_nothing() {
    let workshop = Workshop::new();
    let (first, second) = (workshop.build("first", 1, &[]), workshop.build("second", 2, &[]));
    // SAFETY: the functions of both libraries return a constant.
    let unhooked = unsafe { Policy::new().unhooked() };
    each(|runtime| {
        let (first, second) = (first.clone(), second.clone());
        runtime.run(move || {
            let mut same = 0;
            for _ in 0..3 {
                let library = open(&first);
                let one = answer(&library, "first");
                assert_forgotten(one.address());
                policy::for_library(&library).set(unhooked).unwrap();
                assert_eq!(one.target().class(), Class::Unhooked);
                one.target().set_policy(Policy::new().class(Class::Keep)).unwrap();
                assert_eq!(one.call(), 1);
                let last = one.address();
                drop(library);
                assert_eq!(policy::of(last), Policy::new().class(Class::Keep), "still in use");
                drop(one);
                assert!(!is_mapped(&first));
                assert_forgotten(last);

                let two = answer(&open(&second), "second");
                assert_forgotten(two.address());
                for _ in 0..2 {
                    assert_eq!(two.call(), 2);
                }
                same += u32::from(two.address() == last);
            }
            println!("at the same address: {same} of 3");
        });
        // The ledger knows each by its own name.
        for (name, calls) in [("first", 3), ("second", 6)] {
            let rows = runtime.snapshot().targets;
            let mut rows = rows.iter().filter(|row| row.symbol.as_deref() == Some(name));
            let row = rows.next().expect("it was called");
            assert_eq!((row.calls, row.address), (calls, 0), "{row:?}");
            assert_eq!(row.library.as_deref(), Some(&*format!("lib{name}.so")));
            assert_eq!(rows.next(), None);
        }
    });
}

#[test]
fn a_library_that_others_hold_keeps_what_was_said_of_it() {
    alone(|| {
        let workshop = Workshop::new();
        let path = workshop.build("held", 3, &[]);
        // Somebody else loaded it.
        // SAFETY: as in `open`.
        let other = unsafe { libloading::Library::new(&path) }.unwrap();
        let library = open(&path);
        let address = answer(&library, "held").address();
        policy::for_library(&library).set(Policy::new().class(Class::Mixed)).unwrap();
        drop(library);
        assert!(is_mapped(&path));
        assert_eq!(policy::of(address), Policy::new().class(Class::Mixed));

        // Ours is the last handle now.
        let library = open(&path);
        drop(other);
        assert_eq!(policy::of(address), Policy::new().class(Class::Mixed));
        drop(library);
        assert!(!is_mapped(&path));
        assert_forgotten(address);
    });
}

#[test]
fn a_library_is_closed_though_calls_are_refused() {
    each(|runtime| {
        let workshop = Workshop::new();
        let path = workshop.build("closed", 6, &[]);
        for in_a_task in [false, true] {
            let library = open(&path);
            policy::by_default().set(Policy::new().deny()).unwrap();
            if in_a_task {
                runtime.run(move || drop(library))
            } else {
                drop(library)
            }
            assert!(policy::by_default().clear());
            assert!(!is_mapped(&path));
        }
    });
}

#[test]
fn what_a_library_depends_on_goes_with_it() {
    alone(|| {
        let workshop = Workshop::new();
        let below = workshop.build("below", 4, &[]);
        let directory = workshop.0.path().to_str().unwrap();
        let options =
            ["-Wl,--no-as-needed", "-L", directory, "-lbelow", &format!("-Wl,-rpath,{directory}")];
        let above = open(&workshop.build("above", 5, &options));
        assert!(is_mapped(&below));
        let address = {
            let function = answer(&above, "below");
            function.target().set_policy(Policy::new().deny()).unwrap();
            function.address()
        };
        assert_eq!(policy::of(address), Policy::new().deny(), "still mapped");
        drop(above);
        assert!(!is_mapped(&below));
        assert_forgotten(address);
    });
}

#[test]
fn code_that_the_host_unmaps_is_forgotten_when_the_host_says_so() {
    alone(|| {
        let code = policy::for_range(0x7000..0x8000);
        let inside = policy::for_address(0x7010);
        let across = policy::for_range(0x7f00..0x8100);
        for scope in [&code, &inside, &across] {
            scope.set(Policy::new().class(Class::Long)).unwrap();
        }
        policy::for_address(0x8000).set(Policy::new().class(Class::Keep)).unwrap();
        code.forget();
        assert_eq!((code.policy(), inside.policy()), (None, None));
        assert_forgotten(0x7010);
        assert_eq!(policy::of(0x7f10), Policy::new().class(Class::Long), "reaches beyond");
        assert_eq!(policy::of(0x8000), Policy::new().class(Class::Keep));
        assert!(across.clear());
        policy::for_address(0x8000).forget();
        assert_forgotten(0x8000);
    });
}
