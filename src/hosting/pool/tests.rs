//! A pool whose bounds change, and whose tasks unwind.

use crate::hosting::{ClrRuntimeHost, HResult, Host, WorkItemFlags};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

fn host(runtime: &crate::Runtime) -> Host {
    let host = Host::builder(&runtime.handle()).build();
    let clr = ClrRuntimeHost::builder().build();
    assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
    assert_eq!(clr.start(), HResult::S_OK);
    host
}

/// Bounds that change while items run: each item runs once, none waits for ever, and all places come back.
#[test]
fn each_item_runs_once_while_the_bounds_change() {
    const ITEMS: u32 = 2_000;
    let runtime = crate::Runtime::builder().workers(2).build().unwrap();
    let pool = host(&runtime).thread_pool_manager();
    let ran = Arc::new(AtomicU32::new(0));
    let (sender, ended) = mpsc::channel();
    for number in 0..ITEMS {
        let (ran, sender) = (ran.clone(), sender.clone());
        let item = move || {
            if number % 3 == 0 {
                crate::yield_now();
            }
            if ran.fetch_add(1, SeqCst) + 1 == ITEMS {
                sender.send(()).unwrap();
            }
        };
        assert_eq!(pool.queue_user_work_item(WorkItemFlags::NONE, item), HResult::S_OK);
        let _ = pool.set_max_threads(1 + number % 7);
        let _ = pool.set_min_threads(number % 5);
    }
    ended.recv_timeout(Duration::from_secs(60)).expect("each item runs");
    let _ = pool.set_min_threads(0);
    let _ = pool.set_max_threads(4);
    let end = Instant::now() + Duration::from_secs(60);
    while pool.get_available_threads() != Ok(4) || pool.host.pool.state().resting > 0 {
        assert!(Instant::now() < end, "places that were not given back: {pool:?}");
        std::thread::yield_now();
    }
    assert_eq!(ran.load(SeqCst), ITEMS);
}

/// An item that unwinds gives its place to the next.
#[test]
fn a_place_outlives_the_task_that_had_it() {
    let runtime = crate::Runtime::builder().workers(1).build().unwrap();
    let pool = host(&runtime).thread_pool_manager();
    assert_eq!(pool.set_max_threads(1), HResult::S_OK);
    let (sender, ended) = mpsc::channel();
    for number in 0..4 {
        let sender = sender.clone();
        let item = move || {
            if number < 3 {
                std::panic::resume_unwind(Box::new(()));
            }
            sender.send(()).unwrap();
        };
        assert_eq!(pool.queue_user_work_item(WorkItemFlags::NONE, item), HResult::S_OK);
    }
    ended.recv_timeout(Duration::from_secs(60)).expect("the last item runs");
}
