//! The tasks of a pool, and how they come to the items that wait.
//!
//! An item runs on a task of the pool's, a host task as those that a VM makes. Such a task serves one item after the
//! other; if there is none it rests, if the pool is to have so many at rest, and else ends: to make another is cheap.
//! Items that may take long have a task each, and are not counted; those for the persistent thread, one task for all,
//! which stays on its thread.
//!
//! INVARIANT(pool.running): `running` counts the tasks that serve counted items, and each gives its place back however
//! it ends ([`Served`]). While items wait and places are free, as many tasks are on their way to them: whoever frees a
//! place, adds an item or raises the bound sees to that ([`Pool::advance`]).

use crate::hosting::HResult;
use crate::hosting::host::HostShared;
use crate::hosting::task::start_task;
use crate::sync::channel::{self, Receiver, Sender};
use crate::task;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Item = Box<dyn FnOnce() + Send>;

/// How many items may run at a time for each worker, if nothing is said.
const MOST_PER_WORKER: u32 = 25;

/// What a host keeps of its pool.
pub(in crate::hosting) struct Pool {
    state: Mutex<State>,
    /// A message for each task at rest that is called.
    calls: (Sender<()>, Receiver<()>),
    /// What the persistent thread is to run.
    persistent: (Sender<Item>, Receiver<Item>),
}

#[derive(Default)]
pub(super) struct State {
    pub(super) items: VecDeque<Item>,
    pub(super) running: u32,
    /// Of those that run, so many were started and have not come yet.
    coming: u32,
    pub(super) resting: u32,
    /// Of those at rest, so many are called and have not come yet.
    called: u32,
    pub(super) max: u32,
    pub(super) min: u32,
    has_persistent: bool,
}

/// What is to be done for the items that wait.
enum Step {
    Call,
    /// A task is to be started, whose place is counted already.
    Start,
    Nothing,
}

impl State {
    fn step(&mut self) -> Step {
        let on_their_way = self.called + self.coming;
        if self.items.len() <= on_their_way as usize || self.running + self.called >= self.max {
            return Step::Nothing;
        }
        if self.resting > self.called {
            self.called += 1;
            Step::Call
        } else {
            self.running += 1;
            self.coming += 1;
            Step::Start
        }
    }
}

impl Pool {
    pub(in crate::hosting) fn new(workers: usize) -> Pool {
        let max = MOST_PER_WORKER * u32::try_from(workers).unwrap_or(1).max(1);
        Pool {
            state: Mutex::new(State { max, ..State::default() }),
            calls: channel::unbounded(),
            persistent: channel::unbounded(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls a task at rest.
    fn call(&self) {
        // The pool has both ends of it.
        let _ = self.calls.0.send(());
    }

    /// Sends tasks to the items that wait, as many as may run.
    pub(super) fn advance(host: &Arc<HostShared>) {
        loop {
            let step = host.pool.state().step();
            match step {
                Step::Call => host.pool.call(),
                Step::Start => {
                    let served = Served { host: host.clone(), place: Place::Coming };
                    if start(host, move || serve(served)).is_failure() {
                        // The runtime underneath is gone, and with it the closure and its place.
                        return;
                    }
                }
                Step::Nothing => return,
            }
        }
    }

    /// Sees to it that so many tasks are at rest as there shall be.
    pub(super) fn fill(host: &Arc<HostShared>) {
        let state = host.pool.state();
        let surplus = (state.running + state.resting).saturating_sub(state.min);
        let surplus = surplus.min(state.resting);
        drop(state);
        // They come, find nothing to do, and end.
        (0..surplus).for_each(|_| host.pool.call());
        loop {
            let mut state = host.pool.state();
            if state.running + state.resting >= state.min {
                return;
            }
            state.resting += 1;
            drop(state);
            let served = Served { host: host.clone(), place: Place::Resting };
            if start(host, move || serve(served)).is_failure() {
                return;
            }
        }
    }
}

pub(super) fn start(host: &Arc<HostShared>, body: impl FnOnce() + Send + 'static) -> HResult {
    start_task(host, move || {
        body();
        0
    })
}

/// What a task of the pool counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Runs, and has not begun yet.
    Coming,
    Running,
    Resting,
    None,
}

/// A task's place in the pool: given back when this is dropped.
struct Served {
    host: Arc<HostShared>,
    place: Place,
}

impl Served {
    /// The task that was started begins.
    fn begin(&mut self) {
        if self.place == Place::Coming {
            self.host.pool.state().coming -= 1;
            self.place = Place::Running;
        }
    }

    /// The next item, for a task that runs; `None`: there is none, or fewer may run now.
    fn next(&self) -> Option<Item> {
        let mut state = self.host.pool.state();
        if state.running > state.max { None } else { state.items.pop_front() }
    }

    /// The task has nothing to do. False: it is to end.
    fn rest(&mut self) -> bool {
        let mut state = self.host.pool.state();
        state.running -= 1;
        self.place = Place::None;
        let rests = state.running + state.resting < state.min;
        if rests {
            state.resting += 1;
            self.place = Place::Resting;
        }
        rests
    }

    /// The task at rest was called. False: others have done it.
    fn come(&mut self) -> bool {
        let mut state = self.host.pool.state();
        state.called = state.called.saturating_sub(1);
        let comes = !state.items.is_empty() && state.running < state.max;
        if comes {
            state.resting -= 1;
            state.running += 1;
            self.place = Place::Running;
        }
        comes
    }

    /// The task at rest ends if there are more of them than there shall be.
    fn leaves(&mut self) -> bool {
        let mut state = self.host.pool.state();
        let leaves = state.running + state.resting > state.min;
        if leaves {
            state.resting -= 1;
            self.place = Place::None;
        }
        leaves
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let mut state = self.host.pool.state();
        match self.place {
            Place::Coming => {
                state.running -= 1;
                state.coming -= 1;
            }
            Place::Running => state.running -= 1,
            Place::Resting => {
                state.resting -= 1;
                // It may have been called, and another that rests answers for it, or a new one.
                state.called = state.called.min(state.resting);
            }
            Place::None => {}
        }
        drop(state);
        if !self.host.handle.is_shut_down() {
            Pool::advance(&self.host);
        }
    }
}

/// A task of the pool's.
fn serve(mut served: Served) {
    served.begin();
    if served.place == Place::Resting && !wait_for_call(&mut served) {
        return;
    }
    loop {
        while let Some(item) = served.next() {
            item();
        }
        if !served.rest() || !wait_for_call(&mut served) {
            return;
        }
    }
}

/// Rests until there is something to do. False: fewer shall rest now.
fn wait_for_call(served: &mut Served) -> bool {
    let host = served.host.clone();
    // An item may have come between the last look and the rest.
    Pool::advance(&host);
    loop {
        // The pool has both ends of it.
        let _ = host.pool.calls.1.recv();
        if served.come() {
            return true;
        }
        if served.leaves() {
            return false;
        }
    }
}

/// The task for the persistent thread ends: by the abort of an item. Another sees to the items that are left.
struct Persists(Arc<HostShared>);

impl Drop for Persists {
    fn drop(&mut self) {
        let host = &self.0;
        host.pool.state().has_persistent = false;
        if !host.pool.persistent.1.is_empty() && !host.handle.is_shut_down() {
            let _ = Pool::begin_persistent(host);
        }
    }
}

/// The task that stays on its thread. An item that panics ends there, and the next one runs.
fn serve_persistent(host: &Arc<HostShared>) {
    let _persists = Persists(host.clone());
    // It is switched away where it waits: others may be bound to this thread.
    task::begin_thread_affinity();
    while let Ok(item) = host.pool.persistent.1.recv() {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(item))
            && task::is_abort(&*payload)
        {
            resume_unwind(payload);
        }
    }
}

impl Pool {
    /// Queues an item for the persistent thread, which begins with the first.
    pub(super) fn queue_persistent(
        host: &Arc<HostShared>,
        item: impl FnOnce() + Send + 'static,
    ) -> HResult {
        // The pool has both ends of it.
        let _ = host.pool.persistent.0.send(Box::new(item));
        Pool::begin_persistent(host)
    }

    /// Sees to it that a task serves the persistent thread's items.
    fn begin_persistent(host: &Arc<HostShared>) -> HResult {
        if std::mem::replace(&mut host.pool.state().has_persistent, true) {
            return HResult::S_OK;
        }
        let task = host.clone();
        start(host, move || serve_persistent(&task))
    }
}
