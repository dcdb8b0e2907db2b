//! The task's state word: wakes, aborts, pauses and the end of a task.
//!
//! Two models. In [`pauses`] a task waits for two others, suspended or in place, while a waker and
//! an aborter come; the winner of a wake touches what only the task's owner may. In [`ends`] a task
//! completes while its join handle is joined, given up in the middle of joining, or dropped.

macro_rules! caught {
    ($($mutant:ident, $expected:literal, $run:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $expected)]
        fn $mutant() {
            type State = crate::mutants::$mutant::State;
            let run: fn() = $run;
            run();
        }
    )*};
}

/// What a wake owes, in one type for all versions.
enum Owed {
    Submit,
    Unpark,
    Nothing,
}

/// What the completer owes, likewise.
#[derive(PartialEq)]
enum End {
    DropOutput,
    WakeJoiner,
    Nothing,
}

/// A version of the state word. The answers are those of its `transition_to_*`.
trait State: 'static {
    fn new() -> Self;
    fn woken(&self) -> Owed;
    fn aborting(&self) -> Owed;
    /// True: suspended.
    fn suspended(&self) -> bool;
    /// True: blocked.
    fn blocked(&self) -> bool;
    fn unblocked(&self);
    fn done(&self, dropped: bool) -> End;
    fn left(&self) -> bool;
    fn is_left(&self) -> bool;
    fn joined(&self) -> bool;
    fn unjoined(&self) -> bool;
    fn detached(&self) -> bool;
    fn is_done(&self) -> bool;
    fn is_blocked(&self) -> bool;
    fn is_abort_requested(&self) -> bool;
}

macro_rules! versions {
    ($($($module:ident)::+),* $(,)?) => {$(
        impl State for $($module)::+::State {
            fn new() -> Self {
                <$($module)::+::State>::new()
            }
            fn woken(&self) -> Owed {
                use $($module)::+::Wake;
                match self.transition_to_woken() {
                    Wake::Submit => Owed::Submit,
                    Wake::Unpark => Owed::Unpark,
                    Wake::Nothing => Owed::Nothing,
                }
            }
            fn aborting(&self) -> Owed {
                use $($module)::+::Wake;
                match self.transition_to_aborting() {
                    Wake::Submit => Owed::Submit,
                    Wake::Unpark => Owed::Unpark,
                    Wake::Nothing => Owed::Nothing,
                }
            }
            fn suspended(&self) -> bool {
                self.transition_to_suspended() == $($module)::+::Suspend::Suspended
            }
            fn blocked(&self) -> bool {
                self.transition_to_blocked() == $($module)::+::Suspend::Suspended
            }
            fn unblocked(&self) {
                self.transition_to_unblocked();
            }
            fn done(&self, dropped: bool) -> End {
                use $($module)::+::Completion;
                match self.transition_to_done(dropped) {
                    Completion::DropOutput => End::DropOutput,
                    Completion::WakeJoiner => End::WakeJoiner,
                    Completion::Nothing => End::Nothing,
                }
            }
            fn left(&self) -> bool {
                self.transition_to_left()
            }
            fn is_left(&self) -> bool {
                self.load().is_left()
            }
            fn joined(&self) -> bool {
                self.transition_to_joined()
            }
            fn unjoined(&self) -> bool {
                self.transition_to_unjoined()
            }
            fn detached(&self) -> bool {
                self.transition_to_detached()
            }
            fn is_done(&self) -> bool {
                self.load().is_done()
            }
            fn is_blocked(&self) -> bool {
                self.load().is_blocked()
            }
            fn is_abort_requested(&self) -> bool {
                self.load().is_abort_requested()
            }
        }
    )*};
}

versions!(
    crate::state,
    crate::mutants::state_pause_ignores_woken,
    crate::mutants::state_wake_of_active_is_forgotten,
    crate::mutants::state_wake_of_active_submits,
    crate::mutants::state_wake_by_load_and_store,
    crate::mutants::state_wake_of_blocked_owes_nothing,
    crate::mutants::state_abort_leaves_no_bit,
    crate::mutants::state_detach_does_not_report_done,
    crate::mutants::state_done_always_drops,
    crate::mutants::state_done_never_drops,
    crate::mutants::state_done_forgets_the_joiner,
    crate::mutants::state_join_after_done_waits,
    crate::mutants::state_unjoin_after_done_takes_back,
    crate::mutants::state_left_to_a_joiner,
    crate::mutants::state_left_to_nobody,
    crate::mutants::state_left_and_not_said,
    crate::mutants::state_changes_relaxed,
);

mod ends;
mod pauses;
