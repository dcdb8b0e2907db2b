//! What a worker does with a task: its work, its children, its native call.

use super::{Event, Simulation, Step};
use crate::load::Task;

impl Simulation<'_> {
    pub(super) fn run_task(&mut self, index: usize, now: u64, task: Task) {
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
    pub(super) fn leave(&mut self, index: usize, now: u64) {
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
    pub(super) fn come_back(&mut self, lobby: usize, now: u64) {
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
}
