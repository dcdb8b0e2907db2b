//! Who wants to see transitions sees those of every call from then on, and of functions that were known before; who does
//! not any more costs nothing any more.

use sortie::native::{self, Class, Policy, Target};
use sortie_test::each;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_core::callsite::rebuild_interest_cache;

static SHORT: Target = Target::named("native code").with_policy(Policy::new().class(Class::Short));

static IS_CURIOUS: AtomicBool = AtomicBool::new(false);
static LEAVES: AtomicUsize = AtomicUsize::new(0);
static ENTERS: AtomicUsize = AtomicUsize::new(0);

/// Counts transitions, while it is curious.
struct Counter;

/// Is it one of these?
struct Transition(&'static AtomicUsize, &'static str);

impl tracing::field::Visit for Transition {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        if field.name() == "transition" && format!("{value:?}") == self.1 {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Subscriber for Counter {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() < Level::TRACE || IS_CURIOUS.load(Ordering::Relaxed)
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Transition(&LEAVES, "leave"));
        event.record(&mut Transition(&ENTERS, "enter"));
    }

    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

fn be_curious(yes: bool) {
    IS_CURIOUS.store(yes, Ordering::Relaxed);
    rebuild_interest_cache();
}

/// The transitions that are seen of so many calls, out and back.
fn seen(calls: usize) -> (usize, usize) {
    LEAVES.store(0, Ordering::Relaxed);
    ENTERS.store(0, Ordering::Relaxed);
    for _ in 0..calls {
        native::call_here(&SHORT, || ());
    }
    (LEAVES.load(Ordering::Relaxed), ENTERS.load(Ordering::Relaxed))
}

#[test]
fn each_call_is_traced_while_somebody_wants_it() {
    tracing::subscriber::set_global_default(Counter).unwrap();
    each(|runtime| {
        runtime.run(|| {
            assert_eq!(seen(200), (0, 0));
            be_curious(true);
            assert_eq!(seen(200), (200, 200));
            be_curious(false);
            assert_eq!(seen(200), (0, 0));
        });
    });
}
