//! The other managers: the thread pool, collections, groups and debuggers: S-87 to S-90.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage};
use sortie::hosting::{ClrManager, HResult, Host, Interface, WorkItemFlags};
use sortie::sync::Event;
use sortie_test::until;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(88, "a pool with a bound", s88),
    scenario!(90, "groups' managers, and connections of debuggers", s90, setup: bare),
];

fn bare() -> Setup {
    Setup { bare: true, ..Setup::new() }
}

fn s88(stage: &Stage) {
    let pool = stage.host.thread_pool_manager();
    let _ = pool.set_max_threads(0);
    let _ = pool.set_max_threads(2);
    let _ = pool.set_min_threads(3);
    let _ = pool.set_min_threads(2);
    let _ = pool.set_max_threads(1);
    assert_eq!((pool.get_max_threads(), pool.get_min_threads()), (Ok(2), Ok(2)));
    assert_eq!(pool.get_available_threads(), Ok(2));

    // How many run, the most that ever did, and how many have.
    let counts = Arc::new([const { AtomicU32::new(0) }; 3]);
    let gate = Arc::new(Event::manual());
    for _ in 0..5 {
        let (counts, gate) = (counts.clone(), gate.clone());
        let _ = pool.queue_user_work_item(WorkItemFlags::NONE, move || {
            let [running, most, done] = &*counts;
            most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
            gate.wait();
            running.fetch_sub(1, SeqCst);
            done.fetch_add(1, SeqCst);
        });
    }
    let [running, most, done] = &*counts;
    until("as many run as may", || running.load(SeqCst) == 2);
    assert_eq!(pool.get_available_threads(), Ok(0));
    // One that may take long does not stand behind them; nor do those for the one thread, which is the same each time.
    let long = Arc::new(Event::manual());
    let over = long.clone();
    let _ = pool.queue_user_work_item(WorkItemFlags::EXECUTELONGFUNCTION, move || over.set());
    long.wait();
    let (sender, threads) = std::sync::mpsc::channel();
    for _ in 0..2 {
        let sender = sender.clone();
        let flags = WorkItemFlags::EXECUTEINPERSISTENTTHREAD;
        let _ = pool.queue_user_work_item(flags, move || {
            sortie::yield_now();
            sender.send(std::thread::current().id()).expect("somebody waits");
        });
    }
    let ids = [threads.recv(), threads.recv()].map(|id| id.expect("they run"));
    assert_eq!(ids[0], ids[1]);
    assert_eq!(done.load(SeqCst), 0);
    gate.set();
    until("all have run", || done.load(SeqCst) == 5);
    assert_eq!(most.load(SeqCst), 2);
    until("nobody runs", || pool.get_available_threads() == Ok(2));

    // A host of a fixed size only runs what it is given.
    let host = Host::builder(&stage.runtime.handle()).fixed_pool(true).build();
    assert!(host.task_manager().set_clr_task_manager(&stage.clr.task_manager()).is_success());
    let fixed = host.thread_pool_manager();
    assert_eq!(fixed.set_max_threads(2), HResult::E_NOTIMPL);
    assert_eq!(fixed.set_min_threads(0), HResult::E_NOTIMPL);
    let asked = [fixed.get_max_threads(), fixed.get_min_threads(), fixed.get_available_threads()];
    assert_eq!(asked, [Err(HResult::E_NOTIMPL); 3]);
    let ran = Arc::new(Event::manual());
    let runs = ran.clone();
    assert_eq!(fixed.queue_user_work_item(WorkItemFlags::NONE, move || runs.set()), HResult::S_OK);
    ran.wait();
}

fn s90(stage: &Stage) {
    let control = stage.clr.get_clr_control().expect("it is not started");
    assert_eq!(control.set_app_domain_manager_type("Host", ""), HResult::E_INVALIDARG);
    let _ = control.set_app_domain_manager_type("Host", "Manager");
    let _ = stage.clr.set_host_control(Some(Arc::new(stage.host.clone())));
    // The group that is there from the start on.
    let _ = stage.clr.start();
    let named = stage.clr.app_domain_manager_type();
    assert_eq!(named, Some(("Host".to_owned(), "Manager".to_owned())));

    let debug = control.get_clr_manager(Interface::ClrDebugManager.iid());
    let Ok(ClrManager::Debug(debug)) = debug else { panic!("no manager for debuggers") };
    let clr = stage.clr.task_manager();
    stage.run("A", move || {
        let half = Some(clr.attach().expect("a half"));
        // Tasks before the begin; the number 0; no name.
        let _ = debug.set_connection_tasks(1, std::slice::from_ref(&half));
        let _ = debug.begin_connection(0, Some("none"));
        let _ = debug.begin_connection(1, None);
        let _ = debug.begin_connection(1, Some("one"));
        let _ = debug.begin_connection(1, Some("one more"));
        let _ = debug.begin_connection(2, Some("two"));
        // No task, and a place without one.
        let _ = debug.set_connection_tasks(2, &[]);
        let _ = debug.set_connection_tasks(2, &[half.clone(), None]);
        let _ = debug.set_connection_tasks(2, std::slice::from_ref(&half));
        let _ = debug.set_connection_tasks(1, std::slice::from_ref(&half));
        let names = |at: usize| debug.connections()[at].name.to_string();
        assert_eq!((names(0), names(1)), ("one".to_owned(), "two".to_owned()));
        assert!(debug.connections()[1].tasks[0].is(half.as_ref().expect("a half")));
        let _ = debug.end_connection(1);
        let _ = debug.end_connection(2);
        let _ = debug.end_connection(2);
    });
}
