//! Workers that take tasks, steal, go idle and are woken, as `scheduler/src/worker/pick.rs` and
//! `scheduler/src/idle/` have them, in simulated time.
//!
//! A step of a worker uses one shared line at most, and steps are taken in the order of time: so a line serves
//! its cores in the order in which they come. Not simulated: caches of tasks' own memory, stacks, the kernel's
//! scheduling (each worker has a core to itself), joins (a parent does not wait for its children).
//!
//! - `next`: where a worker finds its next task, and how it goes idle and is called. `task`: what it does with one.

mod next;
mod task;

use self::next::FAIR_EVERY;
use crate::design::Design;
use crate::line::Line;
use crate::load::{Load, Task};
use crate::machine::Costs;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// What came out.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The tasks' own work, of all the workers' time.
    pub(crate) efficiency: f64,
    pub(crate) tasks: u64,
    pub(crate) took_ns: u64,
    /// How long the busiest of the shared lines was in use, of all time, and its name.
    pub(crate) busiest: (&'static str, f64),
}

/// What a worker does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Pick,
    Search {
        round: usize,
        offset: usize,
    },
    Rest,
    Asleep,
    /// A task has come to its native call.
    Leave,
    Run(Task),
}

#[derive(Debug)]
struct Worker {
    step: Step,
    tasks: VecDeque<Task>,
    tick: u32,
    is_searching: bool,
    start: usize,
}

/// A lobby of some workers.
#[derive(Debug)]
struct Lobby {
    lock: Line,
    idle: Vec<usize>,
    /// Tasks that are back from native code, and have no worker.
    line: VecDeque<Task>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Worker(usize),
    /// A native call returns to a lobby.
    Back(usize),
}

pub(crate) struct Simulation<'a> {
    costs: &'a Costs,
    design: Design,
    load: &'a mut Load,
    workers: Vec<Worker>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    scheduled: u64,
    injected: u64,
    injector: Line,
    searching: (usize, Line),
    queues: Vec<Line>,
    lobbies: Vec<Lobby>,
    workers_a_lobby: usize,
    random: fastrand::Rng,
    useful: u64,
    done: u64,
    /// Tasks that are queued, run, or are in native code.
    alive: u64,
}

impl<'a> Simulation<'a> {
    pub(crate) fn new(
        workers: usize,
        costs: &'a Costs,
        design: Design,
        load: &'a mut Load,
    ) -> Self {
        let workers_a_lobby = design.workers_a_lobby.min(workers);
        // A lobby's callers come from outside at times: one core more.
        let line = || Line::new(workers + 1);
        let lobby = |_| Lobby { lock: line(), idle: Vec::new(), line: VecDeque::new() };
        let mut it = Simulation {
            costs,
            design,
            workers: Vec::new(),
            events: BinaryHeap::new(),
            scheduled: 0,
            injected: load.injected(workers),
            injector: line(),
            searching: (0, line()),
            queues: (0..workers).map(|_| line()).collect(),
            lobbies: (0..workers.div_ceil(workers_a_lobby)).map(lobby).collect(),
            workers_a_lobby,
            random: fastrand::Rng::with_seed(7),
            useful: 0,
            done: 0,
            alive: 0,
            load,
        };
        it.alive = it.injected;
        for index in 0..workers {
            it.workers.push(Worker {
                step: Step::Asleep,
                tasks: VecDeque::new(),
                tick: it.random.u32(..FAIR_EVERY),
                is_searching: false,
                start: 0,
            });
            if index > 0 && it.load.starts_asleep() {
                let lobby = it.lobby_of(index);
                it.lobbies[lobby].idle.push(index);
            } else {
                it.workers[index].step = Step::Pick;
                let begin = it.random.u64(..100);
                it.at(begin, Event::Worker(index));
            }
        }
        if let Some(root) = it.load.root() {
            it.workers[0].tasks.push_back(root);
            it.alive += 1;
        }
        it
    }

    /// Runs until nothing is left.
    pub(crate) fn run(mut self) -> Outcome {
        let mut now = 0;
        while self.alive > 0
            && let Some(Reverse((at, _, event))) = self.events.pop()
        {
            now = at;
            match event {
                Event::Worker(index) => self.step(index, now),
                Event::Back(lobby) => self.come_back(lobby, now),
            }
        }
        let share = |line: &Line| line.busy() as f64 / now.max(1) as f64;
        let lobby = self.lobbies.iter().map(|it| share(&it.lock)).fold(0.0, f64::max);
        let lines = [
            ("injector", share(&self.injector)),
            ("lobby", lobby),
            ("count of searchers", share(&self.searching.1)),
        ];
        let busiest = lines.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(("none", 0.0));
        Outcome {
            efficiency: self.useful as f64 / (now.max(1) as f64 * self.workers.len() as f64),
            tasks: self.done,
            took_ns: now,
            busiest,
        }
    }

    fn at(&mut self, time: u64, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((time, self.scheduled, event)));
    }

    /// The worker's next step comes at that time.
    fn then(&mut self, index: usize, time: u64, step: Step) {
        self.workers[index].step = step;
        self.at(time, Event::Worker(index));
    }

    fn lobby_of(&self, index: usize) -> usize {
        index / self.workers_a_lobby
    }

    fn step(&mut self, index: usize, now: u64) {
        match self.workers[index].step {
            Step::Pick => self.pick(index, now),
            Step::Search { round, offset } => self.search(index, now, round, offset),
            Step::Rest => self.rest(index, now),
            Step::Run(task) => self.run_task(index, now, task),
            Step::Leave => self.leave(index, now),
            Step::Asleep => {}
        }
    }
}

#[cfg(test)]
mod tests;
