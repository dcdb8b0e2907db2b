//! Waits for locks, conditions, permits, events, others, and for what is done once.

use super::Limit::{self, For, Until};
use super::{Wait, between, wait, within};
use sortie::sync::{
    Barrier, Condvar, Event, LazyLock, Mutex, MutexGuard, Once, OnceLock, RwLock, Semaphore,
    WaitGroup,
};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Something that is held by a thread until it is told to let it go.
fn held<T: Send + Sync + 'static>(
    name: &'static str,
    on: T,
    hold: impl FnOnce(&T, &dyn Fn()) + Send + 'static,
    take: impl FnOnce(&T, Limit) -> bool + Send + 'static,
) -> Wait {
    let on = Arc::new(on);
    let other = on.clone();
    let (holds, is_held) = mpsc::channel();
    let holder = Holder::new(move |until_told| {
        hold(&other, &|| {
            holds.send(()).unwrap();
            until_told();
        });
    });
    is_held.recv().unwrap();
    Wait { name, wait: Box::new(move |limit| take(&on, limit)), serve: Box::new(|| drop(holder)) }
}

/// A thread that goes on when this is dropped, which waits for its end.
struct Holder(Option<(mpsc::Sender<()>, thread::JoinHandle<()>)>);

impl Holder {
    fn new(f: impl FnOnce(&dyn Fn()) + Send + 'static) -> Holder {
        let (let_go, told) = mpsc::channel::<()>();
        Holder(Some((let_go, thread::spawn(move || f(&|| _ = told.recv())))))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let (let_go, thread) = self.0.take().expect("is dropped once");
        drop(let_go);
        thread.join().unwrap();
    }
}

pub(crate) fn locks() -> Vec<Wait> {
    vec![
        held(
            "a mutex",
            Mutex::new(()),
            |mutex, hold| {
                let _held = mutex.lock();
                hold();
            },
            |mutex, limit| within!(limit, mutex, try_lock_for / try_lock_until).is_some(),
        ),
        held(
            "to read",
            RwLock::new(()),
            |lock, hold| {
                let _held = lock.write();
                hold();
            },
            |lock, limit| within!(limit, lock, try_read_for / try_read_until).is_some(),
        ),
        held(
            "to write",
            RwLock::new(()),
            |lock, hold| {
                let _held = lock.read();
                hold();
            },
            |lock, limit| within!(limit, lock, try_write_for / try_write_until).is_some(),
        ),
        wait(
            "a condition",
            (Mutex::new(false), Condvar::new()),
            |(mutex, condition), limit| {
                let mut is_so = mutex.lock();
                while !*is_so {
                    if within!(limit, Late(condition, &mut is_so), wait_for / wait_until) {
                        break;
                    }
                }
                *is_so
            },
            |(mutex, condition)| {
                *mutex.lock() = true;
                condition.notify_one();
            },
        ),
        wait(
            "a permit",
            Semaphore::new(0),
            |permits, limit| within!(limit, permits, acquire_timeout / acquire_until).is_some(),
            |permits| permits.set_permits(1),
        ),
        wait(
            "permits",
            Semaphore::new(1),
            |permits, limit| match limit {
                For(limit) => permits.acquire_many_timeout(2, limit).is_some(),
                Until(time) => permits.acquire_many_until(2, time).is_some(),
            },
            |permits| permits.set_permits(2),
        ),
        wait(
            "a permit of an `Arc`",
            Arc::new(Semaphore::new(0)),
            |permits, limit| {
                within!(limit, permits, acquire_arc_timeout / acquire_arc_until).is_some()
            },
            |permits| permits.set_permits(1),
        ),
        wait(
            "permits of an `Arc`",
            Arc::new(Semaphore::new(1)),
            |permits, limit| match limit {
                For(limit) => permits.acquire_many_arc_timeout(2, limit).is_some(),
                Until(time) => permits.acquire_many_arc_until(2, time).is_some(),
            },
            |permits| permits.set_permits(2),
        ),
        wait(
            "an auto event",
            Event::auto(),
            |event, limit| within!(limit, event, wait_timeout / wait_until),
            Event::set,
        ),
        wait(
            "a manual event",
            Event::manual(),
            |event, limit| within!(limit, event, wait_timeout / wait_until),
            Event::set,
        ),
        wait(
            "a barrier",
            Barrier::new(2),
            |barrier, limit| within!(limit, barrier, wait_timeout / wait_until).is_some(),
            |barrier| {
                // Nobody may be left to meet.
                barrier.wait_timeout(Duration::from_secs(60)).expect("the other comes");
            },
        ),
        {
            let group = WaitGroup::new();
            between(
                "a wait group",
                (group.clone(), group),
                |group, limit| within!(limit, group, wait_timeout / wait_until).is_ok(),
                drop,
            )
        },
    ]
}

/// So that a condition's two forms have one shape.
struct Late<'a, 'b>(&'a Condvar, &'a mut MutexGuard<'b, bool>);

impl Late<'_, '_> {
    fn wait_for(self, limit: Duration) -> bool {
        self.0.wait_for(self.1, limit).timed_out()
    }

    fn wait_until(self, time: Instant) -> bool {
        self.0.wait_until(self.1, time).timed_out()
    }
}

pub(crate) fn done_once() -> Vec<Wait> {
    vec![
        held(
            "a turn at what is done once",
            Once::new(),
            |once, hold| once.call_once(hold),
            |once, limit| within!(limit, once, call_once_timeout / call_once_until, || ()),
        ),
        wait(
            "what is done once",
            Once::new(),
            |once, limit| within!(limit, once, wait_timeout / wait_until),
            |once| once.call_once(|| ()),
        ),
        wait(
            "a value",
            OnceLock::new(),
            |value, limit| within!(limit, value, wait_timeout / wait_until).is_some(),
            |value| value.set(1).unwrap(),
        ),
        held(
            "a turn at a value",
            OnceLock::new(),
            |value, hold| {
                value.get_or_init(hold);
            },
            |value, limit| {
                within!(limit, value, get_or_init_timeout / get_or_init_until, || ()).is_some()
            },
        ),
        held(
            "a turn at a value that may fail",
            OnceLock::new(),
            |value, hold| {
                value.get_or_init(hold);
            },
            |value, limit| {
                let made =
                    within!(limit, value, get_or_try_init_timeout / get_or_try_init_until, || Err(
                        "made twice"
                    ));
                made.unwrap().is_some()
            },
        ),
        {
            let (begun, end) = (Arc::new(Event::manual()), Arc::new(Event::manual()));
            let (has_begun, ended) = (begun.clone(), end.clone());
            let value = Arc::new(LazyLock::new(move || {
                has_begun.set();
                ended.wait();
            }));
            let other = value.clone();
            let maker = Holder::new(move |until_told| {
                thread::scope(|scope| {
                    scope.spawn(|| LazyLock::force(&other));
                    until_told();
                    end.set();
                });
            });
            begun.wait();
            between(
                "a value that makes itself",
                (value, maker),
                |value, limit| {
                    match limit {
                        For(limit) => LazyLock::force_timeout(&value, limit),
                        Until(time) => LazyLock::force_until(&value, time),
                    }
                    .is_some()
                },
                drop,
            )
        },
    ]
}
