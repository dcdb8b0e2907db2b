//! The VM of the scenarios: it notes what it is called back for.

use crate::trace::Trace;
use sortie::hosting::{CarrierHandle, ClrTask, ClrTaskManager, HResult, Lcid};
use std::sync::{Arc, Mutex, PoisonError};

/// What the VM answers where a scenario wants another answer than [`S_OK`](HResult::S_OK).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answers {
    pub(crate) create_task: HResult,
    pub(crate) switch_out: HResult,
    /// The task of this name is waited for.
    pub(crate) needs_priority: Option<&'static str>,
}

impl Default for Answers {
    fn default() -> Answers {
        Answers { create_task: HResult::S_OK, switch_out: HResult::S_OK, needs_priority: None }
    }
}

/// See the module.
pub(crate) struct TestVm {
    trace: Arc<Trace>,
    answers: Mutex<Answers>,
}

impl TestVm {
    pub(crate) fn new(trace: Arc<Trace>, answers: Answers) -> TestVm {
        TestVm { trace, answers: Mutex::new(answers) }
    }

    /// What it answers to the next request for a half.
    pub(crate) fn set_create_task(&self, result: HResult) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).create_task = result;
    }
}

impl ClrTaskManager for TestVm {
    fn create_task(&self) -> Result<Arc<dyn ClrTask>, HResult> {
        let answers = *self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.create_task.ok()?;
        Ok(Arc::new(TestTask { trace: self.trace.clone(), answers }))
    }

    fn set_locale(&self, locale: Lcid) -> HResult {
        self.trace.note(crate::stage::current(), format!("vm SetLocale {locale}"));
        HResult::S_OK
    }

    fn set_ui_locale(&self, locale: Lcid) -> HResult {
        self.trace.note(crate::stage::current(), format!("vm SetUILocale {locale}"));
        HResult::S_OK
    }
}

struct TestTask {
    trace: Arc<Trace>,
    answers: Answers,
}

impl ClrTask for TestTask {
    fn switch_in(&self, carrier: CarrierHandle) -> HResult {
        assert_ne!(carrier.0, 0, "no carrier");
        self.trace.note(crate::stage::current(), "vm SwitchIn");
        HResult::S_OK
    }

    fn switch_out(&self) -> HResult {
        self.trace.note(crate::stage::current(), "vm SwitchOut");
        self.answers.switch_out
    }

    fn exit_task(&self) -> HResult {
        self.trace.note(crate::stage::current(), "vm ExitTask");
        HResult::S_OK
    }

    fn needs_priority_scheduling(&self) -> Result<bool, HResult> {
        let task = crate::stage::current().map(|task| self.trace.task(task));
        Ok(self.answers.needs_priority.is_some() && task.as_deref() == self.answers.needs_priority)
    }
}
