//! The host's half of tasks: [`HostTask`], and [`HostTaskManager`], which makes them and is told of their transitions.
//!
//! - `host_task.rs`: the half itself. `manager.rs`: how a VM asks for it. `birth.rs`: how it begins and ends. `current.rs`:
//!   which one this thread carries. `shared.rs`: what the host knows of it.
//! - `transitions.rs`, `scopes.rs`: the four transitions. `waits.rs`: waits that are for no object, and the alert.
//! - `scheduling.rs`: levels and switches. `regions.rs`: what the host must not do meanwhile. `attributes.rs`, `locale.rs`:
//!   what else a VM tells of it.

mod attributes;
mod birth;
pub(super) mod current;
mod host_task;
mod locale;
mod manager;
mod regions;
mod scheduling;
mod scopes;
mod shared;
mod transitions;
mod waits;

pub(in crate::hosting) use attributes::Locale;
pub(in crate::hosting) use birth::{adopt, start_task};
pub use host_task::HostTask;
pub use manager::HostTaskManager;
pub(in crate::hosting) use scheduling::Awaited;
pub use scopes::{Called, Left};
pub(in crate::hosting) use shared::{Origin, TaskShared};
pub use transitions::TransitionCounts;
pub(in crate::hosting) use waits::Limit;
