//! Idle workers: work never waits with a worker idle and a spare asleep, and if no worker is idle
//! the monitor knows of it.
//!
//! The true lobby, parker and gate are under test. What stands between them in `shared/` and
//! `worker/` needs the whole scheduler and is repeated here, each step under its own name;
//! [`Steps`] says which of them a mutant leaves out.
//!
//! Tasks lie in one injector, a counter whose looks are Relaxed. A task is short (the carrier goes
//! on with its loop) or long (it keeps its worker for good). The monitor is the gate alone: closed
//! at the start, as if it slept, and open once somebody has kicked it.

mod carrier;
mod lobby;
mod runtime;
mod steps;

use crate::explore::explore;
use lobby::{Carrier, Lobby, Worker};
use runtime::{Runtime, Tasks, run};
use std::sync::Arc;
use steps::{Steps, TRUE_STEPS};

const NOBODY_SLEEPS: &str = "idle: a thread sleeps without limit, but none of this model may";

type TrueLobby = crate::idle::Lobby<Worker, Carrier>;

/// A push while the only worker goes idle.
fn going_idle<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 3, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0);
        run(&runtime, &[|runtime| runtime.carry(0, Tasks::Short)], Runtime::submit);
    });
}

/// Two pushes of long tasks while one worker searches and another is idle.
fn two_pushes<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_idle(1);
        runtime.lobby.add_spare(1);
        run(
            &runtime,
            &[
                |runtime| runtime.carry(0, Tasks::Long),
                |runtime| runtime.carry_from_sleep(1, Tasks::Long),
            ],
            |runtime| {
                runtime.submit();
                runtime.submit();
            },
        );
    });
}

/// Two pushes from two threads while a task back from native code takes the idle worker, and gives
/// it back.
fn borrowed_worker<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_idle(1);
        runtime.lobby.add_spare(1);
        run(
            &runtime,
            &[
                |runtime| {
                    if !runtime.reenter(0) {
                        runtime.wait_for_gift(0);
                    }
                    runtime.carry(0, Tasks::Short);
                },
                Runtime::submit,
            ],
            Runtime::submit,
        );
    });
}

/// Two pushes of long tasks with two workers idle and two spares, one of whom is called.
fn called<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_idle(2);
        runtime.lobby.add_spare(2);
        runtime.lobby.add_spare(1);
        run(&runtime, &[|runtime| runtime.carry_from_sleep(1, Tasks::Long)], |runtime| {
            runtime.submit();
            runtime.submit();
        });
    });
}

/// A spare is called for a worker that a task back from native code takes, and gives back; then
/// another task is queued.
fn called_in_vain<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_idle(1);
        runtime.lobby.add_spare(1);
        run(
            &runtime,
            &[
                |runtime| runtime.carry_from_sleep(1, Tasks::Short),
                |runtime| {
                    if !runtime.reenter(0) {
                        runtime.wait_for_gift(0);
                    }
                    runtime.carry(0, Tasks::Short);
                },
            ],
            |runtime| {
                runtime.submit();
                runtime.submit();
            },
        );
    });
}

/// A push that counts on an idle worker, which a task back from native code takes for good.
fn taken_worker<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 3, move || {
        let runtime = Runtime::<L>::new(steps).with_idle(1);
        runtime.lobby.add_spare(1);
        run(
            &runtime,
            &[|runtime| {
                runtime.reenter(0);
            }],
            Runtime::submit,
        );
    });
}

/// A push that counts on a searcher, which goes idle while tasks back from native code take all
/// idle workers for good.
fn taken_workers<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_idle(1);
        run(
            &runtime,
            &[
                |runtime| runtime.carry(0, Tasks::Long),
                |runtime| {
                    runtime.reenter(2);
                    runtime.reenter(3);
                },
            ],
            Runtime::submit,
        );
    });
}

/// A push at the cap of carriers, while one becomes a spare.
fn saturated<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 3, move || {
        let runtime = Runtime::<L>::new(steps).with_idle(1);
        run(&runtime, &[|runtime| runtime.carry_as_spare(0, Tasks::Short)], Runtime::submit);
    });
}

/// A task back from native code while the only worker goes idle.
fn line<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 3, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0);
        run(&runtime, &[|runtime| runtime.carry(0, Tasks::Short)], |runtime| {
            runtime.reenter(1);
        });
    });
}

/// A call whose worker is handed over, while a spare sleeps and work comes.
fn handed_over<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0);
        runtime.lobby.add_spare(1);
        run(
            &runtime,
            &[
                |runtime| {
                    runtime.call(0);
                    runtime.carry(0, Tasks::Short);
                },
                |runtime| runtime.carry_from_sleep(1, Tasks::Short),
            ],
            Runtime::submit,
        );
    });
}

/// The same, and the call lasts.
fn handed_over_for_good<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 3, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0);
        runtime.lobby.add_spare(1);
        let call: fn(&Runtime<L>) = |runtime| {
            let worker = runtime.take_worker(0);
            runtime.hand_on(worker);
        };
        run(&runtime, &[call], Runtime::submit);
    });
}

/// Two calls whose workers are handed over, with work before them and one spare.
fn two_handed_over<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_worker(1).before_a_queue_first();
        runtime.lobby.add_spare(2);
        runtime.submit();
        run(
            &runtime,
            &[
                |runtime| {
                    runtime.call(0);
                    runtime.carry(0, Tasks::Short);
                },
                |runtime| runtime.carry_from_sleep(2, Tasks::Short),
            ],
            |runtime| {
                runtime.call(1);
                runtime.carry(1, Tasks::Short);
            },
        );
    });
}

/// Two calls that last, whose workers are handed over with two long tasks before them and one spare.
fn handed_over_to_a_spare<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_worker(2).before_a_queue_first();
        runtime.lobby.add_spare(1);
        runtime.submit();
        runtime.submit();
        run(&runtime, &[|runtime| runtime.carry_from_sleep(1, Tasks::Long)], |runtime| {
            for carrier in [0, 2] {
                let worker = runtime.take_worker(carrier);
                runtime.hand_on(worker);
            }
        });
    });
}

/// A worker is handed over while another goes idle, and a task comes.
fn handed_over_beside_idle<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_worker(1);
        run(
            &runtime,
            &[
                |runtime| {
                    runtime.call(0);
                    runtime.carry(0, Tasks::Short);
                },
                |runtime| runtime.carry(1, Tasks::Short),
            ],
            Runtime::submit,
        );
    });
}

/// A worker goes idle while another takes tasks from one's queue into its own, and is kept by the first of them.
fn relieved<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 3, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_worker(1);
        runtime.submit();
        runtime.submit();
        run(&runtime, &[|runtime| runtime.carry(0, Tasks::Short)], Runtime::relieve);
    });
}

/// Two workers, one of them too many, and a push.
fn one_too_many<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_worker(1).holding_back(1);
        run(
            &runtime,
            &[|runtime| runtime.carry(0, Tasks::Short), |runtime| runtime.carry(1, Tasks::Short)],
            Runtime::submit,
        );
    });
}

/// The same while the worker at work is kept by a long task, and the monitor lets the other out.
fn let_out<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_worker(1).holding_back(1);
        let runtime = runtime.holds_none_back_at_rest();
        run(&runtime, &[|runtime| runtime.carry(0, Tasks::Long), Runtime::let_out], |runtime| {
            runtime.submit();
            runtime.carry(1, Tasks::Long);
        });
    });
}

/// A task yields in place, with one queued before it and a spare, and another is queued.
fn yields_in_place<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0);
        runtime.lobby.add_spare(1);
        runtime.submit();
        run(
            &runtime,
            &[
                |runtime| runtime.yield_in_place(0),
                |runtime| runtime.carry_from_sleep(1, Tasks::Short),
            ],
            Runtime::submit,
        );
    });
}

/// The same without a spare, and no thread is to be had.
fn yields_to_nobody<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 3, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0);
        runtime.submit();
        run(&runtime, &[|runtime| runtime.yield_in_place(0)], Runtime::submit);
    });
}

/// A task gives its worker away in place, and a thread that sleeps is there to run a long one, while `this` happens.
fn step_back_to_a_long_one<L: Lobby>(runtime: &Arc<Runtime<L>>, this: impl FnOnce(&Runtime<L>)) {
    let step_back = |runtime: &Runtime<L>| {
        runtime.step_back(0);
    };
    run(runtime, &[step_back, |runtime| runtime.carry_from_sleep(1, Tasks::Long)], this);
}

/// A task yields in place to a long one, while another worker goes idle.
fn yields_beside_idle<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_idle(1);
        runtime.lobby.add_spare(1);
        step_back_to_a_long_one(&runtime, Runtime::submit);
    });
}

/// A task yields in place, and a call lasts whose worker is handed over, with two long tasks before them and one spare.
fn yields_beside_a_call<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_worker(2);
        let runtime = runtime.after_placing(crate::idle::QUEUE_FIRST_EVERY - 2);
        runtime.lobby.add_spare(1);
        runtime.submit();
        runtime.submit();
        step_back_to_a_long_one(&runtime, |runtime| {
            let worker = runtime.take_worker(2);
            runtime.hand_on(worker);
        });
    });
}

/// Two tasks yield in place, and each lets the other go first.
fn two_yield_in_place<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0);
        run(&runtime, &[|runtime| runtime.yield_in_place(0)], |runtime| {
            if !runtime.reenter(1) {
                runtime.wait_for_gift(1);
            }
            runtime.yield_in_place(1);
        });
    });
}

/// A task yields in place to a long one, while the monitor means to sleep.
fn yields_while_the_monitor_looks<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 3, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0);
        runtime.lobby.add_spare(1);
        runtime.submit();
        step_back_to_a_long_one(&runtime, Runtime::close_gate);
    });
}

macro_rules! kept {
    ($($name:ident: $model:ident;)*) => {$(
        #[test]
        fn $name() {
            $model::<TrueLobby>(TRUE_STEPS);
        }
    )*};
}

kept! {
    a_push_finds_the_worker_that_goes_idle: going_idle;
    the_last_searcher_passes_on: two_pushes;
    a_borrowed_worker_is_no_excuse: borrowed_worker;
    a_worker_that_is_gone_is_no_excuse: taken_worker;
    a_searcher_that_gives_up_tells: taken_workers;
    a_refused_carrier_looks_for_a_spare: saturated;
    who_is_called_searches: called;
    who_is_called_in_vain_gives_up: called_in_vain;
    idle_and_line_are_matched: line;
    a_worker_is_handed_over: handed_over;
    a_worker_is_handed_over_for_good: handed_over_for_good;
    two_workers_are_handed_over: two_handed_over;
    a_worker_is_handed_over_to_a_spare: handed_over_to_a_spare;
    a_worker_is_handed_over_beside_an_idle_one: handed_over_beside_idle;
    a_worker_is_one_too_many: one_too_many;
    a_worker_is_let_out_again: let_out;
    tasks_that_go_from_queue_to_queue_are_found: relieved;
    who_yields_in_place_goes_on: yields_in_place;
    who_yields_in_place_without_a_spare_goes_on: yields_to_nobody;
    who_yields_in_place_leaves_no_worker_idle: yields_beside_idle;
    who_yields_in_place_takes_its_spare_from_nobody: yields_beside_a_call;
    who_yield_in_place_go_on_in_turn: two_yield_in_place;
    the_monitor_knows_who_has_yielded_in_place: yields_while_the_monitor_looks;
}

macro_rules! caught {
    ($($name:ident, $expected:literal: $run:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $expected)]
        fn $name() {
            $run;
        }
    )*};
}

caught! {
    push_without_fence, "idle: work waits, with a worker idle and a spare asleep":
        going_idle::<TrueLobby>(Steps { fence_after_push: false, ..TRUE_STEPS });
    no_look_when_idle, "idle: work waits, with a worker idle and a spare asleep":
        going_idle::<TrueLobby>(Steps { look_when_idle: false, ..TRUE_STEPS });
    a_reclaimed_worker_does_not_search, "idle: work waits, with a worker idle and a spare asleep":
        two_pushes::<TrueLobby>(Steps { search_when_reclaimed: false, ..TRUE_STEPS });
    the_last_searcher_keeps_quiet, "idle: work waits, with a worker idle and a spare asleep":
        two_pushes::<TrueLobby>(Steps { pass_the_search_on: false, ..TRUE_STEPS });
    rouse_fails_and_a_borrower_sleeps, "idle: work waits, with a worker idle and a spare asleep":
        borrowed_worker::<TrueLobby>(Steps { look_when_rouse_fails: false, ..TRUE_STEPS });
    rouse_fails_and_nobody_is_told, "no worker is idle, and nobody has told the monitor":
        taken_worker::<TrueLobby>(Steps { look_when_rouse_fails: false, ..TRUE_STEPS });
    a_searcher_gives_up_and_nobody_is_told, "no worker is idle, and nobody has told the monitor":
        taken_workers::<TrueLobby>(Steps { tell_when_none_is_left: false, ..TRUE_STEPS });
    a_refused_carrier_overlooks_a_spare, "idle: work waits, with a worker idle and a spare asleep":
        saturated::<TrueLobby>(Steps { look_when_refused: false, ..TRUE_STEPS });
    lobby_settle_overlooks_the_line, "lobby.matched":
        line::<crate::mutants::lobby_settle_overlooks_the_line::Lobby<Worker, Carrier>>(TRUE_STEPS);
    lobby_reclaim_leaves_a_spare, "idle: a carrier":
        two_pushes::<crate::mutants::lobby_reclaim_leaves_a_spare::Lobby<Worker, Carrier>>(TRUE_STEPS);
    who_was_called_does_not_search, "idle: work waits, with a worker idle and a spare asleep":
        called::<TrueLobby>(Steps { search_when_called: false, ..TRUE_STEPS });
    who_was_called_in_vain_keeps_the_search, "idle: work waits, with a worker idle and a spare asleep":
        called_in_vain::<TrueLobby>(Steps { give_up_in_vain: false, ..TRUE_STEPS });
    who_takes_several_keeps_quiet, "idle: work waits, with a worker idle and a spare asleep":
        relieved::<TrueLobby>(Steps { tell_of_others: false, ..TRUE_STEPS });
    no_look_when_handed_on, "idle: work waits, with a worker idle and a spare asleep":
        handed_over_for_good::<TrueLobby>(Steps { look_when_handed_on: false, ..TRUE_STEPS });
    hand_over_keeps_the_worker, "idle: a":
        handed_over::<TrueLobby>(Steps { hand_over_takes_it_out: false, ..TRUE_STEPS });
    lobby_place_leaves_a_spare, "idle: a carrier":
        handed_over_to_a_spare::<crate::mutants::lobby_place_leaves_a_spare::Lobby<Worker, Carrier>>(TRUE_STEPS);
    lobby_settle_overlooks_the_line_for_a_call, "idle: a":
        handed_over::<crate::mutants::lobby_settle_overlooks_the_line::Lobby<Worker, Carrier>>(TRUE_STEPS);
    lobby_retire_holds_one_more_back, "lobby.reserve":
        one_too_many::<crate::mutants::lobby_retire_holds_one_more_back::Lobby<Worker, Carrier>>(TRUE_STEPS);
    lobby_recruit_leaves_a_worker, "lobby.reserve":
        let_out::<crate::mutants::lobby_recruit_leaves_a_worker::Lobby<Worker, Carrier>>(TRUE_STEPS);
    lobby_step_back_leaves_a_spare, "idle: a":
        yields_beside_a_call::<crate::mutants::lobby_step_back_leaves_a_spare::Lobby<Worker, Carrier>>(TRUE_STEPS);
    lobby_step_back_stands_in_no_line, "idle: who yields in place sleeps for ever":
        yields_in_place::<crate::mutants::lobby_step_back_stands_in_no_line::Lobby<Worker, Carrier>>(TRUE_STEPS);
    who_yields_in_place_tells_nobody, "no worker is idle, and nobody has told the monitor":
        yields_while_the_monitor_looks::<TrueLobby>(Steps { tell_of_line: false, ..TRUE_STEPS });
}
