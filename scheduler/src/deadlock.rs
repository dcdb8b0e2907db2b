//! Deadlocks: waits that have no end, each of which only others of them could end.
//!
//! From a waiter ways lead to those who own what it waits for, from there to those for whom they wait. Mostly there is
//! one. At the end of a scope, or of a group, each task that is left has to end, and a writer waits for each who reads:
//! so there are as many ways, and any of them may come back. Who waits for any of several goes on with the first, so
//! all ways have to. A way ends where somebody does not wait. What comes of that, `knot.rs` says.
//!
//! A task that is ready waits, too, if it may run on one carrier only, and another task keeps that by a wait in
//! place, in a callback above native frames: then for that task. It cannot run before that wait has ended, so its own
//! has the number of that one.
//!
//! The waits are looked at one by one while others come and go, so a deadlock that was seen need not have been there at
//! any one time. What is told was seen three times. All its waits then lasted from the first look to the last; in the
//! second look each owner owned what the one before it waits for, and all who could end a wait for any of several were
//! among them, at a time when they were waiting themselves; and who waits lets nothing go, nor ends, and nobody is
//! added to those for whom one waits. So there was a moment at which all of it was true, and it stays so.

mod knot;

use crate::carrier::{Carrier, CarrierRef};
use crate::shared::Shared;
use crate::sync::Arc;
use crate::task::membership::{SetMark, Sets};
use crate::task::{Id, TaskRef};
use crate::wait::blocked::{self, Ender, Wait};
use crate::wait::owner::Owner;
use crate::wait::{is_switchable, joining, managed, reference, task};
use knot::{Graph, Knot, Node, Tied};
use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Deref;
use std::panic::Location;

/// Tasks, or threads, that wait for each other: in a circle, or, where some of them wait for any of several, in all the
/// circles that this makes. None of them goes on unless one is aborted.
///
/// Written, it says who waits where for whom.
#[derive(Clone, Debug)]
pub struct Deadlock {
    waits: Vec<BlockedWait>,
}

/// One wait of a [`Deadlock`].
#[derive(Clone, Debug)]
pub struct BlockedWait {
    wait: Wait,
    next: Vec<usize>,
}

impl Deadlock {
    /// The waits. In a circle each is for what the next has, the last for what the first has; else
    /// [`BlockedWait::waits_for`] says so.
    pub fn waits(&self) -> &[BlockedWait] {
        &self.waits
    }

    fn is_circle(&self) -> bool {
        let places = (1..self.waits.len()).chain([0]);
        self.waits.iter().zip(places).all(|(wait, next)| wait.next == [next])
    }

    /// Says so, unless it was said. Several may close it at once, and the monitor may find it: whoever marks the last of
    /// its waits that are to be reported says so.
    fn tell(&self) {
        let reporting = self.waits.iter().map(|it| &it.wait).filter(|wait| wait.reports);
        if reporting.max_by_key(|wait| wait.number).is_some_and(blocked::mark_told) {
            tracing::error!(
                target: "sortie::task",
                deadlock = %self,
                "deadlock: each of these waits for others of them; abort one"
            );
        }
    }
}

impl BlockedWait {
    /// The task that waits; `None`: it is a thread without a task.
    pub fn task(&self) -> Option<Id> {
        self.wait.id
    }

    /// The name of the task or thread.
    pub fn name(&self) -> Option<&str> {
        self.wait.name.as_deref()
    }

    /// What it waits for: "a wait for a lock", "a join".
    pub fn what(&self) -> &'static str {
        self.wait.what
    }

    /// For whom it waits, as places in [`Deadlock::waits`]. One; of a wait for any of several, all that could end it.
    pub fn waits_for(&self) -> &[usize] {
        &self.next
    }

    /// Where the wait was begun, as far as that is known: the call of `lock`, `join` and so on. Of a task that is ready,
    /// and waits for its thread, where that is kept.
    pub fn place(&self) -> &'static Location<'static> {
        self.wait.place
    }
}

/// Who waits.
struct Waiting<'a>(&'a BlockedWait);

impl fmt::Display for Waiting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.task(), self.0.name()) {
            (Some(id), Some(name)) => write!(f, "task {name:?} (id {id})"),
            (Some(id), None) => write!(f, "task {id}"),
            (None, Some(name)) => write!(f, "thread {name:?}"),
            (None, None) => f.write_str("a thread"),
        }
    }
}

impl fmt::Display for BlockedWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} at {}", Waiting(self), self.what(), self.place())
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_circle() {
            for wait in &self.waits {
                write!(f, "{wait}, for ")?;
            }
            return f.write_str("the first");
        }
        for (n, wait) in self.waits.iter().enumerate() {
            write!(f, "{}{wait}, for ", if n == 0 { "" } else { "; " })?;
            for (n, next) in wait.next.iter().enumerate() {
                let or = if n == 0 { "" } else { " or " };
                write!(f, "{or}{}", Waiting(&self.waits[*next]))?;
            }
        }
        Ok(())
    }
}

/// How the waits are looked at: tasks whose joins are in their headers, and members of sets, are kept for so long.
struct Look<'a> {
    tasks: &'a Tasks,
    members: &'a dyn Deref<Target = Members>,
    keepers: &'a dyn Deref<Target = Keepers>,
    /// The carrier that a task is about to keep by a wait in place.
    about: Option<(CarrierRef, Owner)>,
}

type Tasks = HashMap<Owner, TaskRef>;
type Members = HashMap<SetMark, Vec<TaskRef>>;
/// Who kept which carrier by a wait in place when the look began.
type Keepers = HashMap<CarrierRef, Owner>;

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
            let keeper = *self.keepers.get(&carrier)?;
            (kept_by(self.tasks.get(&keeper)?) == Some(carrier)).then_some(keeper)
        })
    }

    /// The wait of this one, and who has to go on before it ends.
    fn node_of(&self, waiter: Owner) -> Option<Node> {
        let mut wait = self.wait_of(waiter)?;
        let (awaited, any) = match std::mem::replace(&mut wait.ender, Ender::Nobody) {
            Ender::Nobody => (Vec::new(), false),
            Ender::One(owner) => (vec![owner], false),
            Ender::Each(set) => {
                let members = self.members.get(&set).into_iter().flatten();
                (members.map(|task| Owner::of_task(task)).collect(), false)
            }
            Ender::EachOf(owners) => (owners, false),
            Ender::AnyOf(owners) => (owners, true),
        };
        Some(Node::new(wait, awaited, any))
    }

    /// A deadlock that this one is in.
    fn deadlock(&self, first: Owner) -> Option<Deadlock> {
        let graph = Graph::from([first], |waiter| self.node_of(waiter));
        self.certain(graph.knot(&graph.endless(), first)?)
    }

    /// A knot that was seen, if it is seen twice more.
    fn certain(&self, knot: Knot) -> Option<Deadlock> {
        let Knot(tied) = knot;
        let all: HashSet<Owner> = tied.iter().map(|it| it.wait.waiter).collect();
        let lasts = |it: &Tied| {
            let Some(now) = self.node_of(it.wait.waiter) else { return false };
            let next = |at: &usize| now.awaited.contains(&tied[*at].wait.waiter);
            now.wait.number == it.wait.number
                && match now.any {
                    true => {
                        !now.awaited.is_empty() && now.awaited.iter().all(|it| all.contains(it))
                    }
                    false => it.next.iter().any(next),
                }
        };
        let is_certain = (0..2).all(|_| tied.iter().all(lasts));
        let waits = tied.into_iter().map(|Tied { wait, next }| BlockedWait { wait, next });
        is_certain.then(|| Deadlock { waits: waits.collect() })
    }
}

/// The tasks of a runtime that ever waited.
fn living(shared: &Shared) -> Tasks {
    shared.living_tasks().into_iter().map(|task| (Owner::of_task(&task), task)).collect()
}

/// The carrier that this one keeps by a wait in place.
fn kept_by(task: &TaskRef) -> Option<CarrierRef> {
    task.state.load().is_blocked().then(|| task.home().map(Carrier::as_ref)).flatten()
}

/// Those of them that keep carriers. Once for a look: many may be ready, each of which asks who keeps its carrier.
fn keepers(tasks: &Tasks) -> Keepers {
    let keeper = |(owner, task): (&Owner, &TaskRef)| Some((kept_by(task)?, *owner));
    tasks.iter().filter_map(keeper).collect()
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
    let keepers = LazyCell::new(|| keepers(&tasks));
    let look = Look { tasks: &tasks, members: &members, keepers: &keepers, about: None };
    let here = std::ptr::from_ref(shared).addr();
    let mut told = HashSet::new();
    let mut deadlocks = Vec::new();
    let waiters = blocked::all().into_iter().filter(|wait| wait.runtime == here);
    let waiters: Vec<_> = waiters.map(|wait| wait.waiter).chain(tasks.keys().copied()).collect();
    let graph = Graph::from(waiters.iter().copied(), |waiter| look.node_of(waiter));
    let endless = graph.endless();
    for waiter in waiters.into_iter().filter(|waiter| endless.contains(waiter)) {
        if told.contains(&waiter) {
            continue;
        }
        let knot = graph.knot(&endless, waiter);
        let Some(deadlock) = knot.and_then(|knot| look.certain(knot)) else { continue };
        // Of those that share a wait the others are found once that has ended.
        let waiters: Vec<_> = deadlock.waits.iter().map(|it| it.wait.waiter).collect();
        if !waiters.iter().any(|waiter| told.contains(waiter)) {
            told.extend(waiters);
            deadlocks.push(deadlock);
        }
    }
    deadlocks
}

/// Says so if the wait that this one has just noted closes a deadlock. Of several that close it at once the last finds it,
/// by INVARIANT(blocked.number).
#[cold]
pub(crate) fn report(waiter: Owner) {
    // Only a wait in place keeps others from running, and only the end of a scope or a group is in the hands of several:
    // only for those all tasks are looked at.
    let in_place = managed().filter(|(_, task)| !is_switchable(task));
    // Who is ready there waits for it, and who only looks so does not.
    in_place.into_iter().for_each(|(carrier, _)| carrier.suspend_aside());
    let about = in_place.map(|(carrier, _)| (carrier.as_ref(), waiter));
    let tasks = in_place.map_or_else(HashMap::new, |(carrier, _)| living(carrier.shared()));
    let members = LazyCell::new(|| match task() {
        // Its first wait makes it one of the living, and has not begun.
        Some(task) => members(task.shared.living_tasks().iter().chain([&reference(task)])),
        None => Members::new(),
    });
    let keepers = LazyCell::new(|| keepers(&tasks));
    let look = Look { tasks: &tasks, members: &members, keepers: &keepers, about };
    if let Some(deadlock) = look.deadlock(waiter) {
        deadlock.tell();
    }
}

/// Says so of all deadlocks of this runtime that nobody has told of.
pub(crate) fn report_all(shared: &Shared) {
    find(shared).iter().for_each(Deadlock::tell);
}
