//! What a runtime says to operators: its tracing events of the levels `warn` and `error`.

use std::fmt::Debug;
use std::sync::{Mutex, Once, PoisonError};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());

/// One event.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its target, `sortie::carrier` for one.
    pub target: String,
    /// Its fields, the message among them.
    pub text: String,
}

/// Writes events down from now on, for the whole process, and forgets what was written before.
///
/// # Panics
/// If the process has another subscriber.
pub fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(Recorder).expect("no other subscriber");
    });
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// What was written down.
#[must_use]
pub fn seen() -> Vec<Seen> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

struct Recorder;

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let target = event.metadata().target().to_owned();
        SEEN.lock().unwrap_or_else(PoisonError::into_inner).push(Seen { target, text: text.0 });
    }
}
