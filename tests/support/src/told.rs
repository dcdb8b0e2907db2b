//! What a hosted VM's runtime tells of: how often an event has come.

use sortie::hosting::{ActionOnClrEvent, ClrEvent, ClrEventData, ClrRuntimeHost, HResult};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// Counts one kind of event.
#[derive(Debug, Default)]
pub struct Told(AtomicU32);

impl Told {
    /// From now on this event of the runtime is counted.
    ///
    /// # Panics
    /// If the runtime takes no more actions for it.
    #[must_use]
    pub fn of(clr: &ClrRuntimeHost, event: ClrEvent) -> Arc<Told> {
        let told = Arc::new(Told::default());
        let registered = clr.on_event_manager().register_action_on_event(event, told.clone());
        assert_eq!(registered, HResult::S_OK);
        told
    }

    /// How often it has come.
    #[must_use]
    pub fn times(&self) -> u32 {
        self.0.load(SeqCst)
    }
}

impl ActionOnClrEvent for Told {
    fn on_event(&self, _: ClrEvent, _: ClrEventData) -> HResult {
        self.0.fetch_add(1, SeqCst);
        HResult::S_OK
    }
}
