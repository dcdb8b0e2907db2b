//! What the observer is told, written down as it comes; as a table, and as JSON.

use crate::table;
use comfy_table::Table;
use serde_json::{Value, json};
use sortie::hosting::{Call, HResult, Method, Observer, method};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// A hosting call that is over.
struct Row {
    task: Option<u64>,
    thread: usize,
    method: Method,
    arguments: String,
    native: usize,
    managed: usize,
    result: HResult,
}

#[derive(Default)]
struct State {
    rows: Vec<Row>,
    /// In the order in which they came.
    threads: Vec<ThreadId>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Record(Mutex<State>);

impl Record {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All calls, in order.
    pub(crate) fn table(&self) -> Table {
        let mut table = table::table(&["call", "result", "task", "thread", "native", "managed"], 2);
        for row in &self.state().rows {
            table.add_row([
                format!("{}({})", row.method, row.arguments),
                format!("{:?}", row.result),
                row.task.map_or("-".to_owned(), |task| task.to_string()),
                row.thread.to_string(),
                row.native.to_string(),
                row.managed.to_string(),
            ]);
        }
        table
    }

    /// All calls, in order, as one array.
    pub(crate) fn json(&self) -> Value {
        self.state().rows.iter().map(Row::json).collect()
    }

    /// Did a collection begin and end between a task's way out to native code and its way back?
    pub(crate) fn is_held_while_native(&self) -> bool {
        let state = self.state();
        let at = |wanted| state.rows.iter().position(|row| row.method == wanted);
        let steps = [
            at(method::host_task_manager::LEAVE_RUNTIME),
            at(method::host_gc_manager::SUSPENSION_STARTING),
            at(method::host_gc_manager::SUSPENSION_ENDING),
            at(method::host_task_manager::ENTER_RUNTIME),
        ];
        steps.iter().all(Option::is_some) && steps.is_sorted()
    }

    /// Has an abort become a rude one, that the unload of a group, and was that told of?
    pub(crate) fn has_escalated(&self) -> bool {
        let state = self.state();
        let at = |wanted, arguments: &str| {
            let is_it = |row: &Row| row.method == wanted && row.arguments.starts_with(arguments);
            state.rows.iter().position(is_it)
        };
        let policies = |arguments| at(method::host_policy_manager::ON_TIMEOUT, arguments);
        let steps = [
            at(method::host_policy_manager::ON_DEFAULT_ACTION, "ThreadAbort AbortThread"),
            policies("ThreadAbort RudeAbortThread"),
            policies("ThreadRudeAbortInCriticalRegion UnloadAppDomain"),
            at(method::action_on_clr_event::ON_EVENT, "DomainUnload"),
        ];
        steps.iter().all(Option::is_some) && steps.is_sorted()
    }
}

impl Row {
    fn json(&self) -> Value {
        json!({
            "interface": self.method.interface().name(),
            "method": self.method.name(),
            "arguments": self.arguments,
            "task": self.task,
            "thread": self.thread,
            "layers": { "native": self.native, "managed": self.managed },
            "result": format!("{:?}", self.result),
            "code": format!("{:#010x}", self.result.code()),
        })
    }
}

impl Observer for Record {
    fn call(&self, call: &Call<'_>) {
        let here = thread::current().id();
        let (native, managed) = call.depth();
        let mut state = self.state();
        let known = state.threads.iter().position(|thread| *thread == here);
        let thread = known.unwrap_or_else(|| {
            state.threads.push(here);
            state.threads.len() - 1
        });
        let arguments = call.arguments.to_owned();
        let Call { method, task, result, .. } = *call;
        state.rows.push(Row { task, thread, method, arguments, native, managed, result });
    }
}
