//! Where a worker finds its next task: its own, the injector's, another worker's. One that finds none goes idle, and
//! is called again.

use super::{Simulation, Step};
use crate::load::Task;
use std::collections::VecDeque;

/// Every so often the injector is asked before the worker's own tasks.
pub(super) const FAIR_EVERY: u32 = 61;

/// How often an empty worker looks at the others before it goes idle.
const SEARCH_ROUNDS: usize = 4;

impl Simulation<'_> {
    pub(super) fn pick(&mut self, index: usize, now: u64) {
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
    pub(super) fn search(&mut self, index: usize, now: u64, round: usize, offset: usize) {
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

    pub(super) fn work_waits(&self) -> bool {
        self.injected > 0 || self.workers.iter().any(|worker| !worker.tasks.is_empty())
    }

    /// Wakes some idle worker to search, if nobody searches.
    pub(super) fn rouse(&mut self, index: usize, now: u64) -> u64 {
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

    pub(super) fn rest(&mut self, index: usize, now: u64) {
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
