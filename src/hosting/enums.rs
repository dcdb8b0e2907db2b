//! The enumerations of the hosting API, typed, with the numbers of its interface definition.
//!
//! Only names and numbers. Each converts from its number, and a number that is none is
//! [`E_INVALIDARG`](HResult::E_INVALIDARG).

use super::HResult;
use std::fmt;

macro_rules! numbered {
    ($(
        $(#[$doc:meta])*
        $name:ident: $number:ty { $($(#[$variant_doc:meta])* $variant:ident = $value:literal,)* }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
            #[repr($number)]
            pub enum $name { $($(#[$variant_doc])* $variant = $value,)* }

            impl $name {
                /// All, in the order of their numbers.
                pub const ALL: &[$name] = &[$($name::$variant),*];

                /// The number, as it crosses a C interface.
                #[must_use]
                pub const fn number(self) -> $number {
                    self as $number
                }
            }

            impl TryFrom<$number> for $name {
                type Error = HResult;

                fn try_from(number: $number) -> Result<$name, HResult> {
                    match number {
                        $($value => Ok($name::$variant),)*
                        _ => Err(HResult::E_INVALIDARG),
                    }
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    fmt::Debug::fmt(self, f)
                }
            }
        )*
    };
}

numbered! {
    /// `EClrOperation`: what a policy is for.
    ClrOperation: u32 {
        /// A task is aborted.
        ThreadAbort = 0,
        /// A task that holds no lock is aborted rudely.
        ThreadRudeAbortInNonCriticalRegion = 1,
        /// A task that holds a lock is aborted rudely.
        ThreadRudeAbortInCriticalRegion = 2,
        /// A group of tasks is unloaded.
        AppDomainUnload = 3,
        /// A group of tasks is unloaded rudely.
        AppDomainRudeUnload = 4,
        /// The process ends.
        ProcessExit = 5,
        /// A finalizer runs.
        FinalizerRun = 6,
    }

    /// `EClrFailure`: what may go wrong.
    ClrFailure: u32 {
        /// Memory, or another resource, is short, and the task holds no lock.
        NonCriticalResource = 0,
        /// The same while the task holds a lock: shared state may be broken.
        CriticalResource = 1,
        /// The runtime itself is broken.
        FatalRuntime = 2,
        /// A task has ended with a lock in its hands.
        OrphanedLock = 3,
        /// A stack is exhausted.
        StackOverflow = 4,
        /// Memory was accessed that is not there. Not supported.
        AccessViolation = 5,
        /// A contract of managed code is broken.
        CodeContract = 6,
    }

    /// `EPolicyAction`: what is done about an operation or a failure, from the mildest to the most severe.
    PolicyAction: u32 {
        /// Nothing.
        NoAction = 0,
        /// An exception in managed code.
        ThrowException = 1,
        /// The task is aborted.
        AbortThread = 2,
        /// The task is aborted rudely.
        RudeAbortThread = 3,
        /// Its group is unloaded.
        UnloadAppDomain = 4,
        /// Its group is unloaded rudely.
        RudeUnloadAppDomain = 5,
        /// The process ends in an orderly way.
        ExitProcess = 6,
        /// The process ends without finalizers and logging.
        FastExitProcess = 7,
        /// The process ends at once.
        RudeExitProcess = 8,
        /// The runtime is disabled for good.
        DisableRuntime = 9,
    }

    /// `EClrUnhandledException`: what an unhandled exception does.
    ClrUnhandledException: u32 {
        /// It ends the process.
        RuntimeDeterminedPolicy = 0,
        /// It ends its task, and the host is told.
        HostDeterminedPolicy = 1,
    }

    /// `EClrEvent`: what a host may ask to be told.
    ClrEvent: u32 {
        /// A group of tasks was unloaded.
        DomainUnload = 0,
        /// The runtime was disabled.
        ClrDisabled = 1,
        /// A diagnostic of the VM's.
        MdaFired = 2,
        /// A stack is exhausted.
        StackOverflow = 3,
    }

    /// `StackOverflowType`: whose frames have exhausted a stack.
    StackOverflowType: u32 {
        /// Managed code's.
        Managed = 0,
        /// The VM's own.
        ClrEngine = 1,
        /// Native code's.
        Other = 2,
    }

    /// `ETaskType`: what a task is for, as bits. One task may be several; see
    /// [`TaskType::first_of`].
    TaskType: u32 {
        /// Helps a debugger.
        DebuggerHelper = 0x1,
        /// Collects garbage.
        Gc = 0x2,
        /// Runs finalizers.
        Finalizer = 0x4,
        /// Serves the pool's timers.
        ThreadPoolTimer = 0x8,
        /// Watches over the pool.
        ThreadPoolGate = 0x10,
        /// Runs the pool's work.
        ThreadPoolWorker = 0x20,
        /// Serves the pool's input and output.
        ThreadPoolIoCompletion = 0x40,
        /// Unloads groups.
        AdUnload = 0x80,
        /// Runs the program.
        User = 0x100,
        /// Waits for the pool.
        ThreadPoolWait = 0x200,
        /// There is no task.
        Unknown = 0x8000_0000,
    }

    /// `EMemoryCriticalLevel`: what fails if an allocation does.
    MemoryCriticalLevel: u32 {
        /// The task.
        Task = 0,
        /// Its group.
        AppDomain = 1,
        /// The process.
        Process = 2,
    }
}

impl TaskType {
    /// The type that is told of a task which is of several: the first in the API's own order; `User` if there is
    /// none, for a task that is there.
    ///
    /// ```
    /// use sortie::hosting::TaskType;
    ///
    /// let both = TaskType::Finalizer.number() | TaskType::ThreadPoolWorker.number();
    /// assert_eq!(TaskType::first_of(both), TaskType::Finalizer);
    /// assert_eq!(TaskType::first_of(0), TaskType::User);
    /// ```
    #[must_use]
    pub const fn first_of(bits: u32) -> TaskType {
        const ORDER: [TaskType; 9] = [
            TaskType::DebuggerHelper,
            TaskType::Gc,
            TaskType::Finalizer,
            TaskType::ThreadPoolTimer,
            TaskType::ThreadPoolGate,
            TaskType::ThreadPoolWait,
            TaskType::AdUnload,
            TaskType::ThreadPoolIoCompletion,
            TaskType::ThreadPoolWorker,
        ];
        let mut at = 0;
        while at < ORDER.len() {
            if bits & ORDER[at].number() != 0 {
                return ORDER[at];
            }
            at += 1;
        }
        TaskType::User
    }
}

macro_rules! bit_sets {
    ($(
        $(#[$doc:meta])*
        $name:ident { $($(#[$bit_doc:meta])* $bit:ident = $value:literal,)* }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
            pub struct $name(u32);

            impl $name {
                /// None of them.
                pub const NONE: $name = $name(0);
                $($(#[$bit_doc])* pub const $bit: $name = $name($value);)*

                /// These bits. Bits without a name are kept, and mean nothing.
                #[must_use]
                pub const fn from_bits(bits: u32) -> $name {
                    $name(bits)
                }

                /// The bits.
                #[must_use]
                pub const fn bits(self) -> u32 {
                    self.0
                }

                /// Are all bits of `other` in it?
                #[must_use]
                pub const fn contains(self, other: $name) -> bool {
                    self.0 & other.0 == other.0
                }
            }

            impl std::ops::BitOr for $name {
                type Output = $name;

                fn bitor(self, other: $name) -> $name {
                    $name(self.0 | other.0)
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    let names = [$((stringify!($bit), $value)),*];
                    let set: Vec<&str> =
                        names.iter().filter(|(_, bit)| self.0 & bit != 0).map(|(name, _)| *name).collect();
                    f.write_str(&if set.is_empty() { "0".to_owned() } else { set.join("|") })
                }
            }
        )*
    };
}

bit_sets! {
    /// `WAIT_OPTION`: how a task waits.
    WaitOption {
        /// Go on serving the events of the carrier: the pump that was registered for it.
        MSGPUMP = 1,
        /// An alert ends the wait.
        ALERTABLE = 2,
        /// The host must not end the wait to resolve a deadlock.
        NOTINDEADLOCK = 4,
    }

    /// The `WT_` flags of a work item. Others than these two change nothing.
    WorkItemFlags {
        /// It may take long: it does not count against the bound of the pool.
        EXECUTELONGFUNCTION = 0x10,
        /// It runs on the pool's one fixed carrier.
        EXECUTEINPERSISTENTTHREAD = 0x80,
    }

    /// `COR_GC_STAT_TYPES`: what is asked of the collector.
    GcStatTypes {
        /// How often it ran.
        COUNTS = 1,
        /// How much memory there is.
        MEMORYUSAGE = 2,
    }
}

/// For ever, where a time is given in milliseconds.
pub const INFINITE: u32 = 0xFFFF_FFFF;

#[cfg(test)]
mod tests {
    use super::{ClrEvent, PolicyAction, TaskType, WaitOption};
    use crate::hosting::HResult;

    #[test]
    fn numbers_there_and_back() {
        for action in PolicyAction::ALL {
            assert_eq!(PolicyAction::try_from(action.number()), Ok(*action));
        }
        assert_eq!(PolicyAction::try_from(10), Err(HResult::E_INVALIDARG));
        assert_eq!(ClrEvent::MdaFired.number(), 2);
        assert_eq!(TaskType::Unknown.number(), 0x8000_0000);
    }

    #[test]
    fn unknown_bits_are_kept_and_mean_nothing() {
        let option = WaitOption::ALERTABLE | WaitOption::from_bits(0x80);
        assert!(option.contains(WaitOption::ALERTABLE));
        assert!(!option.contains(WaitOption::MSGPUMP));
        assert_eq!(format!("{option:?}"), "ALERTABLE");
        assert_eq!(format!("{:?}", WaitOption::NONE), "0");
    }
}
