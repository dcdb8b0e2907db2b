//! A scope that can never end says so, and names what it waits for: raw transitions have left its end in a callback that
//! holds the carrier which a task of the scope is pinned to.

use sortie::task::{Builder, scope};
use sortie::{Runtime, transition};
use sortie_test::{events, until};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

const NATIVE: usize = 0x5071;

// The only test here: the carrier that is held stays so, until the process ends.
#[test]
fn is_reported_and_named_by_the_shutdown() {
    static STARTED: AtomicBool = AtomicBool::new(false);
    events::record();
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let owner = Builder::new().name("owner").spawn_on(&runtime.handle(), || {
        scope(|s| {
            let member = Builder::new().name("member").spawn_scoped(s, || {
                STARTED.store(true, SeqCst);
                while !sortie::task::current().unwrap().name().unwrap().is_empty() {
                    sortie::yield_now();
                }
            });
            drop(member);
            while !STARTED.load(SeqCst) {
                sortie::yield_now();
            }
            transition::leave(NATIVE).unwrap();
            transition::reverse_enter().unwrap();
        });
    });
    let said =
        || events::seen().into_iter().find(|event| event.text.contains("a scope ends inside"));
    until("it is reported", || said().is_some());
    let event = said().unwrap();
    assert_eq!(event.target, "sortie::task");
    assert!(event.text.contains("member="), "{event:?}");
    let report = runtime.shutdown(Duration::from_millis(50));
    let mut names: Vec<_> =
        report.stragglers().iter().map(|it| it.name.as_deref().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["member", "owner"], "{report}");
    assert!(!owner.is_finished());
}
