//! A task without a worker gets another, in the order of the README; and who is about to wait in place gives its own away.

use super::end::stop;
use super::{Bound, Refused, Terminated};
use crate::carrier::Carrier;
use crate::fiber::Reason;
use crate::foreign;
use crate::hold;
use crate::idle::Next;
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::task::Header;
use crate::wait;
use crate::worker::Worker;
use crate::worker::without::{wait_for_gift, wait_within};

pub(super) fn reenter(carrier: &Carrier, task: &Header) -> Result<(), Terminated> {
    let shared = carrier.shared();
    let wait = || {
        hold::wait_in_place(carrier, task);
        Ok(())
    };
    hold::pass_by(carrier, task, wait, || {
        if shared.is_terminated() {
            return Err(Terminated);
        }
        let idle = || shared.lobby.take_idle();
        if !carrier.foreign
            && let Some(worker) =
                idle().or_else(|| shared.patience.wait(idle)).or_else(|| shared.look_in_passing())
        {
            // SAFETY: this is the carrier's thread, and the word says `WAITING`.
            unsafe { carrier.put_worker(worker) };
            return Ok(Regained::InPlace);
        }
        if wait::is_switchable(task)
            && !task
                .no_suspend
                .postpone("the return from a native call, which has lost its worker,")
            && wait::is_to_switch(task)
        {
            wait::switch_away(task, Reason::Reentering);
            return Ok(Regained::Elsewhere);
        }
        if carrier.foreign && !foreign::is_visiting(carrier) {
            return foreign::visit(carrier, regain).map(|()| Regained::InPlace);
        }
        regain(carrier).map(|()| Regained::InPlace)
    })
}

/// An idle worker, or one from behind a native call that blocks.
fn free_worker(shared: &Shared) -> Option<Box<Worker>> {
    shared.lobby.take_idle().or_else(|| shared.look_in_passing())
}

/// As [`reenter`], in place, and not for ever.
pub(super) fn reenter_within(
    carrier: &Carrier,
    task: &Header,
    bound: &Bound<'_>,
) -> Result<(), Refused> {
    let shared = carrier.shared();
    let wait = || hold::wait_in_place_within(carrier, task, bound);
    hold::pass_by(carrier, task, wait, || {
        if shared.is_terminated() {
            return Err(Refused::Terminated);
        }
        if !carrier.foreign
            && let Some(worker) = free_worker(shared)
        {
            // SAFETY: this is the carrier's thread, and the word says `WAITING`.
            unsafe { carrier.put_worker(worker) };
            return Ok(Regained::InPlace);
        }
        // It may wait on the carrier now, where a shutdown must find it.
        shared.living.add(task);
        let regain = |carrier: &Carrier| regain_by(carrier, |carrier| wait_within(carrier, bound));
        if carrier.foreign && !foreign::is_visiting(carrier) {
            return foreign::visit(carrier, regain).map(|()| Regained::InPlace);
        }
        regain(carrier).map(|()| Regained::InPlace)
    })
}

/// Where a task has a worker again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Regained {
    /// On its carrier.
    InPlace,
    /// It was switched away: perhaps on another.
    Elsewhere,
}

/// A carrier without a worker stands in line for one.
pub(crate) fn regain(carrier: &Carrier) -> Result<(), Terminated> {
    regain_by(carrier, |carrier| wait_for_gift(carrier).ok_or(Terminated))
}

fn regain_by<E: From<Terminated>>(
    carrier: &Carrier,
    wait: impl FnOnce(&Carrier) -> Result<Box<Worker>, E>,
) -> Result<(), E> {
    let shared = carrier.shared();
    match shared.lobby.request(carrier.as_ref()) {
        Err(()) => return Err(Terminated.into()),
        // SAFETY: this is the carrier's thread, and the word says `WAITING`.
        Ok(Some(worker)) => unsafe { carrier.put_worker(worker) },
        Ok(None) => {
            // The monitor may sleep, and nobody else may come by a scheduling point.
            shared.after_queueing();
            // SAFETY: as above.
            unsafe { carrier.put_worker(wait(carrier)?) };
        }
    }
    Ok(())
}

/// As [`regain`], once there is no hold, for managed code that cannot be told of an end: it unwinds, or if foreign frames
/// lie between, its thread stops here for good.
pub(crate) fn regain_or_stop(carrier: &Carrier, task: &Header) {
    let wait = || {
        hold::wait_in_place(carrier, task);
        Ok(())
    };
    let regain = || {
        if let Some(worker) = free_worker(carrier.shared()) {
            // SAFETY: this is the carrier's thread, and the word says `WAITING`.
            unsafe { carrier.put_worker(worker) };
            return Ok(Regained::InPlace);
        }
        regain(carrier).map(|()| Regained::InPlace)
    };
    if hold::pass_by(carrier, task, wait, regain).is_err() {
        stop(task);
    }
}

/// A carrier that is about to wait in place gives its worker to whoever can use it.
pub(crate) fn give_away(carrier: &Carrier) {
    carrier.word.wait();
    pass_on(carrier);
}

/// Lets those in line, and what is queued, have the worker before the current task, which waits in place, has it again.
pub(crate) fn step_back(carrier: &Carrier, task: &Header) {
    carrier.word.wait();
    let shared = carrier.shared();
    // SAFETY: this is the carrier's thread, and the word lets nobody take the worker.
    let is_recalled = unsafe { carrier.with_worker(|worker| worker.is_recalled()) };
    let queued = shared.work_is_queued();
    let next = match is_recalled {
        Some(false) => shared.lobby.step_back(carrier.as_ref(), queued),
        // Nobody is to have it: it goes back.
        Some(true) | None => None,
    };
    let Some(next) = next else {
        pass_on(carrier);
        return regain_or_stop(carrier, task);
    };
    // SAFETY: as above.
    if let Some(mut worker) = unsafe { carrier.take_worker() } {
        worker.handed_off = true;
        worker.serves_timers = false;
        worker.count(Counter::HandOffs);
        match next {
            Next::Carrier(next) => next.give(worker),
            Next::NoSpare => drop(shared.start_carrier_for(worker)),
        }
    }
    // As in `regain_by`: the line may have been empty.
    shared.after_queueing();
    let Some(worker) = wait_for_gift(carrier) else { stop(task) };
    // SAFETY: this is the carrier's thread, and the word says `WAITING`.
    unsafe { carrier.put_worker(worker) };
    // A hold that has begun meanwhile has found the task without a worker, and takes it for held.
    if !hold::is_to_pass(carrier, task) {
        give_away(carrier);
        regain_or_stop(carrier, task);
    }
}

/// The worker leaves its carrier, whose word says already that it has none.
pub(super) fn pass_on(carrier: &Carrier) {
    // SAFETY: this is the carrier's thread, and the word lets nobody take the worker.
    if let Some(mut worker) = unsafe { carrier.take_worker() } {
        worker.hand_off();
        worker.count(Counter::HandOffs);
        let index = worker.index;
        carrier.shared().hand_on(worker);
        tracing::debug!(
            target: "sortie::crossing",
            carrier = carrier.index,
            worker = index,
            "hand-off"
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::idle::{Lobby, Next, Placed, QUEUE_FIRST_EVERY};

    type Place = Lobby<u32, &'static str>;

    fn next(lobby: &Place, queued: bool) -> Option<Option<&'static str>> {
        lobby.step_back("who yields", queued).map(|next| match next {
            Next::Carrier(carrier) => Some(carrier),
            Next::NoSpare => None,
        })
    }

    /// There is no moment at which the worker has gone and its carrier is not in line.
    #[test]
    fn who_steps_back_is_in_line_when_its_worker_goes() {
        let lobby = Place::new();
        assert_eq!(next(&lobby, false), None, "for nobody");
        assert!(lobby.line().is_empty());
        assert_eq!(next(&lobby, true), Some(None), "for what is queued");
        assert_eq!(lobby.line(), ["who yields"]);
        assert!(lobby.leave_line("who yields"));
        lobby.add_spare("spare");
        assert_eq!(next(&lobby, true), Some(Some("spare")));
        assert_eq!((lobby.line(), lobby.spares()), (vec!["who yields"], 0));
        assert!(lobby.leave_line("who yields"));
        assert!(matches!(lobby.request("first"), Ok(None)));
        assert_eq!(next(&lobby, false), Some(Some("first")));
        assert_eq!(lobby.line(), ["who yields"]);
    }

    #[test]
    fn what_is_queued_goes_before_the_line_every_so_often() {
        let lobby = Place::new();
        assert!(matches!(lobby.request("first"), Ok(None)));
        for placed in 1..=2 * QUEUE_FIRST_EVERY {
            let spare = placed.is_multiple_of(QUEUE_FIRST_EVERY);
            let expected = if spare { "spare" } else { "first" };
            lobby.add_spare("spare");
            assert_eq!(next(&lobby, true), Some(Some(expected)), "{placed}");
            assert!(lobby.leave_line("who yields"));
            assert_eq!(lobby.take_spare(|_| true).is_none(), spare);
            if !spare {
                assert!(matches!(lobby.request("first"), Ok(None)));
            }
        }
    }

    #[test]
    fn nobody_stands_in_line_beside_an_idle_worker_or_at_the_end() {
        let lobby = Place::new();
        lobby.add_spare("spare");
        assert!(matches!(lobby.put_idle(0), Placed::Idle));
        assert_eq!(next(&lobby, true), None);
        assert_eq!(lobby.take_idle(), Some(0));
        drop(lobby.close());
        assert_eq!(next(&lobby, true), None);
        assert!(lobby.line().is_empty());
    }
}
