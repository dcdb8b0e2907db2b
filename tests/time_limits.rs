//! Each wait that there is has a form with a limit and one with a time: without what it waits for it ends then, be
//! that now, soon or in the past; with it, it counts, and a limit past the end of the clock is none. By tasks and by
//! plain threads.

#[path = "time_limits/locks.rs"]
mod locks;
#[path = "time_limits/messages.rs"]
mod messages;
#[path = "time_limits/tasks.rs"]
mod tasks;

use sortie::Handle;
use sortie::time::{Interval, interval_at};
use sortie_test::{MODES, each_of};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a wait may take.
#[derive(Clone, Copy, Debug)]
enum Limit {
    For(Duration),
    Until(Instant),
}
use Limit::{For, Until};

/// `$this.$for(.., limit, ..)` or `$this.$until(.., time, ..)`, whichever the limit is.
macro_rules! within {
    ($limit:expr, $this:expr, $timeout:ident / $until:ident $(, $more:expr)*) => {
        match $limit {
            For(limit) => $this.$timeout(limit $(, $more)*),
            Until(time) => $this.$until(time $(, $more)*),
        }
    };
}

use within;

/// Waits for so long at most: has it come? And what makes it come, from elsewhere.
struct Wait {
    name: &'static str,
    wait: Box<dyn FnOnce(Limit) -> bool + Send>,
    serve: Box<dyn FnOnce() + Send>,
}

fn wait<T: Send + Sync + 'static>(
    name: &'static str,
    on: T,
    wait: impl FnOnce(&T, Limit) -> bool + Send + 'static,
    serve: impl FnOnce(&T) + Send + 'static,
) -> Wait {
    let on = Arc::new(on);
    let other = on.clone();
    Wait {
        name,
        wait: Box::new(move |limit| wait(&on, limit)),
        serve: Box::new(move || serve(&other)),
    }
}

/// As [`wait`], for what has two ends.
fn between<A: Send + 'static, B: Send + 'static>(
    name: &'static str,
    (a, b): (A, B),
    wait: impl FnOnce(A, Limit) -> bool + Send + 'static,
    serve: impl FnOnce(B) + Send + 'static,
) -> Wait {
    Wait { name, wait: Box::new(move |limit| wait(a, limit)), serve: Box::new(move || serve(b)) }
}

/// What waits for so long at most: has it come?
type TimedWait = fn(Limit) -> bool;

/// Nothing but time ends these.
fn times() -> Vec<(&'static str, TimedWait)> {
    fn ticks(first: Duration) -> Interval {
        interval_at(Instant::now() + first, Duration::from_secs(3600))
    }
    vec![
        ("a tick that is far", |limit| {
            within!(limit, ticks(Duration::from_secs(3600)), tick_timeout / tick_until).is_some()
        }),
        ("a sleep under a limit", |limit| match limit {
            For(limit) => sortie::time::timeout(limit, || sortie::sleep(Duration::MAX)).is_ok(),
            Until(time) => sortie::time::timeout_at(time, || sortie::sleep(Duration::MAX)).is_ok(),
        }),
    ]
}

fn all(runtime: &Handle) -> Vec<Wait> {
    [locks::locks(), locks::done_once(), messages::messages(), tasks::tasks(runtime)]
        .into_iter()
        .flatten()
        .collect()
}

/// Runs it in a task, or on a plain thread, and says what it returned.
fn on<T: Send + 'static>(
    runtime: &Handle,
    is_task: bool,
    f: impl FnOnce() -> T + Send + 'static,
) -> impl FnOnce() -> T {
    if is_task {
        let task = runtime.spawn(f);
        Box::new(move || task.join().unwrap()) as Box<dyn FnOnce() -> T>
    } else {
        let thread = thread::spawn(f);
        Box::new(move || thread.join().unwrap())
    }
}

#[test]
fn each_wait_ends_in_time() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let handle = runtime.handle();
        let now = Instant::now();
        let past = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        let soon = Duration::from_millis(1);
        let limits = [For(Duration::ZERO), For(soon), Until(past), Until(now + soon)];
        for limit in limits {
            for is_task in [true, false] {
                for Wait { name, wait, serve } in all(&handle) {
                    let came = on(&handle, is_task, move || wait(limit))();
                    assert!(!came, "{name}, {limit:?}");
                    // Who holds it lets it go, and nobody takes it.
                    drop(serve);
                }
            }
            for (name, wait) in times() {
                assert!(!on(&handle, true, move || wait(limit))(), "{name}, {limit:?}");
            }
        }
    });
}

#[test]
fn a_limit_past_the_end_of_the_clock_is_none() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let handle = runtime.handle();
        let far = Instant::now().checked_add(Duration::from_secs(1 << 40)).expect("far away");
        for limit in [For(Duration::MAX), Until(far)] {
            for is_task in [true, false] {
                for Wait { name, wait, serve } in all(&handle) {
                    let waits = on(&handle, is_task, move || wait(limit));
                    serve();
                    assert!(waits(), "{name}, {limit:?}");
                }
            }
        }
    });
}
