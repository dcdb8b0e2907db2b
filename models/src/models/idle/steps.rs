//! The repeated steps.

/// The repeated steps, each of which a mutant leaves out.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    /// `Shared::after_queueing`: the fence between the push and the look at the counters.
    pub(super) fence_after_push: bool,
    /// `sleep_as_spare`: the look at the queues after the worker went idle.
    pub(super) look_when_idle: bool,
    /// `sleep_as_spare`: work waits, and no worker is idle for it any more: somebody is told.
    pub(super) tell_when_none_is_left: bool,
    /// `sleep_as_spare`: the worker that it takes back counts as searching, so that what else
    /// was queued meanwhile is passed on.
    pub(super) search_when_reclaimed: bool,
    /// `found_work`: the last searcher passes the search on.
    pub(super) pass_the_search_on: bool,
    /// `Shared::rouse`: it held the search and found no idle worker: it looks once more.
    pub(super) look_when_rouse_fails: bool,
    /// `Shared::start_carrier_for`: no carrier could be had: it looks once more for a spare.
    pub(super) look_when_refused: bool,
    /// `Shared::hand_on`: a worker that nobody wanted is idle: it looks once more.
    pub(super) look_when_handed_on: bool,
    /// `sleep_as_spare`: a spare that was called in vain does not count as searching any more.
    pub(super) give_up_in_vain: bool,
    /// `sleep`: a spare that was called, and finds a worker, goes on as the searcher.
    pub(super) search_when_called: bool,
    /// `worker::pick`: who takes several tasks from another's queue tells of those that it does not run.
    pub(super) tell_of_others: bool,
    /// `crossing::step_back`: who yields in place says that it is in line.
    pub(super) tell_of_line: bool,
    /// `crossing::hand_over`: the worker is out of the cell before it goes elsewhere.
    pub(super) hand_over_takes_it_out: bool,
}

pub(super) const TRUE_STEPS: Steps = Steps {
    fence_after_push: true,
    look_when_idle: true,
    tell_when_none_is_left: true,
    search_when_reclaimed: true,
    pass_the_search_on: true,
    look_when_rouse_fails: true,
    look_when_refused: true,
    look_when_handed_on: true,
    give_up_in_vain: true,
    search_when_called: true,
    tell_of_others: true,
    tell_of_line: true,
    hand_over_takes_it_out: true,
};
