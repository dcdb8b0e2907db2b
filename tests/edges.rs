//! What waits, spawns, joins and aborts, where it is seldom called: outside of a runtime, after its end, from attached
//! threads, inside callbacks, and while the thread panics. The table is in the documentation of the crate.

#[path = "edges/panicking.rs"]
mod panicking;

use sortie::native::{self, Target};
use sortie::sync::{
    Barrier, Condvar, Event, LazyLock, Mutex, Once, OnceLock, RwLock, Select, Semaphore, WaitGroup,
    broadcast, channel, oneshot, watch,
};
use sortie::task::{self, AbortError, DelayError, Group, JoinSet, par};
use sortie::{Handle, JoinHandle, select, time};
use sortie_natives::with_callback;
use sortie_test::{each, each_setting, panic_text};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

static NATIVE: Target = Target::named("native code");

const SHORT: Duration = Duration::from_micros(300);
const LONG: Duration = Duration::from_secs(60);

/// What needs no runtime does what it says on any thread.
fn waits_work() {
    let start = Instant::now();
    sortie::sleep(SHORT);
    assert!(start.elapsed() >= SHORT);
    sortie::yield_now();
    task::checkpoint();
    assert_eq!(task::delay_abort(|| 3), 3);
    assert_eq!(time::timeout(LONG, || 4).unwrap(), 4);
    let mut ticks = time::interval(SHORT);
    ticks.tick();
    ticks.tick();
    assert!(ticks.tick_timeout(LONG).is_some());
    locks_work();
    messages_work();
}

/// What can be had is had, and who waits in vain is told in time.
fn locks_work() {
    let mutex = Mutex::new(1);
    *mutex.lock() += 1;
    let condvar = Condvar::new();
    assert!(condvar.wait_for(&mut mutex.lock(), SHORT).timed_out());
    let held = RwLock::new(());
    {
        let _reads = held.read();
        assert!(held.try_write_for(SHORT).is_none());
    }
    drop(held.write());
    let semaphore = Semaphore::new(1);
    let permit = semaphore.acquire();
    assert!(semaphore.acquire_timeout(SHORT).is_none());
    drop(permit);
    let event = Event::auto();
    assert!(!event.wait_timeout(SHORT));
    event.set();
    event.wait();
    assert!(Barrier::new(2).wait_timeout(SHORT).is_none());
    Barrier::new(1).wait();
    let once = Once::new();
    assert!(!once.wait_timeout(SHORT));
    once.call_once(|| ());
    assert!(once.call_once_timeout(SHORT, || unreachable!("it is done")));
    assert_eq!(*OnceLock::new().get_or_init(|| 5), 5);
    let lazy = LazyLock::new(|| 6);
    assert_eq!((LazyLock::force_timeout(&lazy, SHORT), *lazy), (Some(&6), 6));
    let group = WaitGroup::new();
    let other = group.clone();
    let group = group.wait_timeout(SHORT).unwrap_err();
    drop(other);
    group.wait();
}

/// Likewise.
fn messages_work() {
    for capacity in [0, 1] {
        let (sender, receiver) = channel::bounded(capacity);
        assert_eq!(sender.try_send(1).is_ok(), capacity == 1);
        assert!(sender.send_timeout(2, SHORT).is_err());
        assert!(!sender.closed_timeout(SHORT));
        assert_eq!(receiver.recv_timeout(SHORT).is_ok(), capacity == 1);
        let other = sender.clone();
        drop(sender);
        assert!(receiver.recv_timeout(SHORT).is_err());
        drop(receiver);
        other.closed();
    }
    let (sender, receiver) = channel::unbounded();
    sender.send(1).unwrap();
    select! {
        recv(receiver) -> message => assert_eq!(message, Ok(1)),
        after(LONG) => unreachable!("it is there"),
    }
    select! {
        recv(receiver) -> message => unreachable!("{message:?}"),
        after(SHORT) => {}
    }
    let event = Event::auto();
    select! {
        event(event) => unreachable!("nobody sets it"),
        after(SHORT) => event.set(),
    }
    assert!(Select::new().recv(&receiver, |_| ()).wait_timeout(SHORT).is_none());
    assert!(Select::new().event(&event, || true).wait());
    let (answer, mut answered) = oneshot::channel();
    assert!(answered.recv_timeout(SHORT).is_err());
    assert!(!answer.closed_timeout(SHORT));
    answer.send(1).unwrap();
    assert_eq!(answered.recv(), Ok(1));
    let (state, seen) = watch::channel(1);
    assert!(seen.changed_timeout(SHORT).is_err());
    state.send(2).unwrap();
    assert_eq!(seen.changed(), Ok(()));
    assert_eq!(*seen.wait_for(|n| *n == 2).unwrap(), 2);
    drop(seen);
    state.closed();
    let (sender, received) = broadcast::channel(1);
    assert!(received.recv_timeout(SHORT).is_err());
    sender.send(3).unwrap();
    assert_eq!(received.recv(), Ok(3));
    assert!(!sender.closed_timeout(SHORT));
    drop(received);
    sender.closed();
}

/// Of one that has ended, one that waits, and one that is refused.
fn joins_and_aborts_work(handle: &Handle) {
    assert_eq!(handle.spawn(|| 5).join().unwrap(), 5);
    let waiting = handle.spawn(|| sortie::sleep(Duration::MAX));
    waiting.abort();
    assert!(waiting.join().unwrap_err().is_aborted());
    let late = handle.spawn(|| sortie::sleep(Duration::MAX)).join_timeout(SHORT).unwrap_err();
    late.abort();
    let mut set = JoinSet::new();
    set.spawn_on(handle, || 6);
    assert_eq!(set.join_next().unwrap().unwrap(), 6);
    let group = Group::new("edges");
    drop(task::Builder::new().group(&group).spawn_on(handle, || 7));
    group.wait().unwrap();
    let mut lent = 8;
    handle.scope(|scope| drop(scope.spawn(|| lent += 1)));
    assert_eq!(lent, 9);
}

/// What only looks, on any thread, also after the end.
fn looks_work(handle: &Handle) {
    assert!(handle.deadlocks().is_empty());
    let snapshot = handle.snapshot();
    assert!(!handle.is_shut_down() || snapshot.tasks_live() == 0, "{snapshot:?}");
    // Who runs no task has no level.
    let level = task::priority();
    assert_eq!(level.is_some(), task::current().is_some());
    assert_eq!(task::set_priority(level.unwrap_or_default()), level.is_some());
    assert_eq!(task::priority(), level);
}

/// What spawns on the runtime of the current task.
fn structures_work() {
    let mut lent = [1, 2];
    let [left, right] = &mut lent;
    assert_eq!(sortie::join!(|| *left += 1, || *right += 1), ((), ()));
    let sum = task::scope(|scope| {
        let late = scope.spawn(|| sortie::sleep(Duration::MAX)).join_timeout(SHORT).unwrap_err();
        late.abort();
        scope.spawn(|| lent.iter().sum::<i32>()).join_or_raise()
    });
    assert_eq!(sum, 5);
    assert_eq!(par::map(0..100, |n| n + 1).len(), 100);
    let mut set = JoinSet::new();
    set.spawn(|| sortie::sleep(Duration::MAX));
    assert!(set.join_next_timeout(SHORT).is_none());
    assert!(set.shutdown_timeout(LONG));
    let group = Group::queueing("structures", 1);
    (0..3).for_each(|_| drop(group.spawn(sortie::yield_now)));
    group.wait().unwrap();
}

fn refuses(task: JoinHandle<()>) {
    task.abort();
    task.abort_rudely();
    assert!(task.is_finished());
    assert!(task.join().unwrap_err().is_shut_down());
}

#[test]
fn outside_of_a_runtime() {
    assert!(panic_text(|| drop(sortie::spawn(|| ()))).contains("Runtime::spawn"));
    assert!(panic_text(|| JoinSet::new().spawn(|| ())).contains("JoinSet::spawn_on"));
    assert!(panic_text(|| drop(Group::new("edges").spawn(|| ()))).contains("Builder::spawn_on"));
    assert!(panic_text(|| task::scope(|_| ())).contains("Handle::scope"));
    assert!(panic_text(|| sortie::join!(|| 1, || 2)).contains("Handle::scope"));
    assert!(panic_text(|| par::map(0..3, |n| n)).contains("Handle::scope"));
    assert_eq!(task::abort_current(), Err(AbortError::Outside));
    assert_eq!(task::begin_delay_abort(), Err(DelayError::Outside));
    waits_work();
    each(|runtime| joins_and_aborts_work(&runtime.handle()));
}

#[test]
fn after_the_end() {
    each_setting(|case| {
        let runtime = case.runtime();
        let handle = runtime.handle();
        let ended = runtime.spawn(|| 5);
        let report = runtime.shutdown(Duration::from_secs(10));
        assert!(report.is_clean(), "{report}");
        refuses(handle.spawn(|| unreachable!("it is refused")));
        let mut set = JoinSet::new();
        set.spawn_on(&handle, || unreachable!("it is refused"));
        assert!(set.join_next().unwrap().unwrap_err().is_shut_down());
        let group = Group::new("late");
        let task = task::Builder::new().group(&group);
        refuses(task.spawn_on(&handle, || unreachable!("it is refused")));
        group.wait().unwrap();
        let refused = handle.scope(|scope| scope.spawn(|| unreachable!("it is refused")).join());
        assert!(refused.is_err_and(|error: sortie::JoinError| error.is_shut_down()));
        ended.abort();
        // It ran, or was refused, as the shutdown found it.
        match ended.join() {
            Ok(output) => assert_eq!(output, 5),
            Err(error) => assert!(error.is_shut_down(), "{error}"),
        }
        waits_work();
        looks_work(&handle);
    });
}

#[test]
fn on_an_attached_thread() {
    each(|runtime| {
        let handle = runtime.handle();
        std::thread::spawn(move || {
            handle.reverse_enter().unwrap();
            joins_and_aborts_work(&handle);
            structures_work();
            assert_eq!(sortie::spawn(|| 6).join().unwrap(), 6);
            // Its frames are not a task's, to be unwound.
            assert_eq!(task::abort_current(), Err(AbortError::Outside));
            // Regions are kept, though nothing is raised behind them.
            assert_eq!(task::begin_delay_abort(), Ok(()));
            assert_eq!(task::begin_delay_abort(), Err(DelayError::Open));
            assert_eq!(task::end_delay_abort(), Ok(()));
            waits_work();
            looks_work(&handle);
            sortie::transition::reverse_leave().unwrap();
            waits_work();
            looks_work(&handle);
        })
        .join()
        .unwrap();
    });
}

#[test]
fn in_native_code_and_in_callbacks() {
    each(|runtime| {
        let handle = runtime.handle();
        runtime.run(move || {
            native::call_here(&NATIVE, || {
                waits_work();
                structures_work();
                joins_and_aborts_work(&handle);
                looks_work(&handle);
                let sum = with_callback(2, |_| {
                    native::callback(-1, || {
                        waits_work();
                        structures_work();
                        joins_and_aborts_work(&handle);
                        looks_work(&handle);
                        // Not pinned to the carrier that waits here.
                        assert!(sortie::spawn(|| 7).join().is_ok_and(|output| output == 7));
                        1
                    })
                });
                assert_eq!(sum, 2);
            });
        });
        // What a callback aborts ends it, and is raised when the native code has returned.
        let after = Arc::new(AtomicUsize::new(0));
        let native = after.clone();
        let task = runtime.spawn(move || {
            native::call_here(&NATIVE, || {
                let sum = with_callback(2, |_| {
                    native::callback(-1, || {
                        task::abort_current().unwrap();
                        1
                    })
                });
                assert_eq!(sum, -2);
                native.fetch_add(1, SeqCst);
                // In native code it is only asked for.
                task::abort_current().unwrap();
                native.fetch_add(1, SeqCst);
            });
            native.fetch_add(1, SeqCst);
        });
        assert!(task.join().unwrap_err().is_aborted());
        assert_eq!(after.load(SeqCst), 2);
    });
}
