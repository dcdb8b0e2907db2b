//! What went wrong with a task that has no output.

use super::Id;
use super::abort;
use super::header::Header;
use crate::stack::StackError;
use crate::sync::{Arc, Mutex};
use std::any::Any;

/// Why a task ended before it ran.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The runtime was shut down.
    ShutDown,
    /// It was aborted.
    Aborted,
    /// No stack could be had for it.
    Stack(StackError),
    /// Its group had as many tasks as it may.
    Full,
    /// This process was forked off, and the runtime is its parent's.
    Forked,
}

/// Why a task has no output.
///
/// One pointer, so that an output has little more than its own size.
pub struct JoinError(Box<Failure>);

/// What is behind a [`JoinError`].
struct Failure {
    id: Id,
    name: Option<Arc<str>>,
    kind: Kind,
}

pub(super) enum Kind {
    /// In a mutex only so that the error is `Sync`.
    Panicked(Mutex<Box<dyn Any + Send>>),
    Aborted {
        by_shutdown: bool,
    },
    Refused(Refusal),
    Deadlock,
    /// The task runs in the process that this one was forked off from.
    Forked,
}

impl JoinError {
    #[cold]
    pub(super) fn new(task: &Header, kind: Kind) -> JoinError {
        JoinError(Box::new(Failure { id: task.id, name: task.name().cloned(), kind }))
    }

    pub(super) fn from_panic(task: &Header, payload: Box<dyn Any + Send>) -> JoinError {
        let kind = if abort::is_whole(&*payload) {
            Kind::Aborted { by_shutdown: task.shared.is_closing() }
        } else {
            Kind::Panicked(Mutex::new(payload))
        };
        JoinError::new(task, kind)
    }

    pub(super) fn from_refusal(task: &Header, refusal: Refusal) -> JoinError {
        JoinError::new(task, Kind::Refused(refusal))
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        self.0.id
    }

    /// True if the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.0.kind, Kind::Panicked(_))
    }

    /// True if the task was unwound before its end, by [`JoinHandle::abort`](super::JoinHandle::abort) or a shutdown; or never ran,
    /// because it was aborted before.
    pub fn is_aborted(&self) -> bool {
        matches!(self.0.kind, Kind::Aborted { .. } | Kind::Refused(Refusal::Aborted))
    }

    /// True if the task never ran because its runtime was shut down, or is not in this process: see
    /// [`JoinError::is_forked`].
    pub fn is_shut_down(&self) -> bool {
        matches!(self.0.kind, Kind::Refused(Refusal::ShutDown | Refusal::Forked))
    }

    /// True if the task never ran because its group had as many tasks as it may have.
    pub fn is_over_limit(&self) -> bool {
        matches!(self.0.kind, Kind::Refused(Refusal::Full))
    }

    /// True if this is the child of a `fork`, and the task's runtime stayed in the parent.
    pub fn is_forked(&self) -> bool {
        matches!(self.0.kind, Kind::Forked | Kind::Refused(Refusal::Forked))
    }

    /// True if the wait could never have ended: the joiner holds, inside a callback, the carrier
    /// that the other task is pinned to; or one that another callback waits for which holds that carrier, and so on
    /// in a circle.
    pub fn is_deadlock(&self) -> bool {
        matches!(self.0.kind, Kind::Deadlock)
    }

    /// The panic's payload, to look at or to raise again with [`std::panic::resume_unwind`].
    ///
    /// # Panics
    /// If the task did not panic: see [`JoinError::is_panic`].
    ///
    /// ```
    /// let runtime = sortie_scheduler::Config::new().start()?;
    /// let error = runtime.spawn(|| panic!("no such file")).join().map(|()| ()).unwrap_err();
    /// assert_eq!(error.into_panic().downcast_ref(), Some(&"no such file"));
    /// # Ok::<(), sortie_scheduler::StartError>(())
    /// ```
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        self.try_into_panic().unwrap_or_else(|error| panic!("no panic: {error}"))
    }

    /// The panic's payload, if there is one.
    ///
    /// # Errors
    /// The error itself, if the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, JoinError> {
        match self.0.kind {
            Kind::Panicked(payload) => Ok(payload.into_inner()),
            _ => Err(self),
        }
    }
}

/// The message of a panic, as far as it has one.
fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// What is said of a panic.
fn told(payload: &(dyn Any + Send)) -> String {
    match message(payload) {
        _ if abort::is_abort(payload) => {
            "panicked with what a time limit ends code with: it was caught inside of the limit, and raised again when \
             that was over"
                .to_owned()
        }
        Some(message) => format!("panicked: {message}"),
        None => "panicked with a payload that is no text".to_owned(),
    }
}

impl std::fmt::Display for JoinError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0.name {
            Some(name) => write!(f, "task {name:?} (id {}) ", self.0.id)?,
            None => write!(f, "task {} ", self.0.id)?,
        }
        match &self.0.kind {
            // What is written to is code of others: not under the lock.
            Kind::Panicked(payload) => {
                let told = told(&**payload.lock());
                f.write_str(&told)
            }
            Kind::Aborted { by_shutdown: true } => {
                f.write_str("was aborted by the shutdown of its runtime")
            }
            Kind::Aborted { by_shutdown: false } => f.write_str("was aborted"),
            Kind::Refused(Refusal::Aborted) => f.write_str("never ran: it was aborted before"),
            Kind::Refused(Refusal::ShutDown) => f.write_str(
                "never ran: its runtime was shut down; spawn before the shutdown, or on another",
            ),
            Kind::Refused(Refusal::Full) => f.write_str(
                "never ran: its group has as many tasks as it may; wait for one of them to end, or let \
                 the group queue what is beyond its limit",
            ),
            Kind::Refused(Refusal::Forked) => f.write_str(
                "never ran: this process was forked off and its runtime stayed in the parent; exec, or \
                 fork before the first runtime is built",
            ),
            Kind::Forked => f.write_str(
                "is not in this process, which was forked off: its output is for the parent to join",
            ),
            Kind::Refused(Refusal::Stack(error)) => {
                write!(f, "never ran, no stack could be had for it: {error}")
            }
            Kind::Deadlock => f.write_str(
                "is pinned to the carrier that this callback holds, or to one that is held by a callback \
                 which waits for this one's in turn, so a join here never ends; \
                 join it after the native call, or spawn it with `migrating`",
            ),
        }
    }
}

impl std::fmt::Debug for JoinError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            Kind::Refused(Refusal::Stack(error)) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::JoinError;
    use crate::Config;
    use std::fmt::Write;

    /// Where the text goes is code of others, which may wait, or ask the error itself.
    struct Asks<'a>(&'a JoinError, String);

    impl Write for Asks<'_> {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            assert!(self.0.to_string().contains(text));
            self.1.push_str(text);
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_told_to_one_who_asks_for_it_meanwhile() {
        let scheduler = Config::new().workers(1).start().expect("a scheduler");
        let error = scheduler.spawn(|| panic!("no such file")).join().unwrap_err();
        let mut asks = Asks(&error, String::new());
        write!(asks, "{error}").expect("it is written");
        assert!(asks.1.ends_with("panicked: no such file"), "{}", asks.1);
    }
}
