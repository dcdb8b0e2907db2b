//! A task that comes back from native code and finds no worker takes that of another's call, if that blocks: nobody
//! else need be awake for it, the monitor neither.

use sortie::JoinHandle;
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

/// So many tasks that are in native code, by a call of `target`, until the gate is opened.
fn inside(
    runtime: &Running<'_>,
    target: &'static Target,
    count: usize,
) -> (Vec<JoinHandle<()>>, Arc<Gate>) {
    let gate = Arc::new(Gate::new());
    let tasks = (0..count)
        .map(|_| {
            let gate = gate.clone();
            runtime.spawn(move || native::call_here(target, || gate.wait()))
        })
        .collect();
    until("they are in native code", || gate.inside() == count);
    (tasks, gate)
}

/// The only worker is behind a call of `target`, and so many others come back at once.
fn come_back_beside(runtime: &Running<'_>, target: &'static Target, count: usize) {
    let (first, opens) = inside(runtime, &LONG, count);
    let (last, lasts) = inside(runtime, target, 1);
    let stopped = stop_monitor(runtime);
    let own = &runtime.case.thread_name;
    let asleep = |thread: &threads::Thread| thread.state == 'S' || thread.name.ends_with("-mon");
    until("all sleep", || threads::named(own).iter().all(asleep));
    let before = runtime.snapshot().retakes;
    opens.open();
    until("they have gone on", || first.iter().all(JoinHandle::is_finished));
    assert_eq!(runtime.snapshot().retakes, before + 1);
    drop(stopped);
    lasts.open();
    first.into_iter().chain(last).for_each(|task| task.join().unwrap());
}

#[test]
fn beside_a_call_that_is_neither_short_nor_long() {
    each_of(&[1], &MODES, |runtime| come_back_beside(runtime, &MIXED, 1));
}

#[test]
fn beside_a_short_one_that_lasts() {
    each_of(&[1], &MODES, |runtime| come_back_beside(runtime, &SHORT, 1));
}

#[test]
fn a_crowd_at_once() {
    each_of(&[1], &MODES, |runtime| come_back_beside(runtime, &MIXED, 200));
}
