//! A task that comes back from native code and finds no worker takes that of another's call, if that blocks: nobody
//! else need be awake for it, the monitor neither.

use sortie::native::{self, Class, Policy, Target};
use sortie_natives::Gate;
use sortie_test::{MODES, Running, each_of, stop, threads, until};
use std::sync::Arc;

static LONG: Target = Target::named("long").with_policy(Policy::new().class(Class::Long));
static MIXED: Target = Target::named("mixed").with_policy(Policy::new().class(Class::Mixed));
static SHORT: Target = Target::named("short").with_policy(Policy::new().class(Class::Short));

/// The monitor stands still from here on until the answer is dropped.
fn stop_monitor(runtime: &Running<'_>) -> stop::Stopped {
    let name = format!("{}-mon", runtime.case.thread_name);
    until("there is one monitor", || threads::named(&name).len() == 1);
    stop::stop(threads::named(&name)[0].id).expect("a monitor")
}

/// The only worker is behind a call of `target`, and the first task comes back.
fn comes_back_beside(runtime: &Running<'_>, target: &'static Target) {
    let call = |target: &'static Target| {
        let gate = Arc::new(Gate::new());
        let waits = gate.clone();
        let task = runtime.spawn(move || native::call_here(target, || waits.wait()));
        until("it is in native code", || gate.inside() == 1);
        (task, gate)
    };
    let (first, opens) = call(&LONG);
    let (second, lasts) = call(target);
    let stopped = stop_monitor(runtime);
    let own = &runtime.case.thread_name;
    let asleep = |thread: &threads::Thread| thread.state == 'S' || thread.name.ends_with("-mon");
    until("all sleep", || threads::named(own).iter().all(asleep));
    let before = runtime.snapshot().retakes;
    opens.open();
    until("the first has gone on", || first.is_finished());
    assert_eq!(runtime.snapshot().retakes, before + 1);
    drop(stopped);
    lasts.open();
    first.join().unwrap();
    second.join().unwrap();
}

#[test]
fn beside_a_call_that_is_neither_short_nor_long() {
    each_of(&[1], &MODES, |runtime| comes_back_beside(runtime, &MIXED));
}

#[test]
fn beside_a_short_one_that_lasts() {
    each_of(&[1], &MODES, |runtime| comes_back_beside(runtime, &SHORT));
}
