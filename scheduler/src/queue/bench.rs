//! A door for benchmarks: a worker's deque, and nothing around it.
//!
//! Must not: be used by a runtime. It is hidden as that of the fibers is. The tasks are numbers in place of addresses, which nobody
//! follows: whoever takes one out makes it a number again.

use super::deque::Deque;
use crate::task::TaskRef;
use std::num::NonZero;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

/// Tasks in the deque at a time: some of them public, some the owner's own.
const TASKS: u64 = 256;

fn task(number: u64) -> TaskRef {
    let address = NonZero::<usize>::MIN.saturating_add(number as usize);
    // SAFETY: whoever takes it out gives it to `number`, and nobody looks behind it.
    unsafe { TaskRef::from_raw(NonNull::without_provenance(address)) }
}

fn number(task: TaskRef) -> u64 {
    task.into_raw().addr().get() as u64 - 1
}

/// No thief is taking any, so there is room.
fn push(deque: &mut Deque, task: TaskRef) {
    assert!(deque.push(task).is_ok());
}

/// Puts and takes a task by its owner, so many times, some hundred at a time.
#[must_use]
pub fn pushes_and_pops(pairs: u64) -> Duration {
    let mut deque = Deque::new();
    let mut sum = 0;
    let start = Instant::now();
    for_each_batch(pairs, |tasks| {
        (0..tasks).for_each(|it| push(&mut deque, task(it)));
        while let Some(task) = deque.pop() {
            sum += number(task);
        }
    });
    let took = start.elapsed();
    assert_eq!(sum, sum_of(pairs), "each task was taken once");
    took
}

/// Takes so many tasks of another's deque, as many at a time as a thief may, and puts all but one into one's own. That they
/// are put there before, and taken out in the end, is not counted.
#[must_use]
pub fn steals(tasks: u64) -> Duration {
    let (mut owner, mut own) = (Deque::new(), Deque::new());
    let thief = owner.thief();
    let mut took = Duration::ZERO;
    let mut sum = 0;
    for_each_batch(tasks, |tasks| {
        (0..tasks).for_each(|it| push(&mut owner, task(it)));
        let start = Instant::now();
        while let Some(task) = thief.steal_many(0, |task| push(&mut own, task)) {
            sum += number(task);
        }
        took += start.elapsed();
        while let Some(task) = own.pop() {
            sum += number(task);
        }
    });
    assert_eq!(sum, sum_of(tasks), "each task was taken once");
    took
}

fn for_each_batch(mut tasks: u64, mut batch: impl FnMut(u64)) {
    while tasks > 0 {
        let some = tasks.min(TASKS);
        batch(some);
        tasks -= some;
    }
}

/// What the numbers of the tasks of all batches add up to.
fn sum_of(tasks: u64) -> u64 {
    let below = |n: u64| n * n.saturating_sub(1) / 2;
    tasks / TASKS * below(TASKS) + below(tasks % TASKS)
}

#[cfg(test)]
mod tests {
    use super::{pushes_and_pops, steals};

    #[test]
    fn each_task_is_taken_once() {
        // The assertions are inside.
        for tasks in [0, 1, 255, 1_000] {
            assert!(pushes_and_pops(tasks).as_secs() < 60 && steals(tasks).as_secs() < 60);
        }
    }
}
