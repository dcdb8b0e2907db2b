//! The other managers: the thread pool, collections, groups and debuggers: S-87 to S-90.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage};
use sortie::hosting::{ClrManager, HResult, Interface};
use std::sync::Arc;

pub(crate) const SCENARIOS: &[Scenario] =
    &[scenario!(90, "groups' managers, and connections of debuggers", s90, setup: bare)];

fn bare() -> Setup {
    Setup { bare: true, ..Setup::new() }
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
