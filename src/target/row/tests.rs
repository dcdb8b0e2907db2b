//! Who writes a row, when tasks change their carrier in the midst of a call.

use super::super::{Target, ledger};
use super::{Row, get};
use crate::native::{self, Callbacks, Class, Policy};
use crate::runtime::Runtime;
use std::collections::HashMap;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// See INVARIANT(ledger.writer): the row that a call has counted in is another carrier's once a callback has moved its
/// task, and the next callback of the same call is not written there.
#[test]
fn after_a_move_the_next_callback_is_written_down_where_it_begins() {
    // SAFETY: the native code is a closure that holds no lock, and has nothing of the thread's.
    const MIGRATE: Policy = unsafe { Policy::new().callbacks(Callbacks::Migrate) };
    static SHORT: Target =
        Target::named("written down, short").with_policy(MIGRATE.class(Class::Short));
    static MIXED: Target =
        Target::named("written down, mixed").with_policy(MIGRATE.class(Class::Mixed));
    /// By the carrier's row, at its address: how many callbacks have begun there.
    type Begun = HashMap<usize, (&'static Row, u64)>;

    // SAFETY: no task here keeps things of its thread over a suspension.
    let builder = unsafe { Runtime::builder().workers(4).migrating() };
    for target in [&SHORT, &MIXED] {
        let runtime = builder.clone().build().unwrap();
        let (begun, moved) = (Arc::new(Mutex::<Begun>::default()), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (begun, moved) = (begun.clone(), moved.clone());
                let callback = move || {
                    native::callback(false, || {
                        let row = ledger::page().unwrap().row(target.profile());
                        let address = ptr::from_ref(row).addr();
                        begun.lock().unwrap().entry(address).or_insert((row, 0)).1 += 1;
                        let thread = thread::current().id();
                        // Who is woken by a timer goes on wherever it is found first.
                        crate::sleep(Duration::from_micros(20));
                        let has_moved = thread != thread::current().id();
                        moved.fetch_add(usize::from(has_moved), Ordering::Relaxed) + 1 < 100
                    })
                };
                runtime.spawn(
                    move || {
                        while native::call_here(target, || (0..4).all(|_| callback())) {}
                    },
                )
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        for (row, begun) in begun.lock().unwrap().values() {
            assert_eq!(get(&row.callbacks), *begun, "{target}");
        }
    }
}
