#![doc = include_str!("README.md")]

mod answer;
mod availability;
mod clr;
mod defect;
mod enums;
mod escalation;
mod gc;
mod group;
mod host;
mod hresult;
mod iid;
pub mod method;
mod observe;
mod pool;
mod recorder;
mod sync;
mod task;
mod vm;
mod wait;

pub use answer::answer_into;
pub use clr::{
    ClrBuilder, ClrControl, ClrManager, ClrRuntimeHost, Connection, RuntimeDebugManager,
    RuntimeSyncManager, RuntimeTask, RuntimeTaskManager,
};
#[doc(hidden)]
pub use defect::Defect;
pub use enums::{
    ClrEvent, ClrFailure, ClrOperation, ClrUnhandledException, GcStatTypes, INFINITE,
    MemoryCriticalLevel, PolicyAction, StackOverflowType, TaskType, WaitOption, WorkItemFlags,
};
pub use escalation::{
    ActionOnClrEvent, ClrEventData, FinalizerRun, HostPolicyManager, RuntimeOnEventManager,
    RuntimePolicyManager,
};
pub use gc::{HostGcManager, RuntimeGcManager, Suspension};
pub use group::InAppDomain;
pub use host::{Attach, Host, HostBuilder, HostControl, HostManager, TaskMode};
pub use hresult::HResult;
pub use iid::Iid;
pub use method::{Interface, Method};
pub use observe::{Call, Observer};
pub use pool::HostThreadPoolManager;
pub use sync::{HostAutoEvent, HostCrst, HostManualEvent, HostSemaphore, HostSyncManager};
pub use task::{Called, HostTask, HostTaskManager, Left, TransitionCounts};
pub use vm::{
    CarrierHandle, ClrGc, ClrSyncManager, ClrTask, ClrTaskManager, GcStats, GcThreadStats, Plain,
};
pub use wait::MessageQueue;

/// A locale's number, `LCID`.
pub type Lcid = u32;
