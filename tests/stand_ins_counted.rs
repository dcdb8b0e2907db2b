//! Who sees a thread that stands in for another finds it counted, at each moment.

use sortie::{Runtime, Snapshot};
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static RUNTIME: Mutex<Option<Arc<Runtime>>> = Mutex::new(None);
static SEEN: Mutex<Vec<Snapshot>> = Mutex::new(Vec::new());

/// Looks at the runtime whenever one of its threads has been started.
struct Looks;

struct IsStart(bool);

impl Visit for IsStart {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 |= field.name() == "message" && format!("{value:?}") == "start";
    }
}

impl Subscriber for Looks {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == "sortie::carrier"
    }

    fn event(&self, event: &Event<'_>) {
        let mut start = IsStart(false);
        event.record(&mut start);
        if start.0
            && let Some(runtime) = &*RUNTIME.lock().unwrap()
        {
            SEEN.lock().unwrap().push(runtime.snapshot());
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn a_stand_in_is_counted_before_its_thread() {
    tracing::subscriber::set_global_default(Looks).unwrap();
    let runtime = Arc::new(Runtime::builder().workers(1).build().unwrap());
    *RUNTIME.lock().unwrap() = Some(runtime.clone());
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let computes = runtime.spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    });
    runtime.spawn(|| ()).join().unwrap();
    stop.store(true, Ordering::Relaxed);
    computes.join().unwrap();
    *RUNTIME.lock().unwrap() = None;
    let seen = std::mem::take(&mut *SEEN.lock().unwrap());
    assert!(!seen.is_empty(), "another thread runs what waits");
    for snapshot in seen {
        let stand_ins = snapshot.retakes + snapshot.compensations;
        assert!(snapshot.carriers as u64 <= 1 + stand_ins, "{snapshot:?}");
    }
    let runtime = Arc::into_inner(runtime).expect("nobody else looks any more");
    assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
}
