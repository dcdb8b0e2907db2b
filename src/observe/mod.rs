//! Observation: what a runtime has and did, without stopping it.

mod snapshot;

pub use snapshot::Snapshot;
