//! Regions: of S-71 to S-92 those that are about them alone.

use super::scenario;
use crate::stage::{Scenario, Setup, Stage};

pub(crate) const SCENARIOS: &[Scenario] =
    &[scenario!(73, "a region that delays aborts does not nest", s73, setup: Setup::new)];

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
