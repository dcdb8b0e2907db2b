//! Closures are C functions, with and without a user pointer, and live until their `Callback` and their
//! last call have ended.

use sortie::native::{self, Callback, Target};
use sortie::transition::{self, Layer};
use sortie_natives::{
    Gate, Mixed, VisitLast, call_back, call_half, call_mixed, call_negate, call_nothing,
    visit_each, visit_each_last, visit_on_thread,
};
use sortie_test::drops::Drops;
use sortie_test::{Running, panic_text, until};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

type Visit = extern "C" fn(c_int) -> c_int;
type Compare = unsafe extern "C" fn(*const c_void, *const c_void) -> c_int;

static QSORT: Target = Target::named("qsort");
static VISIT: Target = Target::named("natives_visit_each");

/// As [`sortie_test::each`]. libffi keeps a descriptor, from its first closure to the end of the process,
/// which is no leak of any case: so it makes that one before.
fn each(test: impl Fn(&Running)) {
    // SAFETY: it is never called.
    unsafe { Callback::<extern "C" fn()>::new((), || ()).function() }.unwrap();
    sortie_test::each(test);
}

/// `natives_visit_each` by the current task.
fn visit(times: c_int, callback: &Callback<Visit>) -> c_int {
    // SAFETY: it is called until `visit_each` returns, and the callback lives longer.
    let function = unsafe { callback.function() }.unwrap();
    // SAFETY: any function of this type will do.
    native::call_here(&VISIT, || unsafe { visit_each(times, function) })
}

#[test]
fn a_closure_without_user_pointer_borrows_the_stack() {
    each(|runtime| {
        let tasks: Vec<_> = (0..8_u32)
            .map(|seed| {
                runtime.spawn(move || {
                    let rank: Vec<u32> = (0..100).map(|n| (n * 37 + seed) % 101).collect();
                    let asked = AtomicUsize::new(0);
                    let mut order: Vec<usize> = (0..rank.len()).collect();
                    let compare = |a: *const c_void, b: *const c_void| {
                        // SAFETY: `qsort` hands out pointers to elements, which are `usize`.
                        let [a, b] = [a, b].map(|one| unsafe { *one.cast::<usize>() });
                        if asked.fetch_add(1, Ordering::SeqCst).is_multiple_of(50) {
                            sortie::yield_now();
                        }
                        rank[a].cmp(&rank[b]) as c_int
                    };
                    let (data, len) = (order.as_mut_ptr(), order.len());
                    Callback::<Compare>::scoped(0, compare, |compare| {
                        // SAFETY: `qsort` forgets it when it returns.
                        let compare = unsafe { compare.function() }.unwrap();
                        // SAFETY: so many elements of that size, which nobody else uses.
                        native::call_here(&QSORT, || unsafe {
                            libc::qsort(data.cast(), len, size_of::<usize>(), Some(compare));
                        });
                    });
                    assert!(asked.into_inner() > 100);
                    assert!(order.is_sorted_by_key(|&n| rank[n]));
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn user_pointers_tell_callbacks_apart() {
    each(|runtime| {
        runtime.run(|| {
            let callbacks: Vec<_> =
                (0..100).map(|n| Callback::<Visit>::new(-1, move |turn| n * 10 + turn)).collect();
            for (n, callback) in (0..).zip(&callbacks) {
                let sum = native::call_here(&VISIT, || {
                    // SAFETY: the function is the one for this user pointer.
                    let first = unsafe { call_back(3, callback.user_first(), callback.user()) };
                    let last: VisitLast = callback.user_last();
                    // SAFETY: as above.
                    let last = unsafe { visit_each_last(3, last, callback.user()) };
                    assert_eq!(first, last);
                    first
                });
                assert_eq!(sum, 3 * 10 * n + 3);
            }
        });
    });
}

#[test]
fn arguments_and_answers_of_every_kind() {
    each(|runtime| {
        runtime.run(|| {
            let mixed = |a: i8, b: u16, c: f32, d: *const c_char, e: i64, f: f64| {
                // SAFETY: the text that is handed in below.
                let text = unsafe { CStr::from_ptr(d) };
                assert_eq!((a, b, c, text, e, f), (-1, 65535, 0.5, c"text", i64::MIN, -2.5));
                1.25
            };
            let mixed = Callback::<Mixed>::new(0.0, mixed);
            let negate = Callback::<extern "C" fn(u8) -> i8>::new(0, |n| -(n as i8));
            let half = Callback::<extern "C" fn(f32) -> f32>::new(0.0, |x| x / 2.0);
            let count = Arc::new(AtomicI32::new(0));
            let counted = Arc::clone(&count);
            let nothing = Callback::<extern "C" fn()>::new((), move || {
                counted.fetch_add(1, Ordering::SeqCst);
            });
            native::call_here(&VISIT, || {
                // SAFETY: called until the end of this block.
                let function = unsafe { mixed.function() }.unwrap();
                // SAFETY: the function is for that text.
                assert_eq!(unsafe { call_mixed(function, c"text".as_ptr()) }, 1.25);
                // SAFETY: as above.
                let function = unsafe { negate.function() }.unwrap();
                // SAFETY: any function of this type will do.
                assert_eq!(unsafe { call_negate(function, 100) }, -100);
                // SAFETY: as above.
                let function = unsafe { half.function() }.unwrap();
                // SAFETY: as above.
                assert_eq!(unsafe { call_half(function, -5.0) }, -2.5);
                // SAFETY: as above.
                let function = unsafe { nothing.function() }.unwrap();
                // SAFETY: as above.
                unsafe { call_nothing(function) };
            });
            assert_eq!(count.load(Ordering::SeqCst), 1);
        });
    });
}

#[test]
fn a_panic_is_kept_and_the_fallback_answers() {
    each(|runtime| {
        runtime.run(|| {
            let ran = AtomicUsize::new(0);
            let answer = AtomicI32::new(0);
            let f = |turn| {
                ran.fetch_add(1, Ordering::SeqCst);
                assert!(turn != 2, "in turn {turn}");
                1
            };
            let text = panic_text(|| {
                Callback::<Visit>::scoped(100, f, |callback| {
                    // SAFETY: called only in here.
                    let function = unsafe { callback.function() }.unwrap();
                    native::call_here(&VISIT, || {
                        // SAFETY: any function of this type will do.
                        answer.store(unsafe { visit_each(10, function) }, Ordering::SeqCst);
                    });
                });
            });
            assert_eq!(text, "in turn 2");
            assert_eq!(ran.load(Ordering::SeqCst), 3, "later callbacks do not run");
            assert_eq!(answer.load(Ordering::SeqCst), 2 + 8 * 100, "they return the fallback");
            assert_eq!(transition::layers(), [Layer::ManagedBase]);
        });
    });
}

#[test]
fn callbacks_nest() {
    each(|runtime| {
        runtime.run(|| {
            let inner = Callback::<Visit>::new(-1, |turn| {
                sortie::yield_now();
                let layers = transition::layers();
                assert_eq!(layers.len(), 5, "managed in native in managed in native in managed");
                assert_eq!((layers[0], layers[2]), (Layer::ManagedBase, layers[4]));
                turn + 1
            });
            let outer = Callback::<Visit>::new(-1, move |turn| visit(turn, &inner));
            assert_eq!(visit(5, &outer), 1 + 3 + 6 + 10);
        });
    });
}

/// Managed code has called no native code, and a thread without a task has none to come back to.
#[test]
fn where_there_is_nothing_to_come_back_to_the_fallback_answers() {
    each(|runtime| {
        let callback = Arc::new(Callback::<Visit>::new(-7, |_| unreachable!()));
        // SAFETY: called only in here.
        let function = unsafe { callback.function() }.unwrap();
        assert_eq!(function(0), -7);
        assert_eq!(callback.user_first()(callback.user(), 0), -7);
        let callback = Arc::clone(&callback);
        runtime.run(move || {
            assert_eq!(function(0), -7);
            assert_eq!(callback.user_last()(0, callback.user()), -7);
            // SAFETY: any function of this type will do.
            let answer = native::call_here(&VISIT, || unsafe { visit_on_thread(function) });
            assert_eq!(answer, -7, "the library's thread is not the task");
        });
    });
}

#[test]
fn a_callback_that_drops_itself_ends_after_its_call() {
    each(|runtime| {
        runtime.run(|| {
            let drops = Drops::new();
            let own = Arc::new(Mutex::new(None::<Callback<Visit>>));
            let slot = Arc::clone(&own);
            let value = drops.value();
            let counted = drops.clone();
            let callback = Callback::<Visit>::new(-1, move |turn| {
                let _value = &value;
                drop(slot.lock().unwrap().take());
                // What the closure owns is here as long as it runs, whoever runs meanwhile.
                sortie::yield_now();
                assert_eq!(counted.dropped(), 0);
                turn + 5
            });
            // SAFETY: it is called once, before it is dropped.
            let function = unsafe { callback.function() }.unwrap();
            *own.lock().unwrap() = Some(callback);
            // SAFETY: any function of this type will do.
            assert_eq!(native::call_here(&VISIT, || unsafe { visit_each(1, function) }), 5);
            drops.check();
        });
    });
}

/// A call in which the closure drops its callback, and with it a value whose drop panics after `first`. Which panic came
/// out, and what the closure has answered the native code, by `end`.
fn drop_inside(first: fn(), end: fn() -> c_int) -> (String, c_int) {
    struct Clumsy(fn());
    impl Drop for Clumsy {
        fn drop(&mut self) {
            (self.0)();
            panic!("a clumsy drop");
        }
    }
    let own = Arc::new(Mutex::new(None::<Callback<Visit>>));
    let slot = Arc::clone(&own);
    let clumsy = Clumsy(first);
    let callback = Callback::<Visit>::new(-1, move |_| {
        let _clumsy = &clumsy;
        drop(slot.lock().unwrap().take());
        end()
    });
    // SAFETY: it is called once, before it is dropped.
    let function = unsafe { callback.function() }.unwrap();
    *own.lock().unwrap() = Some(callback);
    let answer = AtomicI32::new(0);
    let text = panic_text(|| {
        native::call_here(&VISIT, || {
            // SAFETY: any function of this type will do.
            answer.store(unsafe { visit_each(1, function) }, Ordering::SeqCst);
        });
    });
    (text, answer.into_inner())
}

/// The values of a closure are dropped by its last call, as managed code: a panic there is like any.
#[test]
fn a_panic_when_the_last_call_drops_the_closure_is_kept() {
    each(|runtime| {
        let (text, answer) = runtime.run(|| drop_inside(sortie::yield_now, || 3));
        assert_eq!((text.as_str(), answer), ("a clumsy drop", 3));
    });
}

/// Of a closure that has panicked the values are dropped in native code: a second panic does not get there.
#[test]
fn a_panic_when_the_values_are_dropped_after_a_panic_hurts_nobody() {
    each(|runtime| {
        let (text, answer) = runtime.run(|| drop_inside(|| {}, || panic!("the first panic")));
        assert_eq!((text.as_str(), answer), ("the first panic", -1));
    });
}

/// Many threads in one callback, whose owner lets go while they are inside.
#[test]
fn the_last_of_many_calls_drops_the_closure() {
    each(|runtime| {
        runtime.run(|| {
            let drops = Drops::new();
            let gate = Arc::new(Gate::new());
            let value = drops.value();
            let at = Arc::clone(&gate);
            let callback = Callback::<Visit>::new(-1, move |turn| {
                let _value = &value;
                native::call_here(&VISIT, || at.wait());
                turn
            });
            let (first, user) = (callback.user_first(), callback.user() as usize);
            let tasks: Vec<_> = (0..16)
                .map(|_| {
                    sortie::spawn(move || {
                        let user = std::ptr::without_provenance_mut(user);
                        // SAFETY: the function is the one for this user pointer.
                        native::call_here(&VISIT, || unsafe { call_back(1, first, user) })
                    })
                })
                .collect();
            native::call_here(&VISIT, || until("all are inside", || gate.inside() == 16));
            drop(callback);
            assert_eq!(drops.dropped(), 0);
            gate.open();
            tasks.into_iter().for_each(|task| assert_eq!(task.join().unwrap(), 0));
            drops.check();
        });
    });
}
