//! The runtime's events, written down by a layer of `tracing`.
//!
//! Must not call the runtime: an event is made in the middle of a transition.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// One transition, in the runtime's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) name: String,
    pub(crate) task: u64,
    /// The function called or returned from; empty where the event names none.
    pub(crate) target: String,
    /// The layers after it, from the base to the top.
    pub(crate) layers: String,
}

/// Where the transitions are written. Clones write to the same list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<Transition>>>);

impl Recorder {
    /// The layer that writes, for a subscriber.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let crossing = Targets::new().with_target("sortie::crossing", LevelFilter::TRACE);
        self.clone().with_filter(crossing)
    }

    /// The transitions of one task, in order.
    pub(crate) fn of(&self, task: u64) -> Vec<Transition> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|it| it.task == task).cloned().collect()
    }
}

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut transition = Transition::default();
        event.record(&mut transition);
        // Other events of the target tell of re-entries and refusals.
        if !transition.name.is_empty() {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(transition);
        }
    }
}

impl Visit for Transition {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "task" {
            self.task = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "transition" => self.name = value.to_owned(),
            "target" => self.target = value.to_owned(),
            "layers" => self.layers = value.to_owned(),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
