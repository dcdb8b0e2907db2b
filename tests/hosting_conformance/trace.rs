//! The record of a scenario: what was called, in order.

use sortie::hosting::method::{Interface, Method};
use sortie::hosting::{Call, HResult, Observer};
use sortie::transition::Layer;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// So many layers are kept of each call.
const MOST_LAYERS: usize = 32;

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A hosting call is over.
    Call { method: Method, arguments: String, result: HResult, layers: Vec<Layer> },
    /// The VM, or the scenario, says something.
    Note(String),
}

/// An event, and whose it is: of a host task, by its number, or of a thread without one.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) task: Option<u64>,
    pub(crate) event: Event,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    tasks: HashMap<u64, String>,
    targets: HashMap<usize, String>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Trace(Mutex<State>);

impl Trace {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this task is called in the text.
    pub(crate) fn name_task(&self, task: u64, name: &str) {
        self.state().tasks.insert(task, name.to_owned());
    }

    /// What this task is called.
    pub(crate) fn task(&self, task: u64) -> String {
        self.state().task(task)
    }

    /// What this native function is called in the text.
    pub(crate) fn name_target(&self, target: usize, name: &str) {
        self.state().targets.insert(target, name.to_owned());
    }

    pub(crate) fn note(&self, task: Option<u64>, text: impl Into<String>) {
        self.state().entries.push(Entry { task, event: Event::Note(text.into()) });
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.state().entries.clone()
    }

    /// The record as text, a line for each event for which `shows` is true.
    pub(crate) fn lines(&self, shows: impl Fn(&Event) -> bool) -> Vec<String> {
        let state = self.state();
        let shown = state.entries.iter().filter(|entry| shows(&entry.event));
        shown.map(|entry| state.line(entry)).collect()
    }
}

impl State {
    fn line(&self, entry: &Entry) -> String {
        let task = entry.task.map_or("-".to_owned(), |task| self.task(task));
        match &entry.event {
            Event::Note(text) => format!("{task} | {text}"),
            Event::Call { method, arguments, result, layers } => {
                let name = shortest_name(*method);
                let arguments = self.arguments(arguments);
                let layers: Vec<_> = layers.iter().map(|layer| self.layer(*layer)).collect();
                format!("{task} {name}({arguments}) = {result:?} [{}]", layers.join(" "))
            }
        }
    }

    fn task(&self, task: u64) -> String {
        self.tasks.get(&task).cloned().unwrap_or_else(|| format!("?{task}"))
    }

    fn target(&self, target: usize) -> String {
        self.targets.get(&target).cloned().unwrap_or_else(|| format!("{target:#x}"))
    }

    /// Numbers that have names are written by them: addresses, and tasks as `task 3`.
    fn arguments(&self, arguments: &str) -> String {
        let words = arguments.split(' ').map(|word| {
            let hexadecimal =
                word.strip_prefix("0x").and_then(|digits| usize::from_str_radix(digits, 16).ok());
            let task = word.strip_prefix('#').and_then(|digits| digits.parse().ok());
            match (hexadecimal, task) {
                (Some(target), _) => self.target(target),
                (_, Some(task)) => self.task(task),
                _ => word.to_owned(),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn layer(&self, layer: Layer) -> String {
        match layer {
            Layer::Native { target } => format!("U({})", self.target(target)),
            Layer::Unhooked { target } => format!("Ux({})", self.target(target)),
            layer => layer.to_string(),
        }
    }
}

/// Its name, with the interface where the name alone is not clear.
pub(crate) fn shortest_name(method: Method) -> String {
    let methods = Interface::ALL.iter().flat_map(|interface| interface.methods());
    if methods.filter(|other| other.name() == method.name()).count() > 1 {
        method.to_string()
    } else {
        method.name().to_owned()
    }
}

impl Observer for Trace {
    fn call(&self, call: &Call<'_>) {
        // Whether the monitor finds that a task has run for too long is for the machine to say.
        if thread::current().name() == Some("sortie-mon") {
            return;
        }
        let event = Event::Call {
            method: call.method,
            arguments: call.arguments.to_owned(),
            result: call.result,
            // Of a deep stack the top: ten thousand layers after each of ten thousand calls are too much.
            layers: call.layers[call.layers.len().saturating_sub(MOST_LAYERS)..].to_vec(),
        };
        self.state().entries.push(Entry { task: call.task, event });
    }
}
