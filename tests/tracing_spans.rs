//! What is logged in a task carries the task's span, on whatever thread it runs; quiet work says
//! nothing at the level `info`.

use sortie::native::{self, Target};
use sortie::task::Builder;
use sortie_test::each;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Mutex, Once};
use std::time::Duration;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

static NATIVE: Target = Target::named("native code");

thread_local! {
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// One event: its level, target and message, and the spans that were entered.
#[derive(Clone, Debug)]
struct Seen {
    level: Level,
    target: String,
    text: String,
    spans: Vec<String>,
}

static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());
static SPANS: Mutex<Option<HashMap<u64, String>>> = Mutex::new(None);

/// Writes down every event with the spans that are entered on its thread.
struct Recorder;

struct Text(String);

impl tracing::field::Visit for Text {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = Text(format!("{} ", span.metadata().name()));
        span.record(&mut text);
        let mut spans = SPANS.lock().unwrap();
        let spans = spans.get_or_insert_default();
        let id = spans.len() as u64 + 1;
        spans.insert(id, text.0);
        Id::from_u64(id)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let entered = ENTERED.with_borrow(Vec::clone);
        let known = SPANS.lock().unwrap();
        let names = entered.iter().map(|id| known.as_ref().unwrap()[id].clone());
        let seen = Seen {
            level: *event.metadata().level(),
            target: event.metadata().target().to_owned(),
            text: text.0,
            spans: names.collect(),
        };
        drop(known);
        SEEN.lock().unwrap().push(seen);
    }

    fn enter(&self, span: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        let last = ENTERED.with_borrow_mut(Vec::pop);
        assert_eq!(last, Some(span.into_u64()), "exited on the thread that entered it");
    }
}

fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Recorder).unwrap());
    SEEN.lock().unwrap().clear();
}

fn seen() -> Vec<Seen> {
    SEEN.lock().unwrap().clone()
}

#[test]
fn events_carry_the_span_of_their_task() {
    each(|runtime| {
        record();
        let handle = runtime.handle();
        let tasks: Vec<_> = (0..20)
            .map(|n| {
                let span = tracing::info_span!("request", number = n);
                Builder::new().span(span).spawn_on(&handle, move || {
                    let mine = format!("request number={n} ");
                    for _ in 0..10 {
                        tracing::info!(target: "test", n);
                        assert_eq!(
                            ENTERED.with_borrow(|entered| entered.len()),
                            1,
                            "one span, that of the task"
                        );
                        sortie::yield_now();
                        sortie::sleep(Duration::from_micros(50));
                        native::call(&NATIVE, || sortie_natives::nanosleep(100_000));
                    }
                    mine
                })
            })
            .collect();
        let spans: Vec<_> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
        let events: Vec<_> = seen().into_iter().filter(|seen| seen.target == "test").collect();
        assert_eq!(events.len(), 200);
        for event in events {
            let [span] = &event.spans[..] else { panic!("not one span: {event:?}") };
            let n: usize = event.text.trim().strip_prefix("n=").unwrap().parse().unwrap();
            assert_eq!(*span, spans[n]);
        }
    });
}

#[test]
fn a_task_without_a_span_gets_one_with_its_number_and_name() {
    each(|runtime| {
        record();
        let task = Builder::new().name("loader").spawn_on(&runtime.handle(), || {
            tracing::info!(target: "test", "inside");
        });
        let id = task.id();
        task.join().unwrap();
        let event = seen().into_iter().find(|seen| seen.target == "test").unwrap();
        assert_eq!(event.spans.len(), 1);
        assert!(event.spans[0].starts_with("task "), "{event:?}");
        assert!(event.spans[0].contains(&format!("id={id} ")), "{event:?}");
        assert!(event.spans[0].contains("loader"), "{event:?}");
    });
}

#[test]
fn quiet_work_says_nothing_that_operators_must_read() {
    each(|runtime| {
        record();
        runtime.run(|| {
            let tasks: Vec<_> = (0..20)
                .map(|_| {
                    sortie::spawn(|| {
                        sortie::yield_now();
                        native::call(&NATIVE, || {
                            native::callback((), || sortie::sleep(Duration::from_micros(10)));
                        });
                    })
                })
                .collect();
            tasks.into_iter().for_each(|task| task.join().unwrap());
        });
        let loud: Vec<_> = seen().into_iter().filter(|seen| seen.level <= Level::INFO).collect();
        assert!(loud.is_empty(), "{loud:?}");
    });
}

#[test]
fn each_transition_is_an_event_with_target_and_layers() {
    each(|runtime| {
        record();
        runtime.run(|| {
            let target = Target::new(0x1234);
            native::call_here(&target, || native::callback((), || ()));
        });
        let events: Vec<_> = seen()
            .into_iter()
            .filter(|seen| seen.target == "sortie::crossing" && seen.text.contains("transition="))
            .collect();
        let expected = [
            ("transition=leave", "0x1234", "layers=R0 U(0x1234)"),
            ("transition=reverse_enter", "", "layers=R0 U(0x1234) R"),
            ("transition=reverse_leave", "0x1234", "layers=R0 U(0x1234)"),
            ("transition=enter", "0x1234", "layers=R0"),
        ];
        assert_eq!(events.len(), expected.len(), "{events:?}");
        for (event, (transition, target, layers)) in events.iter().zip(expected) {
            assert_eq!(event.level, Level::TRACE);
            for part in [transition, target, layers, "task="] {
                assert!(event.text.contains(part), "{part:?} is missing: {event:?}");
            }
        }
    });
}
