//! [`RuntimeDebugManager`]: names for sets of tasks, for debuggers.
//!
//! A connection is begun, gets its tasks, and ends, in this order; several may be open at once. What is open a debugger
//! reads by [`RuntimeDebugManager::connections`].

use super::{Inner, RuntimeTask};
use crate::hosting::HResult;
use crate::hosting::method::clr_debug_manager;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The connections that are open, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<BTreeMap<u32, Connection>>);

/// A set of tasks with a name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connection {
    /// Its number, never 0.
    pub id: u32,
    /// Its name.
    pub name: Arc<str>,
    /// Its tasks; none until they are set.
    pub tasks: Vec<RuntimeTask>,
}

/// `ICLRDebugManager`: names sets of tasks for debuggers. Clones are the same manager.
///
/// ```
/// use sortie::hosting::{ClrManager, ClrRuntimeHost, HResult, Interface};
///
/// let clr = ClrRuntimeHost::builder().build();
/// let control = clr.get_clr_control()?;
/// let ClrManager::Debug(debug) = control.get_clr_manager(Interface::ClrDebugManager.iid())? else {
///     unreachable!()
/// };
/// clr.start().ok()?;
/// debug.begin_connection(7, Some("session 7")).ok()?;
/// assert_eq!(debug.begin_connection(7, Some("again")), HResult::E_INVALIDARG);
/// assert_eq!(&*debug.connections()[0].name, "session 7");
/// debug.end_connection(7).ok()?;
/// # Ok::<(), HResult>(())
/// ```
#[derive(Clone)]
pub struct RuntimeDebugManager {
    inner: Arc<Inner>,
}

impl RuntimeDebugManager {
    pub(super) fn new(inner: Arc<Inner>) -> RuntimeDebugManager {
        RuntimeDebugManager { inner }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u32, Connection>> {
        self.inner.connections.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a connection.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`E_INVALIDARG`](HResult::E_INVALIDARG) for the number 0, for one that is open, and
    /// without a name; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn begin_connection(&self, id: u32, name: Option<&str>) -> HResult {
        let arguments = format_args!("{id}");
        self.call(clr_debug_manager::BEGIN_CONNECTION, arguments, |open| {
            let name = name.filter(|_| id != 0 && !open.contains_key(&id));
            let name = name.ok_or(HResult::E_INVALIDARG)?.into();
            open.insert(id, Connection { id, name, tasks: Vec::new() });
            Ok(Vec::new())
        })
    }

    /// Says which tasks a connection has, in place of those that were said before.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`E_INVALIDARG`](HResult::E_INVALIDARG) for a connection that is not open, without a
    /// task, and for a place without one; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn set_connection_tasks(&self, id: u32, tasks: &[Option<RuntimeTask>]) -> HResult {
        let arguments = format_args!("{id} {}", tasks.len());
        self.call(clr_debug_manager::SET_CONNECTION_TASKS, arguments, |open| {
            let connection = open.get_mut(&id).ok_or(HResult::E_INVALIDARG)?;
            let tasks: Option<Vec<_>> = tasks.iter().cloned().collect();
            let tasks = tasks.filter(|tasks| !tasks.is_empty()).ok_or(HResult::E_INVALIDARG)?;
            Ok(std::mem::replace(&mut connection.tasks, tasks))
        })
    }

    /// Ends a connection.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`E_INVALIDARG`](HResult::E_INVALIDARG) if it is not open;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn end_connection(&self, id: u32) -> HResult {
        let arguments = format_args!("{id}");
        self.call(clr_debug_manager::END_CONNECTION, arguments, |open| {
            Ok(open.remove(&id).ok_or(HResult::E_INVALIDARG)?.tasks)
        })
    }

    /// The connections that are open, by their numbers.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.open().values().cloned().collect()
    }

    /// `f` gives back what is not referred to any more: it is dropped outside of the lock.
    fn call(
        &self,
        method: crate::hosting::Method,
        arguments: fmt::Arguments<'_>,
        f: impl FnOnce(&mut BTreeMap<u32, Connection>) -> Result<Vec<RuntimeTask>, HResult>,
    ) -> HResult {
        let shared = &self.inner.shared;
        shared.call(method, arguments, || {
            if let Err(error) = shared.availability.check() {
                return error;
            }
            let done = f(&mut self.open());
            HResult::from(done.map(drop))
        })
    }
}

impl fmt::Debug for RuntimeDebugManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeDebugManager").field("connections", &self.open().len()).finish()
    }
}
