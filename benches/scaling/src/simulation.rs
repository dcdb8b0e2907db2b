//! Workers that take tasks, steal, go idle and are woken, as `scheduler/src/worker/pick.rs` and
//! `scheduler/src/idle/` have them, in simulated time.
//!
//! A step of a worker uses one shared line at most, and steps are taken in the order of time: so a line serves
//! its cores in the order in which they come. Not simulated: caches of tasks' own memory, stacks, the kernel's
//! scheduling (each worker has a core to itself), joins (a parent does not wait for its children).

use crate::design::Design;
use crate::line::Line;
use crate::load::{Load, Task};
use crate::machine::Costs;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Every so often the injector is asked before the worker's own tasks.
const FAIR_EVERY: u32 = 61;
/// How often an empty worker looks at the others before it goes idle.
const SEARCH_ROUNDS: usize = 4;

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

    fn pick(&mut self, index: usize, now: u64) {
        let worker = &mut self.workers[index];
        worker.tick = worker.tick.wrapping_add(1);
        let is_fair = worker.tick.is_multiple_of(FAIR_EVERY);
        if !(is_fair && self.injected > 0)
            && let Some(task) = worker.tasks.pop_back()
        {
            // Its owner takes from a deque with a fence.
            return self.found(index, now + self.costs.own, task);
        }
        if let Some((task, end)) = self.take_injected(index, now) {
            return self.found(index, end, task);
        }
        let end = self.injector.read(index, now, self.costs);
        if !self.workers[index].is_searching {
            if 2 * self.searching.0 >= self.workers.len() && self.workers.len() > 1 {
                return self.then(index, end, Step::Rest);
            }
            self.start_searching(index);
            let end = self.searching.1.write(index, end, self.costs, 0);
            return self.then(index, end, Step::Search { round: 0, offset: 0 });
        }
        self.then(index, end, Step::Search { round: 0, offset: 0 });
    }

    fn start_searching(&mut self, index: usize) {
        self.searching.0 += 1;
        self.workers[index].is_searching = true;
    }

    fn take_injected(&mut self, index: usize, now: u64) -> Option<(Task, u64)> {
        if self.injected == 0 {
            return None;
        }
        let taken = self.injected.min(self.design.injector_batch as u64);
        self.injected -= taken;
        let end = self.injector.write(index, now, self.costs, 0);
        let task = self.load.task(&mut self.random);
        for _ in 1..taken {
            let more = self.load.task(&mut self.random);
            self.workers[index].tasks.push_front(more);
        }
        // Each task's own memory comes from who made it; several come at once.
        Some((task, end + self.costs.transfer))
    }

    /// Looks at one other worker, or at the end of a round at the injector.
    fn search(&mut self, index: usize, now: u64, round: usize, offset: usize) {
        let count = self.workers.len();
        if offset == 0 {
            self.workers[index].start = self.random.usize(..count);
        }
        if offset == count {
            if let Some((task, end)) = self.take_injected(index, now) {
                return self.found(index, end, task);
            }
            let next = if round + 1 < SEARCH_ROUNDS {
                Step::Search { round: round + 1, offset: 0 }
            } else {
                Step::Rest
            };
            let pause = (0..(5u64 << round) - 5).map(|_| 10 * 10).sum::<u64>();
            return self.then(index, now + pause + self.costs.look, next);
        }
        let victim = (self.workers[index].start + offset) % count;
        let next = Step::Search { round, offset: offset + 1 };
        if victim == index {
            return self.then(index, now, next);
        }
        if self.workers[victim].tasks.is_empty() {
            let end = self.queues[victim].read(index, now, self.costs);
            return self.then(index, end, next);
        }
        let half = self.workers[victim].tasks.len().div_ceil(2).min(32);
        let mut stolen: VecDeque<Task> = self.workers[victim].tasks.drain(..half).collect();
        let end = self.queues[victim].write(index, now, self.costs, 0) + self.costs.transfer;
        if let Some(task) = stolen.pop_front() {
            self.workers[index].tasks.extend(stolen);
            self.found(index, end, task);
        }
    }

    /// A searcher that was the last wakes another, if more is there.
    fn found(&mut self, index: usize, now: u64, task: Task) {
        let mut end = now;
        if std::mem::take(&mut self.workers[index].is_searching) {
            end = self.searching.1.write(index, end, self.costs, 0);
            self.searching.0 -= 1;
            if self.searching.0 == 0 && self.work_waits() {
                end = self.rouse(index, end);
            }
        }
        self.then(index, end, Step::Run(task));
    }

    fn work_waits(&self) -> bool {
        self.injected > 0 || self.workers.iter().any(|worker| !worker.tasks.is_empty())
    }

    /// Wakes some idle worker to search, if nobody searches.
    fn rouse(&mut self, index: usize, now: u64) -> u64 {
        let mut end = self.searching.1.read(index, now, self.costs);
        let home = self.lobby_of(index);
        for offset in 0..self.lobbies.len() {
            let lobby = (home + offset) % self.lobbies.len();
            if self.lobbies[lobby].idle.is_empty() {
                continue;
            }
            while self.searching.0 < self.design.callers {
                let Some(other) = self.lobbies[lobby].idle.pop() else { break };
                end = self.searching.1.write(index, end, self.costs, 0);
                end = self.lobbies[lobby].lock.write(index, end, self.costs, self.costs.hold);
                end += self.costs.wake;
                self.start_searching(other);
                self.then(
                    other,
                    end + self.costs.until_awake,
                    Step::Search { round: 0, offset: 0 },
                );
            }
        }
        end
    }

    fn run_task(&mut self, index: usize, now: u64, task: Task) {
        let mut end = now;
        for _ in 0..task.children {
            // A spawn: the task is made and pushed, and somebody woken for it.
            end += self.load.spawn_ns();
            let child = self.load.child(task);
            self.workers[index].tasks.push_back(child);
            self.queues[index].write(index, end, self.costs, 0);
            self.alive += 1;
            if self.searching.0 == 0 {
                end = self.rouse(index, end);
            }
        }
        self.useful += task.work_ns + u64::from(task.children) * self.load.spawn_ns();
        end += task.work_ns;
        if self.load.native_ns().is_some() {
            return self.then(index, end, Step::Leave);
        }
        self.end_task();
        self.then(index, end, Step::Pick);
    }

    fn end_task(&mut self) {
        self.done += 1;
        self.alive -= 1;
    }

    /// A task leaves for a call that blocks: the worker goes to the first in line, or is idle.
    fn leave(&mut self, index: usize, now: u64) {
        let native = self.load.native_ns().unwrap_or(0);
        let lobby = self.lobby_of(index);
        let costs = self.costs;
        let end = self.lobbies[lobby].lock.write(index, now, costs, costs.hold);
        let lasts = self.random.u64(native / 2..=native + native / 2);
        self.at(end + lasts, Event::Back(lobby));
        match self.lobbies[lobby].line.pop_front() {
            Some(task) => {
                self.then(index, end + costs.until_awake, Step::Run(task));
            }
            None if self.work_waits() => self.then(index, end + costs.until_awake, Step::Pick),
            None => {
                self.workers[index].step = Step::Asleep;
                self.lobbies[lobby].idle.push(index);
            }
        }
    }

    /// A native call has returned on a thread that has no worker.
    fn come_back(&mut self, lobby: usize, now: u64) {
        self.end_task();
        let outside = self.workers.len();
        let end = self.lobbies[lobby].lock.write(outside, now, self.costs, self.costs.hold);
        let Some(task) = self.load.again(&mut self.random) else { return };
        self.alive += 1;
        // Its own lobby first; with many, an idle worker of another is better than to wait.
        let count = self.lobbies.len();
        let idle = (0..count)
            .map(|offset| (lobby + offset) % count)
            .find_map(|it| self.lobbies[it].idle.pop());
        match idle {
            Some(index) => self.then(index, end, Step::Run(task)),
            None => self.lobbies[lobby].line.push_back(task),
        }
    }

    fn rest(&mut self, index: usize, now: u64) {
        let mut end = now;
        if std::mem::take(&mut self.workers[index].is_searching) {
            end = self.searching.1.write(index, end, self.costs, 0);
            self.searching.0 -= 1;
        }
        let lobby = self.lobby_of(index);
        end = self.lobbies[lobby].lock.write(index, end, self.costs, self.costs.hold);
        // The last look.
        if self.work_waits() && self.searching.0 < self.design.callers {
            return self.then(index, end, Step::Pick);
        }
        self.workers[index].step = Step::Asleep;
        self.lobbies[lobby].idle.push(index);
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Simulation};
    use crate::design::Design;
    use crate::load::{Kind, Load};
    use crate::machine::Costs;

    const COSTS: Costs =
        Costs { look: 1, own: 5, transfer: 100, hold: 30, wake: 1_500, until_awake: 6_000 };

    fn run(kind: Kind, work_ns: u64, workers: usize, design: Design) -> Outcome {
        let mut load = Load::new(kind, work_ns, workers);
        Simulation::new(workers, &COSTS, design, &mut load).run()
    }

    #[test]
    fn every_task_is_worked_off_once() {
        for workers in [1, 2, 7, 64] {
            for design in [Design::AS_IT_IS, Design::CHANGED] {
                let tree = run(Kind::Tree, 1_000, workers, design);
                assert_eq!((tree.tasks + 1).count_ones(), 1, "a tree of two has 2^n - 1 tasks");
                let outside = run(Kind::Outside, 10_000, workers, design);
                assert_eq!(outside.tasks, 2_000 * workers as u64);
            }
        }
    }

    #[test]
    fn nobody_works_more_than_there_is_time() {
        for kind in [Kind::Outside, Kind::Tree, Kind::Blocking { native_ns: 50_000 }] {
            for workers in [1, 3, 32] {
                let outcome = run(kind, 5_000, workers, Design::AS_IT_IS);
                let efficiency = outcome.efficiency;
                assert!((0.0..=1.02).contains(&efficiency), "{kind:?}, {workers}: {efficiency}");
            }
        }
    }

    #[test]
    fn a_line_that_all_need_is_the_limit() {
        let outcome = run(Kind::Outside, 1_000, 64, Design::AS_IT_IS);
        let (name, share) = outcome.busiest;
        assert!(name == "injector" && share > 0.95, "{name} {share}");
        let per_ns = outcome.tasks as f64 / outcome.took_ns as f64;
        assert!((per_ns - 1.0 / COSTS.transfer as f64).abs() < 1e-3, "one task for each transfer");
    }
}
