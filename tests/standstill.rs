//! Where everything stands still, the runtime says who is where: once, and with what would help.

use sortie::native::{self, Target};
use sortie::task;
use sortie_natives::{Gate, with_callback};
use sortie_test::busy::Busy;
use sortie_test::{Case, MODES, each_setting, events, exclusively, until};
use std::sync::Arc;
use std::time::Duration;

static GATE: Target = Target::named("natives_gate_wait");
static CALL_BACK: Target = Target::named("natives_call_back");

fn suspicions() -> Vec<String> {
    let said = events::seen().into_iter();
    let suspicion = |seen: &events::Seen| {
        seen.target == "sortie::carrier" && seen.text.contains("deadlock suspected")
    };
    said.filter(suspicion).map(|seen| seen.text).collect()
}

/// Calls wait for a task that is queued behind them, more than any burst can serve.
#[test]
fn a_deadlock_at_the_cap_is_named_once() {
    for mode in MODES {
        exclusively(&Case::new(2, mode), |case| {
            events::record();
            let runtime = case.watched(case.builder().max_carriers(4).build().unwrap());
            let gate = Arc::new(Gate::new());
            // As many as the cap and the burst.
            let calls: Vec<_> = (0..8)
                .map(|n| {
                    let gate = gate.clone();
                    task::Builder::new().name(format!("caller-{n}")).spawn_on(
                        &runtime.handle(),
                        move || {
                            native::call_here(&GATE, || gate.wait());
                        },
                    )
                })
                .collect();
            until("cap and burst are in native code", || gate.inside() == 8);
            let opens = gate.clone();
            let opener = runtime.spawn(move || opens.open());
            until("a deadlock is suspected", || !suspicions().is_empty());
            let text = &suspicions()[0];
            assert!(text.contains("in native code of natives_gate_wait"), "{text}");
            assert!(text.contains("caller-") && text.contains("max_carriers"), "{text}");
            assert!(text.contains("cap=4") && text.contains("more=0"), "{text}");
            let snapshot = runtime.snapshot();
            assert_eq!((snapshot.bursts, snapshot.carriers), (4, 8), "{snapshot:?}");
            // Long enough for another, if it were said again.
            std::thread::sleep(Duration::from_millis(1_300));
            assert_eq!(suspicions().len(), 1, "{:?}", suspicions());
            gate.open();
            opener.join().unwrap();
            calls.into_iter().for_each(|call| call.join().unwrap());
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    }
}

/// All that may compute computes, and never switches: that is said of each.
#[test]
fn tasks_that_never_switch_are_named() {
    exclusively(&Case::new(1, MODES[0]), |case| {
        events::record();
        let runtime = case.watched(case.runtime());
        // The worker, and the extra one.
        let busy = Busy::start(&runtime, 2);
        let waits = runtime.spawn(|| 7);
        until("a deadlock is suspected", || !suspicions().is_empty());
        let text = &suspicions()[0];
        assert_eq!(text.matches("in managed code, without a switch").count(), 2, "{text}");
        busy.end();
        assert_eq!(waits.join().unwrap(), 7);
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}

/// A burst breaks what a queued task can end; its carriers do not stay.
#[test]
fn a_burst_ends_when_it_is_over() {
    each_setting(|case| {
        let cap = case.workers + 1;
        let runtime = case.watched(case.builder().max_carriers(cap).build().unwrap());
        let gate = Arc::new(Gate::new());
        let callers: Vec<_> = (0..cap)
            .map(|n| {
                let gate = gate.clone();
                runtime.spawn(move || {
                    native::call_here(&CALL_BACK, || {
                        with_callback(1, |_| {
                            native::callback(-1, || {
                                native::call_here(&GATE, || gate.wait());
                                sortie::spawn(move || n as i32).join().unwrap()
                            })
                        })
                    })
                })
            })
            .collect();
        until("every carrier is in native code", || gate.inside() == cap);
        gate.open();
        for (n, caller) in callers.into_iter().enumerate() {
            assert_eq!(caller.join().unwrap(), n as i32);
        }
        assert!(runtime.snapshot().bursts > 0);
        until("the cap holds again", || runtime.snapshot().carriers <= cap);
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}

/// Calls that are to be made by another thread wait for one at the cap. They may be what the others
/// wait for.
#[test]
fn an_offloaded_call_at_the_cap_is_made() {
    exclusively(&Case::new(1, MODES[0]), |case| {
        let runtime = case.watched(case.builder().max_carriers(2).build().unwrap());
        let gate = Arc::new(Gate::new());
        let (first, second, open) = (gate.clone(), gate.clone(), gate.clone());
        // Two calls wait at the gate, on as many carriers as there are; for the one that opens it there
        // is none.
        let call = runtime.spawn(move || native::call(&GATE, || first.wait()));
        until("one is inside", || gate.inside() == 1);
        let offloaded = runtime.spawn(move || {
            let opener = sortie::spawn(move || native::offload(&GATE, || open.open()));
            native::offload(&GATE, || second.wait());
            opener.join().unwrap();
        });
        offloaded.join().unwrap();
        call.join().unwrap();
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}
