//! Deadlocks: circles of waits, each of which only the next could end.
//!
//! From a waiter a way leads to who owns what it waits for, from there to whom that one waits for. At the end of a scope, or
//! of a group, each task that is left has to end, so there are as many ways. A way ends where somebody does not
//! wait, or comes back to where it began: a deadlock.
//!
//! A task that is ready waits, too, if it may run on one carrier only, and another task keeps that by a wait in
//! place, in a callback above native frames: then for that task. It cannot run before that wait has ended, so its own
//! has the number of that one.
//!
//! The waits are looked at one by one while others come and go, so a circle that was seen need not have been
//! there at any one time. What is told was seen three times. All its waits then lasted from the first look to
//! the last; in the second look each owner owned what the one before it waits for, at a time when it was waiting
//! itself; and who waits lets nothing go, nor ends. So there was a moment at which all of it was true, and it stays so.

use crate::carrier::CarrierRef;
use crate::shared::Shared;
use crate::sync::Arc;
use crate::task::membership::{SetMark, Sets};
use crate::task::{Id, TaskRef};
use crate::wait::blocked::{self, Ender, Wait};
use crate::wait::owner::Owner;
use crate::wait::{is_switchable, joining, managed, reference, task};
use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Deref;
use std::panic::Location;

/// Tasks, or threads, that wait for each other in a circle. None of them goes on unless one is aborted.
///
/// Written, it says who waits where for whom.
#[derive(Clone, Debug)]
pub struct Deadlock {
    waits: Vec<BlockedWait>,
}

/// One wait of a [`Deadlock`].
#[derive(Clone, Debug)]
pub struct BlockedWait(Wait);

impl Deadlock {
    /// The waits: each for what the next has, the last for what the first has.
    pub fn waits(&self) -> &[BlockedWait] {
        &self.waits
    }

    /// Says so, unless it was said. Several may close it at once, and the monitor may find it: whoever marks the last of
    /// its waits that are to be reported says so.
    fn tell(&self) {
        let reporting = self.waits.iter().map(|wait| &wait.0).filter(|wait| wait.reports);
        if reporting.max_by_key(|wait| wait.number).is_some_and(blocked::mark_told) {
            tracing::error!(
                target: "sortie::task",
                deadlock = %self,
                "deadlock: each of these waits for what the next has; abort one of them"
            );
        }
    }
}

impl BlockedWait {
    /// The task that waits; `None`: it is a thread without a task.
    pub fn task(&self) -> Option<Id> {
        self.0.id
    }

    /// The name of the task or thread.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// What it waits for: "a wait for a lock", "a join".
    pub fn what(&self) -> &'static str {
        self.0.what
    }

    /// Where the wait was begun, as far as that is known: the call of `lock`, `join` and so on. Of a task that is ready,
    /// and waits for its thread, where that is kept.
    pub fn place(&self) -> &'static Location<'static> {
        self.0.place
    }
}

impl fmt::Display for BlockedWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.task(), self.name()) {
            (Some(id), Some(name)) => write!(f, "task {name:?} (id {id})")?,
            (Some(id), None) => write!(f, "task {id}")?,
            (None, Some(name)) => write!(f, "thread {name:?}")?,
            (None, None) => f.write_str("a thread")?,
        }
        write!(f, " in {} at {}", self.what(), self.place())
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for wait in &self.waits {
            write!(f, "{wait}, for ")?;
        }
        f.write_str("the first")
    }
}

/// How the waits are looked at: tasks whose joins are in their headers, and members of sets, are kept for so long.
struct Look<'a> {
    tasks: &'a Tasks,
    members: &'a dyn Deref<Target = Members>,
    /// The carrier that a task is about to keep by a wait in place.
    about: Option<(CarrierRef, Owner)>,
}

type Tasks = HashMap<Owner, TaskRef>;
type Members = HashMap<SetMark, Vec<TaskRef>>;

impl Look<'_> {
    fn wait_of(&self, waiter: Owner) -> Option<Wait> {
        blocked::wait_of(waiter).or_else(|| {
            let task = self.tasks.get(&waiter)?;
            joining::join_of(task).or_else(|| self.turn_of(task))
        })
    }

    /// The wait of a task that is ready for the end of another, which keeps the only carrier where it can run.
    fn turn_of(&self, task: &TaskRef) -> Option<Wait> {
        if !task.state.load().is_active() || !task.is_pinned() {
            return None;
        }
        let home = task.home()?.as_ref();
        let keeper = self.keeper_of(home)?;
        let keeps = blocked::wait_of(keeper)
            .or_else(|| self.tasks.get(&keeper).and_then(|task| joining::join_of(task)))?;
        // Its native call may be under way on another carrier.
        task.shared.is_on_no_carrier(task).then(|| Wait {
            waiter: Owner::of_task(task),
            number: keeps.number,
            reports: false,
            runtime: Arc::as_ptr(&task.shared).addr(),
            id: Some(task.id),
            name: task.name().cloned(),
            what: "a wait for the thread that the next one keeps",
            place: keeps.place,
            ender: Ender::One(keeper),
        })
    }

    /// Who keeps a carrier by a wait in place.
    fn keeper_of(&self, carrier: CarrierRef) -> Option<Owner> {
        let about = self.about.filter(|(kept, _)| *kept == carrier);
        about.map(|(_, keeper)| keeper).or_else(|| {
            let is_keeper = |task: &&TaskRef| {
                task.state.load().is_blocked()
                    && task.home().is_some_and(|home| home.as_ref() == carrier)
            };
            self.tasks.values().find(is_keeper).map(|task| Owner::of_task(task))
        })
    }

    /// Who has to go on before this wait ends.
    fn awaited(&self, wait: &Wait) -> Vec<Owner> {
        match wait.ender {
            Ender::Nobody => Vec::new(),
            Ender::One(owner) => vec![owner],
            Ender::Each(set) => {
                let members = self.members.get(&set).into_iter().flatten();
                members.map(|task| Owner::of_task(task)).collect()
            }
        }
    }

    /// A circle that this one is on.
    fn circle(&self, first: Owner) -> Option<Vec<Wait>> {
        let step = |waiter| {
            let wait = self.wait_of(waiter)?;
            let awaited = self.awaited(&wait);
            Some((wait, awaited))
        };
        let mut seen = HashSet::new();
        // Each with those that it waits for and that were not looked at.
        let mut way = vec![step(first)?];
        while let Some((_, left)) = way.last_mut() {
            match left.pop() {
                None => _ = way.pop(),
                Some(next) if next == first => {
                    return Some(way.into_iter().map(|(wait, _)| wait).collect());
                }
                // Where it was before, it led nowhere, or to a circle that this one only leads to.
                Some(next) if seen.insert(next) => way.extend(step(next)),
                Some(_) => {}
            }
        }
        None
    }

    /// A circle that this one is on, seen three times.
    fn certain_circle(&self, first: Owner) -> Option<Deadlock> {
        let waits = self.circle(first)?;
        for _ in 0..2 {
            let lasts = |(wait, next): (&Wait, &Wait)| {
                let now = self.wait_of(wait.waiter);
                now.is_some_and(|now| {
                    now.number == wait.number && self.awaited(&now).contains(&next.waiter)
                })
            };
            let nexts = waits.iter().cycle().skip(1);
            if !waits.iter().zip(nexts).all(lasts) {
                return None;
            }
        }
        Some(Deadlock { waits: waits.into_iter().map(BlockedWait).collect() })
    }
}

/// The tasks of a runtime that ever waited.
fn living(shared: &Shared) -> Tasks {
    shared.living.all().into_iter().map(|task| (Owner::of_task(&task), task)).collect()
}

/// Those of them that are in sets, by set.
fn members<'a>(tasks: impl Iterator<Item = &'a TaskRef>) -> Members {
    let mut members = Members::new();
    for task in tasks {
        for set in task.sets().into_iter().flat_map(Sets::marks) {
            members.entry(set).or_default().push(task.clone());
        }
    }
    members
}

/// The deadlocks in which tasks of this runtime are.
pub(crate) fn find(shared: &Shared) -> Vec<Deadlock> {
    let tasks = living(shared);
    let members = LazyCell::new(|| members(tasks.values()));
    let look = Look { tasks: &tasks, members: &members, about: None };
    let here = std::ptr::from_ref(shared).addr();
    let mut told = HashSet::new();
    let mut deadlocks = Vec::new();
    let waiters = blocked::all().into_iter().filter(|wait| wait.runtime == here);
    let waiters: Vec<_> = waiters.map(|wait| wait.waiter).chain(tasks.keys().copied()).collect();
    for waiter in waiters {
        if told.contains(&waiter) {
            continue;
        }
        let Some(deadlock) = look.certain_circle(waiter) else { continue };
        // Of those that share a wait the others are found once that has ended.
        let waiters: Vec<_> = deadlock.waits.iter().map(|wait| wait.0.waiter).collect();
        if !waiters.iter().any(|waiter| told.contains(waiter)) {
            told.extend(waiters);
            deadlocks.push(deadlock);
        }
    }
    deadlocks
}

/// Says so if the wait that this one has just noted closes a circle. Of several that close it at once the last finds it,
/// by INVARIANT(blocked.number).
#[cold]
pub(crate) fn report(waiter: Owner) {
    // Only a wait in place keeps others from running, and only the end of a scope or a group is in the hands of several:
    // only for those all tasks are looked at.
    let in_place = managed().filter(|(_, task)| !is_switchable(task));
    let about = in_place.map(|(carrier, _)| (carrier.as_ref(), waiter));
    let tasks = in_place.map_or_else(HashMap::new, |(carrier, _)| living(carrier.shared()));
    let members = LazyCell::new(|| match task() {
        // Its first wait makes it one of the living, and has not begun.
        Some(task) => members(task.shared.living.all().iter().chain([&reference(task)])),
        None => Members::new(),
    });
    let circle = (Look { tasks: &tasks, members: &members, about }).certain_circle(waiter);
    if let Some(deadlock) = circle {
        deadlock.tell();
    }
}

/// Says so of all deadlocks of this runtime that nobody has told of.
pub(crate) fn report_all(shared: &Shared) {
    find(shared).iter().for_each(Deadlock::tell);
}
