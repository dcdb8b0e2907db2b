//! A task that hands its worker over in each of its calls starves none of those that stay on its thread.

use sortie::native::{self, Class, Policy, Target};
use sortie::sync::Event;
use sortie_test::each;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

static LONG: Target = Target::named("long").with_policy(Policy::new().class(Class::Long));

/// Each turn of the caller begins with a worker that has come just now.
fn call_and_yield() {
    native::call_here(&LONG, || sortie_natives::burn(0));
    sortie::yield_now();
}

#[test]
fn who_is_woken_on_its_thread_has_a_turn() {
    each(|runtime| {
        runtime.run(|| {
            let here = thread::current().id();
            let mut was_beside = false;
            while !was_beside {
                let begun = Arc::new(AtomicBool::new(false));
                let event = Arc::new(Event::manual());
                let waiter = {
                    let (begun, event) = (begun.clone(), event.clone());
                    sortie::spawn(move || {
                        begun.store(true, SeqCst);
                        let began = thread::current().id();
                        event.wait();
                        began
                    })
                };
                while !begun.load(SeqCst) {
                    sortie::yield_now();
                }
                // Woken elsewhere, and so by mail.
                let waker = thread::spawn(move || event.set());
                while !waiter.is_finished() {
                    call_and_yield();
                }
                waker.join().unwrap();
                was_beside = waiter.join().unwrap() == here;
            }
        });
    });
}
