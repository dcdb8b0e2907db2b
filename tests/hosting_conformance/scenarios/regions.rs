//! Regions: of S-71 to S-92 those that are about them alone.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage};
use sortie::sync::Event;
use sortie_test::until;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, ThreadId};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(73, "a region that delays aborts does not nest", s73, setup: Setup::new),
    scenario!(75, "a task stays on its thread", s75, setup: migrating, fibers_only: true),
];

fn s73(stage: &Stage) {
    let tasks = stage.tasks.clone();
    stage.run("A", move || {
        for _ in 0..2 {
            let _ = tasks.begin_delay_abort();
        }
        for _ in 0..2 {
            let _ = tasks.end_delay_abort();
        }
    });
}

fn migrating() -> Setup {
    Setup { migrating: true, ..Setup::new() }
}

/// Not inlined: who was switched must not keep the thread that it ran on.
#[inline(never)]
fn here() -> ThreadId {
    thread::current().id()
}

fn s75(stage: &Stage) {
    let (tasks, event) = (stage.tasks.clone(), Arc::new(Event::auto()));
    let is_over = Arc::new(AtomicBool::new(false));
    for name in ["X", "Y", "Z"] {
        let is_over = is_over.clone();
        stage.task(name, move || {
            while !is_over.load(SeqCst) {
                sortie::yield_now();
            }
        });
    }
    let (wakes, over) = (event.clone(), is_over.clone());
    let a = stage.task("A", move || {
        let _ = tasks.begin_thread_affinity();
        let _ = tasks.begin_thread_affinity();
        let first = here();
        let stays = |times| {
            for _ in 0..times {
                wakes.wait();
                assert_eq!(here(), first, "it was pinned");
            }
        };
        stays(100);
        let _ = tasks.end_thread_affinity();
        stays(100);
        let _ = tasks.end_thread_affinity();
        while here() == first {
            wakes.wait();
        }
        let _ = tasks.end_thread_affinity();
        over.store(true, SeqCst);
    });
    until("A has gone elsewhere", || {
        event.set();
        a.is_done()
    });
    is_over.store(true, SeqCst);
    stage.wait();
}
