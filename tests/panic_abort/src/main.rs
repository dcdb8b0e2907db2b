//! Built with `panic = "abort"`: aborts are refused, and the rest works. Ends with 0 if that is so.

use sortie::task::{self, AbortError};
use sortie::{Place, Runtime};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

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
    let (send, receive) = channel();
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
    assert_eq!(runtime.run(|| task::delay_abort(|| 4)), 4);

    // Who ends by himself is waited for; who does not is named.
    let (send, started) = channel();
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
