//! A task has a number of its own and, if it was given one, a name; code in it can ask for both.

use sortie::native::{self, Target};
use sortie::task::{self, Builder};
use sortie_test::each;
use std::collections::HashSet;

static NATIVE: Target = Target::named("native code");

#[test]
fn numbers_differ_and_are_the_same_inside_and_outside() {
    each(|runtime| {
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                runtime.spawn(|| {
                    let inner = sortie::spawn(|| task::current().unwrap().id());
                    let inner_id = inner.id();
                    assert_eq!(inner.join().unwrap(), inner_id);
                    [task::current().unwrap().id(), inner_id]
                })
            })
            .collect();
        let ids = tasks.into_iter().flat_map(|task| {
            let id = task.id();
            let ids = task.join().unwrap();
            assert_eq!(ids[0], id);
            ids
        });
        let ids: Vec<_> = ids.collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 200);
    });
}

#[test]
fn a_name_is_seen_in_managed_and_in_native_code_and_after_switches() {
    each(|runtime| {
        let named = Builder::new().name("loader");
        let named = named.spawn_on(&runtime.handle(), || {
            let before = task::current().unwrap();
            sortie::yield_now();
            sortie::spawn(|| ()).join().unwrap();
            let native = native::call_here(&NATIVE, task::current).unwrap();
            let after = task::current().unwrap();
            assert_eq!(before, after);
            assert_eq!(before, native);
            let callback = native::call_here(&NATIVE, || native::callback(None, task::current));
            assert_eq!(callback.as_ref(), Some(&before));
            before
        });
        let id = named.id();
        let current = named.join().unwrap();
        assert_eq!(current.name(), Some("loader"));
        assert_eq!(current.id(), id);
        assert_eq!(current.to_string(), format!("\"loader\" (id {id})"));
    });
}

#[test]
fn a_task_without_a_name_has_none() {
    each(|runtime| {
        let current = runtime.run(|| task::current().unwrap());
        assert_eq!(current.name(), None);
        assert_eq!(current.to_string(), current.id().to_string());
    });
}

#[test]
fn a_plain_thread_runs_no_task() {
    each(|_runtime| assert!(task::current().is_none()));
}
