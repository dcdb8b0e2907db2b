//! On a thread that runs no task, what needs a task says so, and the rest works as for any thread.

use sortie::native::{self, Target};
use sortie::task::{self, Builder};
use sortie::transition::{self, Event, TransitionError};
use sortie_test::{each, panic_text};
use std::time::{Duration, Instant};

static NATIVE: Target = Target::named("native code");

#[test]
fn spawn_panics_and_names_what_to_use() {
    for text in [panic_text(|| sortie::spawn(|| ())), panic_text(|| Builder::new().spawn(|| ()))] {
        assert!(text.contains("runs no task"), "{text}");
        assert!(text.contains("Runtime::spawn"), "{text}");
    }
}

#[test]
fn waits_are_those_of_the_thread() {
    sortie::yield_now();
    task::checkpoint();
    let start = Instant::now();
    sortie::sleep(Duration::from_millis(2));
    assert!(start.elapsed() >= Duration::from_millis(2));
}

#[test]
fn there_is_no_task_and_no_layer() {
    assert_eq!(task::current(), None);
    assert_eq!(transition::layers(), []);
}

#[test]
fn transitions_are_refused() {
    let refused = |event| Err(TransitionError::NotOwner { event, found: None });
    assert_eq!(transition::leave(1), refused(Event::Leave));
    assert_eq!(transition::enter(), refused(Event::Enter));
    assert_eq!(transition::reverse_enter(), refused(Event::ReverseEnter));
    assert_eq!(transition::reverse_leave(), refused(Event::ReverseLeave));
    let text = transition::leave(1).unwrap_err().to_string();
    assert!(text.contains("`leave` expects a thread that carries a task"), "{text}");
}

#[test]
fn native_calls_run_plainly_and_callbacks_do_not() {
    assert_eq!(native::call(&NATIVE, || 1), 1);
    assert_eq!(native::call_here(&NATIVE, || 2), 2);
    assert_eq!(native::callback(3, || 4), 3);
    assert!(native::try_callback(|| 4).is_err());
    // The callback of a call that a plain thread makes.
    assert_eq!(native::call_here(&NATIVE, || native::callback(5, || 6)), 5);
}

#[test]
fn run_and_drop_work_beside_and_after_another_runtime() {
    each(|runtime| {
        assert_eq!(runtime.run(|| 1), 1);
        assert!(task::current().is_none());
        let other = sortie::Runtime::builder().workers(1).build().unwrap();
        assert_eq!(other.run(|| 2), 2);
        drop(other);
        assert_eq!(runtime.run(|| 3), 3);
    });
}
