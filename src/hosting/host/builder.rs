//! [`HostBuilder`]: what is fixed of a host when it is made.

use super::Host;
use crate::Handle;
use crate::hosting::defect::{Defect, Defects};
use crate::hosting::escalation::HostPolicyManager;
use crate::hosting::observe::Observer;
use crate::hosting::recorder::Recorder;
use crate::transition::Layers;
use std::sync::Arc;
use std::time::Duration;

/// What a host does with a thread that calls and has no task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Attach {
    /// It gives it one, whose base is native code.
    #[default]
    Adopt,
    /// It refuses the thread.
    Deny,
}

/// How tasks and threads belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TaskMode {
    /// A task is a fiber: when it waits, its thread runs others.
    #[default]
    Fibers,
    /// A task has a thread for itself from its first turn to its end: when it waits, the thread does, and others run
    /// on other threads. For VMs that cannot be switched away.
    ThreadPerTask,
}

/// Options for a [`Host`]. Made by [`Host::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct HostBuilder {
    pub(super) handle: Handle,
    pub(super) options: Options,
    pub(super) recorder: Recorder,
    pub(super) defects: Defects,
    pub(super) policies: Option<Arc<dyn HostPolicyManager>>,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::hosting) struct Options {
    pub(in crate::hosting) attach: Attach,
    pub(in crate::hosting) mode: TaskMode,
    pub(super) strict: bool,
    pub(super) depth_limit: usize,
    pub(super) entry_bound: Option<Duration>,
    pub(in crate::hosting) locales: bool,
    pub(in crate::hosting) stack_guarantees: bool,
    pub(in crate::hosting) fixed_pool: bool,
    pub(super) sync_objects: usize,
}

impl HostBuilder {
    pub(super) fn new(runtime: &Handle) -> HostBuilder {
        HostBuilder {
            handle: runtime.clone(),
            options: Options {
                attach: Attach::default(),
                mode: TaskMode::default(),
                strict: false,
                depth_limit: Layers::DEFAULT_DEPTH_LIMIT,
                entry_bound: None,
                locales: true,
                stack_guarantees: true,
                fixed_pool: false,
                sync_objects: usize::MAX,
            },
            recorder: Recorder::default(),
            defects: Defects::default(),
            policies: None,
        }
    }

    /// What becomes of threads that have no task. [`Attach::Adopt`] if nothing is said.
    pub fn attach(mut self, attach: Attach) -> HostBuilder {
        self.options.attach = attach;
        self
    }

    /// How tasks and threads belong together. [`TaskMode::Fibers`] if nothing is said.
    pub fn mode(mut self, mode: TaskMode) -> HostBuilder {
        self.options.mode = mode;
        self
    }

    /// Refuses a `ReverseEnterRuntime` that follows another without a `ReverseLeaveRuntime` between them. Without
    /// this it renews the callback that is open, where that is the thread's outermost.
    pub fn strict(mut self, strict: bool) -> HostBuilder {
        self.options.strict = strict;
        self
    }

    /// How many layers a task may have, its base included; not below
    /// [`Layers::MIN_DEPTH_LIMIT`].
    pub fn depth_limit(mut self, layers: usize) -> HostBuilder {
        self.options.depth_limit = layers;
        self
    }

    /// How long `EnterRuntime` and `ReverseEnterRuntime` wait for a worker. For ever if nothing is said.
    pub fn entry_bound(mut self, bound: Duration) -> HostBuilder {
        self.options.entry_bound = Some(bound);
        self
    }

    /// May managed code change the locales of its task? It may if nothing is said; else its requests are answered by
    /// [`E_NOTIMPL`](crate::hosting::HResult::E_NOTIMPL).
    pub fn locales(mut self, may_change: bool) -> HostBuilder {
        self.options.locales = may_change;
        self
    }

    /// Does the host guarantee stack to those who handle an overflow? It does if nothing is said; else requests are
    /// answered by [`E_NOTIMPL`](crate::hosting::HResult::E_NOTIMPL), and the VM sees to it by itself.
    pub fn stack_guarantees(mut self, gives: bool) -> HostBuilder {
        self.options.stack_guarantees = gives;
        self
    }

    /// Does the host keep the size of its thread pool to itself? Then the VM's questions and wishes about it are answered by
    /// [`E_NOTIMPL`](crate::hosting::HResult::E_NOTIMPL). It does not if nothing is said.
    pub fn fixed_pool(mut self, fixed: bool) -> HostBuilder {
        self.options.fixed_pool = fixed;
        self
    }

    /// How many events, semaphores and critical sections a VM may have at once: further ones are answered by
    /// [`E_OUTOFMEMORY`](crate::hosting::HResult::E_OUTOFMEMORY). As many as there is memory for if nothing is said.
    pub fn sync_object_limit(mut self, objects: usize) -> HostBuilder {
        self.options.sync_objects = objects;
        self
    }

    /// Who is told of what the runtime's policies do. Nobody if nothing is said.
    pub fn policies(mut self, policies: Arc<dyn HostPolicyManager>) -> HostBuilder {
        self.policies = Some(policies);
        self
    }

    /// Who is told of each call of the host's and to it.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> HostBuilder {
        self.recorder = Recorder::new(Some(observer));
        self
    }

    /// Leaves an effect out, for tests of tests. In debug builds only.
    #[doc(hidden)]
    pub fn seed_defect(mut self, defect: Defect) -> HostBuilder {
        self.defects.seed(defect);
        self
    }

    /// The host.
    #[must_use]
    pub fn build(self) -> Host {
        Host::new(self)
    }
}
