//! The protocols of the scheduler, explored by loom.
//!
//! The scheduler's protocol files take all that threads share from `crate::sync`. This package
//! includes the very same files by path over a [`sync`] of its own, made of loom's types, and runs
//! small programs over them ([`models`]) under every interleaving within a bound. Each program is
//! run over the true file, and over mutants of it (`mutants` beside `build.rs`), which it must
//! catch. See the README for the list.
//!
//! Must not: hold protocol of its own that could be included. What the models repeat by hand is in
//! `models/` and says where it comes from.
#![allow(
    dead_code,
    unused_imports,
    reason = "the files are included whole, and the models use a part of each"
)]
#![allow(rustdoc::broken_intra_doc_links)]

mod crossing;
mod explore;
mod sync;
mod task;
mod wait;
mod waiting;
mod worker;

#[path = "../../scheduler/src/timer/alarm.rs"]
mod alarm;
#[path = "../../src/native/closure/word.rs"]
mod callback;
#[path = "../../src/sync/party/claim.rs"]
mod claim;
#[path = "../../scheduler/src/queue/deque/mod.rs"]
mod deque;
#[path = "../../scheduler/src/lock/exclusive.rs"]
mod exclusive;
#[path = "../../scheduler/src/gate.rs"]
mod gate;
#[path = "../../scheduler/src/task/hook.rs"]
mod hook;
#[path = "../../scheduler/src/idle/mod.rs"]
mod idle;
#[path = "../../scheduler/src/queue/mailbox.rs"]
mod mailbox;
#[path = "../../scheduler/src/park.rs"]
mod park;
#[path = "../../scheduler/src/semaphore/permits.rs"]
mod permits;
#[path = "../../scheduler/src/worker/pile.rs"]
mod pile;
#[path = "../../scheduler/src/fiber/switch/rest.rs"]
mod rest;
#[path = "../../scheduler/src/ring/slots.rs"]
#[allow(unreachable_pub, reason = "public where it comes from")]
mod ring;
#[path = "../../scheduler/src/task/state.rs"]
mod state;

use crossing::carrier;
// The callbacks' word and the claim take their atomics from their parent.
use sync::atomic;

#[allow(warnings, clippy::all, reason = "broken on purpose")]
mod mutants {
    use crate::sync::atomic;
    include!(concat!(env!("OUT_DIR"), "/mutants.rs"));
}

#[cfg(test)]
mod models;
