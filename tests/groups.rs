//! A group knows its tasks from their spawn to their end, holds them to its limit, and ends them together.

use sortie::task::{self, Builder, Group, JoinSet};
use sortie_test::drops::Drops;
use sortie_test::{each, each_setting, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

#[test]
fn members_of_every_kind_until_their_end() {
    each(|runtime| {
        let group = Group::new("workers");
        let inside = group.clone();
        let handle = runtime.handle();
        runtime.run(move || {
            let group = inside;
            let borrowed = AtomicUsize::new(0);
            let mut set = JoinSet::new();
            let names = task::scope(|s| {
                let scoped = Builder::new().name("scoped").group(&group).spawn_scoped(s, || {
                    borrowed.fetch_add(1, SeqCst);
                    sortie::sleep(Duration::MAX);
                });
                Builder::new().group(&group).spawn_in(&mut set, || sortie::sleep(Duration::MAX));
                let plain = group.spawn(|| sortie::sleep(Duration::MAX));
                let elsewhere =
                    Builder::new().group(&group).spawn_on(&handle, || sortie::sleep(Duration::MAX));
                let mut members = group.members();
                assert_eq!((group.len(), members.len()), (4, 4));
                members.sort_by_key(|member| member.name() != Some("scoped"));
                let names: Vec<_> =
                    members.iter().map(|it| it.name().unwrap().to_owned()).collect();
                group.abort();
                group.wait().unwrap();
                let aborted = [scoped.join(), plain.join(), elsewhere.join()];
                assert!(
                    aborted.iter().all(|it| it.as_ref().is_err_and(|error| error.is_aborted()))
                );
                names
            });
            assert_eq!(names, ["scoped", "workers", "workers", "workers"]);
            assert!(set.join_next().unwrap().unwrap_err().is_aborted());
            // Those that come later run.
            assert_eq!(group.spawn(|| 1).join().unwrap(), 1);
        });
        group.wait().unwrap();
        assert!(group.is_empty());
    });
}

#[test]
fn those_beyond_the_limit_wait_for_their_turn() {
    each(|runtime| {
        let group = Group::queueing("two", 2);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for n in 0..40 {
            let (now, most) = (now.clone(), most.clone());
            let task = Builder::new().group(&group).spawn_on(&runtime.handle(), move || {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                sortie::sleep(Duration::from_micros(200));
                now.fetch_sub(1, SeqCst);
                // A turn is given back however it ends.
                if n % 5 == 0 {
                    std::panic::resume_unwind(Box::new(()));
                }
            });
            drop(task);
        }
        group.wait().unwrap();
        assert_eq!((now.load(SeqCst), most.load(SeqCst) <= 2), (0, true));
        assert_eq!(group.queued(), 0);
    });
}

/// Aborted while they wait for their turn: they never begin, and no turn is lost.
#[test]
fn an_abort_reaches_those_that_wait() {
    each(|runtime| {
        let (group, drops) = (Group::queueing("one", 1), Drops::new());
        let began = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            let (value, began) = (drops.value(), began.clone());
            let task = Builder::new().group(&group).spawn_on(&runtime.handle(), move || {
                let _value = value;
                began.fetch_add(1, SeqCst);
                sortie::sleep(Duration::MAX);
            });
            drop(task);
        }
        until("one is at work, and all others wait", || {
            began.load(SeqCst) == 1 && group.queued() == 9
        });
        group.abort();
        group.wait().unwrap();
        drops.check();
        let task = Builder::new().group(&group).spawn_on(&runtime.handle(), || 1);
        assert_eq!(task.join().unwrap(), 1);
    });
}

#[test]
fn those_beyond_the_limit_are_refused() {
    each(|runtime| {
        let group = Group::refusing("two", 2);
        let drops = Drops::new();
        let spawn = |value| {
            Builder::new().group(&group).spawn_on(&runtime.handle(), move || {
                let _value = value;
                sortie::sleep(Duration::MAX);
            })
        };
        let tasks: Vec<_> = (0..5).map(|_| spawn(drops.value())).collect();
        assert_eq!(group.len(), 2);
        assert_eq!(drops.dropped(), 3);
        group.abort();
        let errors = tasks.into_iter().map(|task| task.join().unwrap_err());
        let (refused, others): (Vec<_>, Vec<_>) = errors.partition(|it| it.is_over_limit());
        assert_eq!(refused.len(), 3);
        assert!(refused[0].to_string().contains("as many tasks as it may"), "{}", refused[0]);
        assert!(others.iter().all(|error| error.is_aborted()));
        group.wait().unwrap();
        // There is room again.
        let task = spawn(drops.value());
        task.abort();
        assert!(task.join().unwrap_err().is_aborted());
        drops.check();
    });
}

#[test]
fn a_shutdown_empties_groups() {
    each_setting(|case| {
        let runtime = case.runtime();
        let group = Group::queueing("one", 1);
        for _ in 0..5 {
            let task = Builder::new().group(&group);
            drop(task.spawn_on(&runtime.handle(), || sortie::sleep(Duration::MAX)));
        }
        let waiting = {
            let group = group.clone();
            std::thread::spawn(move || group.wait())
        };
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        waiting.join().unwrap().unwrap();
        assert!(group.is_empty());
    });
}
