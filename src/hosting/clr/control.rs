//! [`ClrControl`]: what a host asks a runtime for.

use super::{Inner, RuntimeTaskManager};
use crate::hosting::HResult;
use crate::hosting::iid::Iid;
use crate::hosting::method::{Interface, clr_control};
use std::sync::Arc;

/// A manager of the runtime's.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClrManager {
    /// `ICLRTaskManager`.
    Task(RuntimeTaskManager),
}

/// `ICLRControl`: a host's way to the managers of the runtime. Clones are the same.
#[derive(Clone, Debug)]
pub struct ClrControl {
    inner: Arc<Inner>,
}

impl ClrControl {
    pub(super) fn new(inner: Arc<Inner>) -> ClrControl {
        ClrControl { inner }
    }

    /// The manager with this id. Before the start, too.
    ///
    /// # Errors
    /// [`E_NOINTERFACE`](HResult::E_NOINTERFACE): there is none.
    pub fn get_clr_manager(&self, iid: Iid) -> Result<ClrManager, HResult> {
        let recorder = &self.inner.shared.recorder;
        recorder.call(clr_control::GET_CLR_MANAGER, format_args!("{iid:?}"), || {
            match iid.interface() {
                Some(Interface::ClrTaskManager) => {
                    Ok(ClrManager::Task(RuntimeTaskManager::new(self.inner.clone())))
                }
                _ => Err(HResult::E_NOINTERFACE),
            }
        })
    }
}
