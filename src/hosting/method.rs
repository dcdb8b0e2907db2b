//! The methods of the hosting API by interface: names for records, reports and tests.
//!
//! The order in an interface is that of its table of functions.

use std::fmt;

/// A method of an interface.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method {
    interface: Interface,
    index: u8,
}

macro_rules! interfaces {
    ($($module:ident: $interface:ident = $text:literal { $($method:ident = $name:literal,)* })*) => {
        /// An interface of the hosting API.
        ///
        /// Those that begin with `Host` are implemented by the host and called by the runtime; those with `Clr`,
        /// the other way round.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Interface {
            $(#[doc = concat!("`", $text, "`.")] $interface,)*
        }

        impl Interface {
            /// All, in the order of the reference.
            pub const ALL: &[Interface] = &[$(Interface::$interface),*];

            /// Its name, as the hosting API spells it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Interface::$interface => $text,)* }
            }

            const fn names(self) -> &'static [&'static str] {
                match self { $(Interface::$interface => &[$($name),*],)* }
            }
        }

        $(
            #[doc = concat!("The methods of `", $text, "`.")]
            pub mod $module {
                use super::{Interface, Method};

                #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "only counts")]
                #[repr(u8)]
                enum Index { $($method),* }

                $(
                    #[doc = concat!("`", $text, "::", $name, "`.")]
                    pub const $method: Method =
                        Method { interface: Interface::$interface, index: Index::$method as u8 };
                )*
            }
        )*
    };
}

interfaces! {
    host_task_manager: HostTaskManager = "IHostTaskManager" {
        GET_CURRENT_TASK = "GetCurrentTask",
        CREATE_TASK = "CreateTask",
        SLEEP = "Sleep",
        SWITCH_TO_TASK = "SwitchToTask",
        SET_UI_LOCALE = "SetUILocale",
        SET_LOCALE = "SetLocale",
        CALL_NEEDS_HOST_HOOK = "CallNeedsHostHook",
        LEAVE_RUNTIME = "LeaveRuntime",
        ENTER_RUNTIME = "EnterRuntime",
        REVERSE_LEAVE_RUNTIME = "ReverseLeaveRuntime",
        REVERSE_ENTER_RUNTIME = "ReverseEnterRuntime",
        BEGIN_DELAY_ABORT = "BeginDelayAbort",
        END_DELAY_ABORT = "EndDelayAbort",
        BEGIN_THREAD_AFFINITY = "BeginThreadAffinity",
        END_THREAD_AFFINITY = "EndThreadAffinity",
        SET_STACK_GUARANTEE = "SetStackGuarantee",
        GET_STACK_GUARANTEE = "GetStackGuarantee",
        SET_CLR_TASK_MANAGER = "SetCLRTaskManager",
    }
    host_task: HostTask = "IHostTask" {
        START = "Start",
        ALERT = "Alert",
        JOIN = "Join",
        SET_PRIORITY = "SetPriority",
        GET_PRIORITY = "GetPriority",
        SET_CLR_TASK = "SetCLRTask",
    }
    clr_task: ClrTask = "ICLRTask" {
        SWITCH_IN = "SwitchIn",
        SWITCH_OUT = "SwitchOut",
        GET_MEM_STATS = "GetMemStats",
        RESET = "Reset",
        EXIT_TASK = "ExitTask",
        ABORT = "Abort",
        RUDE_ABORT = "RudeAbort",
        NEEDS_PRIORITY_SCHEDULING = "NeedsPriorityScheduling",
        YIELD_TASK = "YieldTask",
        LOCKS_HELD = "LocksHeld",
        SET_TASK_IDENTIFIER = "SetTaskIdentifier",
        BEGIN_PREVENT_ASYNC_ABORT = "BeginPreventAsyncAbort",
        END_PREVENT_ASYNC_ABORT = "EndPreventAsyncAbort",
    }
    clr_task_manager: ClrTaskManager = "ICLRTaskManager" {
        CREATE_TASK = "CreateTask",
        GET_CURRENT_TASK = "GetCurrentTask",
        SET_UI_LOCALE = "SetUILocale",
        SET_LOCALE = "SetLocale",
        GET_CURRENT_TASK_TYPE = "GetCurrentTaskType",
    }
    host_sync_manager: HostSyncManager = "IHostSyncManager" {
        SET_CLR_SYNC_MANAGER = "SetCLRSyncManager",
        CREATE_CRST = "CreateCrst",
        CREATE_CRST_WITH_SPIN_COUNT = "CreateCrstWithSpinCount",
        CREATE_AUTO_EVENT = "CreateAutoEvent",
        CREATE_MANUAL_EVENT = "CreateManualEvent",
        CREATE_MONITOR_EVENT = "CreateMonitorEvent",
        CREATE_RW_LOCK_WRITER_EVENT = "CreateRWLockWriterEvent",
        CREATE_RW_LOCK_READER_EVENT = "CreateRWLockReaderEvent",
        CREATE_SEMAPHORE = "CreateSemaphore",
    }
    host_crst: HostCrst = "IHostCrst" {
        ENTER = "Enter",
        LEAVE = "Leave",
        TRY_ENTER = "TryEnter",
        SET_SPIN_COUNT = "SetSpinCount",
    }
    host_auto_event: HostAutoEvent = "IHostAutoEvent" {
        WAIT = "Wait",
        SET = "Set",
    }
    host_manual_event: HostManualEvent = "IHostManualEvent" {
        WAIT = "Wait",
        RESET = "Reset",
        SET = "Set",
    }
    host_semaphore: HostSemaphore = "IHostSemaphore" {
        WAIT = "Wait",
        RELEASE_SEMAPHORE = "ReleaseSemaphore",
    }
    clr_sync_manager: ClrSyncManager = "ICLRSyncManager" {
        GET_MONITOR_OWNER = "GetMonitorOwner",
        CREATE_RW_LOCK_OWNER_ITERATOR = "CreateRWLockOwnerIterator",
        GET_RW_LOCK_OWNER_NEXT = "GetRWLockOwnerNext",
        DELETE_RW_LOCK_OWNER_ITERATOR = "DeleteRWLockOwnerIterator",
    }
    host_thread_pool_manager: HostThreadPoolManager = "IHostThreadPoolManager" {
        QUEUE_USER_WORK_ITEM = "QueueUserWorkItem",
        SET_MAX_THREADS = "SetMaxThreads",
        GET_MAX_THREADS = "GetMaxThreads",
        GET_AVAILABLE_THREADS = "GetAvailableThreads",
        SET_MIN_THREADS = "SetMinThreads",
        GET_MIN_THREADS = "GetMinThreads",
    }
    clr_policy_manager: ClrPolicyManager = "ICLRPolicyManager" {
        SET_DEFAULT_ACTION = "SetDefaultAction",
        SET_TIMEOUT = "SetTimeout",
        SET_ACTION_ON_TIMEOUT = "SetActionOnTimeout",
        SET_TIMEOUT_AND_ACTION = "SetTimeoutAndAction",
        SET_ACTION_ON_FAILURE = "SetActionOnFailure",
        SET_UNHANDLED_EXCEPTION_POLICY = "SetUnhandledExceptionPolicy",
    }
    host_policy_manager: HostPolicyManager = "IHostPolicyManager" {
        ON_DEFAULT_ACTION = "OnDefaultAction",
        ON_TIMEOUT = "OnTimeout",
        ON_FAILURE = "OnFailure",
    }
    host_gc_manager: HostGcManager = "IHostGCManager" {
        THREAD_IS_BLOCKING_FOR_SUSPENSION = "ThreadIsBlockingForSuspension",
        SUSPENSION_STARTING = "SuspensionStarting",
        SUSPENSION_ENDING = "SuspensionEnding",
    }
    clr_gc_manager: ClrGcManager = "ICLRGCManager" {
        COLLECT = "Collect",
        GET_STATS = "GetStats",
        SET_GC_STARTUP_LIMITS = "SetGCStartupLimits",
    }
    host_control: HostControl = "IHostControl" {
        GET_HOST_MANAGER = "GetHostManager",
        SET_APP_DOMAIN_MANAGER = "SetAppDomainManager",
    }
    clr_control: ClrControl = "ICLRControl" {
        GET_CLR_MANAGER = "GetCLRManager",
        SET_APP_DOMAIN_MANAGER_TYPE = "SetAppDomainManagerType",
    }
    clr_runtime_host: ClrRuntimeHost = "ICLRRuntimeHost" {
        START = "Start",
        STOP = "Stop",
        SET_HOST_CONTROL = "SetHostControl",
        GET_CLR_CONTROL = "GetCLRControl",
        UNLOAD_APP_DOMAIN = "UnloadAppDomain",
        GET_CURRENT_APP_DOMAIN_ID = "GetCurrentAppDomainId",
    }
    clr_on_event_manager: ClrOnEventManager = "ICLROnEventManager" {
        REGISTER_ACTION_ON_EVENT = "RegisterActionOnEvent",
        UNREGISTER_ACTION_ON_EVENT = "UnregisterActionOnEvent",
    }
    action_on_clr_event: ActionOnClrEvent = "IActionOnCLREvent" {
        ON_EVENT = "OnEvent",
    }
    clr_debug_manager: ClrDebugManager = "ICLRDebugManager" {
        BEGIN_CONNECTION = "BeginConnection",
        SET_CONNECTION_TASKS = "SetConnectionTasks",
        END_CONNECTION = "EndConnection",
    }
}

impl Interface {
    /// Its methods.
    pub fn methods(self) -> impl ExactSizeIterator<Item = Method> {
        (0..self.names().len() as u8).map(move |index| Method { interface: self, index })
    }

    /// Is it implemented by the host, and called by the runtime?
    #[must_use]
    pub fn is_hosts(self) -> bool {
        self.name().starts_with("IHost")
    }
}

impl Method {
    /// Whose method it is.
    #[must_use]
    pub const fn interface(self) -> Interface {
        self.interface
    }

    /// Its name, as the hosting API spells it, without the interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.interface.names()[usize::from(self.index)]
    }
}

/// `IHostTaskManager::LeaveRuntime`, say.
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.interface.name(), self.name())
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
