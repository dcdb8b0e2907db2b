//! Built with `panic = "abort"`: aborts are refused, and the rest works. Ends with 0 if that is so.

use sortie::native::{self, Target};
use sortie::sync::{Event, Mutex, Select, Semaphore, channel};
use sortie::task::{self, AbortError, Group, JoinSet, par};
use sortie::{Place, Runtime, time};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Locks and messages, with what is waited for, and without it until the time comes.
fn locks_and_messages() {
    const SHORT: Duration = Duration::from_millis(1);
    let mutex = Mutex::new(1);
    let held = mutex.lock();
    assert!(mutex.try_lock().is_none());
    drop(held);
    assert!(mutex.try_lock_for(SHORT).is_some());
    assert!(Semaphore::new(0).acquire_timeout(SHORT).is_none());
    assert!(!Event::auto().wait_timeout(SHORT));
    let (sender, receiver) = channel::bounded(1);
    assert!(receiver.recv_timeout(SHORT).is_err());
    sender.send(2).unwrap();
    assert!(sender.send_timeout(3, SHORT).is_err());
    let (_full, empty) = channel::bounded::<u32>(0);
    let message = sortie::select! {
        recv(receiver) -> message => message,
        recv(empty) -> message => message,
    };
    assert_eq!(message, Ok(2));
    assert!(Select::new().recv(&receiver, drop).wait_timeout(SHORT).is_none());
}

/// Tasks of all kinds, with outputs, and a native call with a hook that nobody runs.
fn structures() {
    static NATIVE: Target = Target::named("native code");
    let mut lent = [1, 2];
    let [left, right] = &mut lent;
    sortie::join!(|| *left += 1, || *right += 1);
    let sum = task::scope(|scope| scope.spawn(|| lent.iter().sum::<u32>()).join_or_raise());
    assert_eq!(sum, 5);
    assert_eq!(par::map(0..10, |n| n + 1).len(), 10);
    let mut set = JoinSet::new();
    (0..3).for_each(|n| _ = set.spawn(move || n));
    assert_eq!(set.join_all().len(), 3);
    let group = Group::queueing("one at a time", 1);
    (0..3).for_each(|_| drop(group.spawn(|| sortie::sleep(Duration::from_millis(1)))));
    // It goes unheard.
    group.abort();
    group.wait().unwrap();
    assert_eq!(native::call_cancellable(&NATIVE, |_| unreachable!("nobody aborts"), || 6), 6);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if cfg!(panic = "unwind") {
        return Err("build it with `-C panic=abort`".into());
    }
    let runtime = Runtime::builder().workers(2).build()?;

    let sum = runtime.run(|| {
        let tasks: Vec<_> = (0..100).map(|n| sortie::spawn(move || n)).collect();
        sortie::yield_now();
        tasks.into_iter().map(|task| task.join().unwrap()).sum::<u32>()
    });
    assert_eq!(sum, 4950);

    // Nothing is asked for, so the task goes on.
    let (send, receive) = mpsc::channel();
    let task = runtime.spawn(move || {
        receive.recv().unwrap();
        sortie::sleep(Duration::from_millis(1));
        task::checkpoint();
        7
    });
    let error = task.try_abort().unwrap_err();
    assert_eq!(error, AbortError::PanicsAbort);
    assert!(error.to_string().contains("`panic = \"unwind\"`"), "{error}");
    task.abort();
    task.abort_rudely();
    task.abort_handle().abort();
    send.send(())?;
    assert_eq!(task.join()?, 7);

    let refused = runtime.run(task::abort_current);
    assert_eq!(refused, Err(AbortError::PanicsAbort));
    // Code that a timer would end runs to its end.
    let value = runtime.run(|| {
        sortie_scheduler::abort::until(Instant::now(), || {
            sortie::sleep(Duration::from_millis(1));
            3
        })
    });
    assert_eq!(value, Ok(3));
    assert_eq!(runtime.run(|| time::timeout(Duration::ZERO, sortie::yield_now)), Ok(()));
    assert_eq!(runtime.run(|| task::delay_abort(|| 4)), 4);
    // Each wait has a limit of its own, which needs no unwinding.
    runtime.run(locks_and_messages);
    locks_and_messages();
    runtime.run(structures);

    // Who ends by himself is waited for; who does not is named.
    let (send, started) = mpsc::channel();
    let sleep = |name: &str, duration| {
        let send = send.clone();
        task::Builder::new().name(name).spawn_on(&runtime.handle(), move || {
            send.send(()).unwrap();
            sortie::sleep(duration);
        })
    };
    let soon = sleep("soon", Duration::from_millis(20));
    let never = sleep("never", Duration::MAX);
    started.iter().take(2).for_each(drop);
    let unborn = runtime.handle();
    let report = runtime.shutdown(Duration::from_millis(500));
    soon.join()?;
    assert!(unborn.spawn(|| ()).join().unwrap_err().is_shut_down());
    let [straggler] = report.stragglers() else { panic!("{report}") };
    assert_eq!((straggler.name.as_deref(), straggler.place), (Some("never"), Place::Suspended));
    assert!(!never.is_finished());
    println!("as it should be");
    Ok(())
}
