//! Waiting for the first of several: messages, room for one, the ends of tasks, events, a time.
//!
//! The macro makes an [`Arm`] of each line, and [`Select`] of each call, and both call [`choose`], which is the
//! whole of it:
//!
//! 1. Each arm is tried, beginning with another one each time. The first that comes to something is taken.
//! 2. Else the arms *enter* all lines, are tried once more, and wait for any to be woken.
//! 3. All lines are left. A wake-up that came for the arm that is taken is used up; every other goes to the next.
//!
//! Arms of channels without room make offers instead, which others may claim: for these a wait has a
//! [`Party`], which can be claimed for one arm only, and closes before an arm is tried that might
//! come to something.
//!
//! Must not: try an arm while the party behind it is open.
#![allow(missing_debug_implementations, reason = "nobody holds these but the macro")]

// `arm.rs`: what every arm is. `recv.rs`, `send.rs`, `single.rs`, `join.rs`, `join_next.rs`, `event.rs`, `tick.rs`, `time.rs`: the
// arms. `list.rs`: `Select`, for arms that are known at run time only.

mod arm;
mod event;
mod join;
mod join_next;
mod list;
mod recv;
mod send;
mod single;
mod tick;
mod time;

use crate::sync::party::Party;
pub use arm::{Arm, Outcome};
pub use event::event;
pub use join::join;
pub use join_next::join_next;
pub use list::Select;
pub use recv::recv;
pub use send::send;
use sortie_scheduler::wait::{Ends, Place, Waiter, blocked_on_any};
use sortie_scheduler::{EndWatch, NextWatch};
use std::sync::Arc;
pub use tick::tick;
pub use time::{after, at};

/// Where an arm stands while all wait. Dropped when the wait is left by unwinding.
pub enum Standing<'a> {
    /// A time, or nothing at all.
    Nowhere,
    InLine(Place<'a>),
    Joining(EndWatch),
    JoiningNext(NextWatch<'a>),
    Offering(Box<dyn Offer + 'a>),
}

/// An offer to those on the other side of a channel without room.
pub trait Offer {
    /// Takes the offer back, or what came of it, into the arm.
    fn end(self: Box<Self>);
}

/// The arm that is taken. As many as there are arms: none, and there is a default.
#[inline]
#[must_use]
#[track_caller]
pub fn choose(arms: &[&dyn Arm], has_default: bool) -> usize {
    let first = anywhere(arms.len());
    match attempt(arms, first) {
        Some(arm) => arm,
        None if has_default => arms.len(),
        None => wait(arms, first),
    }
}

/// Never inlined: nothing of the thread is kept in the caller.
#[inline(never)]
fn anywhere(below: usize) -> usize {
    if below < 2 { 0 } else { fastrand::usize(..below) }
}

/// Tries all, beginning with one. The first that came to something.
fn attempt(arms: &[&dyn Arm], first: usize) -> Option<usize> {
    (0..arms.len()).map(|n| (first + n) % arms.len()).find(|arm| arms[*arm].attempt())
}

/// What a look at arms in line comes to.
enum Look {
    Wait,
    /// This arm is done.
    Done(usize),
    /// It was claimed; its offer knows more.
    Claimed(usize),
    /// Something has changed, but came to nothing.
    Again,
}

const WAIT: &str = "a select";

#[cold]
#[inline(never)]
#[track_caller]
fn wait(arms: &[&dyn Arm], first: usize) -> usize {
    // Of arms that others may end there is nothing to note.
    let ends: Option<Vec<Ends<'_>>> = arms.iter().map(|arm| arm.ends()).collect();
    match ends {
        Some(ends) => blocked_on_any(WAIT, &ends, || wait_in_line(arms, first)),
        None => wait_in_line(arms, first),
    }
}

fn wait_in_line(arms: &[&dyn Arm], first: usize) -> usize {
    // SAFETY: it stays in this frame.
    let waiter = unsafe { Waiter::new(WAIT) };
    let until = arms.iter().filter_map(|arm| arm.time()).min();
    let offers = arms.iter().any(|arm| arm.offers());
    loop {
        let party = offers.then(Party::new);
        let party = party.as_ref();
        let own = party.map(|party| party.enter(&waiter));
        let standing: Vec<Standing<'_>> = arms
            .iter()
            .enumerate()
            .map(|(number, arm)| arm.enter(&waiter, party, number))
            .collect();
        let mut outcome = look(arms, first, party);
        if matches!(outcome, Look::Wait) {
            let again = arms.iter().filter_map(|arm| arm.look_again_at());
            // The arm of that time says whether it has come.
            let _ = waiter.pause_unraised(until.into_iter().chain(again).min());
            outcome = match look(arms, first, party) {
                Look::Wait => Look::Again,
                outcome => outcome,
            };
        }
        if let (Some(party), Look::Again) = (party, &outcome)
            && let Err(arm) = party.close()
        {
            outcome = Look::Claimed(arm);
        }
        let done = match outcome {
            Look::Done(arm) | Look::Claimed(arm) => Some(arm),
            Look::Wait | Look::Again => None,
        };
        for (number, standing) in standing.into_iter().enumerate() {
            match standing {
                Standing::InLine(place) if done == Some(number) => place.forgo(),
                Standing::Offering(offer) => offer.end(),
                Standing::Nowhere
                | Standing::InLine(_)
                | Standing::Joining(_)
                | Standing::JoiningNext(_) => {}
            }
        }
        drop(own);
        // Who claimed an arm may have thought better of it.
        if let Some(arm) = done.filter(|arm| arms[*arm].is_done()) {
            return arm;
        }
        if let Some(arm) = attempt(arms, first) {
            return arm;
        }
        // An abort that has come is raised if no arm has.
        sortie_scheduler::checkpoint();
    }
}

/// Looks at arms that stand in line.
fn look(arms: &[&dyn Arm], first: usize, party: Option<&Arc<Party>>) -> Look {
    let Some(party) = party else { return attempt(arms, first).map_or(Look::Wait, Look::Done) };
    if party.claimed().is_none() && !arms.iter().any(|arm| arm.is_ready(party)) {
        return Look::Wait;
    }
    match party.close() {
        Err(arm) => Look::Claimed(arm),
        Ok(()) => attempt(arms, first).map_or(Look::Again, Look::Done),
    }
}

/// Waits for the first of several and does what its arm says.
///
/// | arm | is taken | gives |
/// |---|---|---|
/// | `recv(receiver) -> message` | when a message is there, or none can come | `Result<T, RecvError>` |
/// | the same, of a [`watch`](crate::sync::watch) | when its value has changed, or never will again | `Result<(), RecvError>` |
/// | the same, of a [`broadcast`](crate::sync::broadcast) | the same | `Result<T, broadcast::RecvError>` |
/// | `send(sender, next) -> sent` | when there is room for what `next: Option<T>` holds, or there are no receivers | `Result<(), Disconnected>` |
/// | `join(task) -> ended` | when the task in `task: Option<JoinHandle<T>>` has ended | `Result<T, JoinError>` |
/// | `join_next(set) -> ended` | when the next task of a [`JoinSet`](crate::task::JoinSet) has ended; never while the set is empty | the same |
/// | `event(event)` | while the [`Event`](crate::sync::Event) is set; an `auto` one is unset by that | |
/// | `tick(interval) -> time` | when the next tick of the [`Interval`](crate::time::Interval) has come | its time, as an `Instant` |
/// | `after(duration)`, `at(instant)` | when that time has come, counted from here | |
/// | `default` | at once, if no other can be | |
///
/// What an arm may take away lies in an `Option`, and is taken out of it only if the arm is: `next` is `None` once the
/// message has been sent, `task` once its end is told. An arm whose `Option` is `None` is never taken, so that an
/// arm can be switched off. If all are, and there is no time and no default, the wait has no end but an abort.
///
/// If several arms can be taken, one of them is: the search begins with another each time, so that none is put off
/// for ever. An arm that is not taken loses nothing, nor takes a message or a wake-up from others.
///
/// For arms that are known only when the program runs, as many as there are connections, there is
/// [`Select`](crate::sync::Select).
///
/// A suspension point if it waits. Arms may use `return`, `break`, `continue` and `?`.
///
/// # Panics
/// In debug builds, if it would wait while a [`NoSuspend`](crate::task::NoSuspend) of the task is alive.
///
/// ```
/// use sortie::{select, sync::channel};
/// use std::time::Duration;
///
/// let (numbers, numbered) = channel::bounded(1);
/// let (sender, results) = channel::unbounded();
/// let runtime = sortie::Runtime::new()?;
/// let mut task = Some(runtime.spawn(move || numbered.iter().sum::<u32>()));
///
/// let (mut next, mut left) = (Some(1), 3);
/// let sum = loop {
///     select! {
///         send(numbers, next) -> sent => {
///             sent.expect("the task receives to the end");
///             left -= 1;
///             if left == 0 {
///                 break;
///             }
///             next = Some(4 - left);
///         }
///         recv(results) -> result => println!("meanwhile: {result:?}"),
///         after(Duration::from_secs(60)) => panic!("a minute without room"),
///     }
/// };
/// drop(numbers);
/// select! {
///     join(task) -> sum => assert_eq!(sum.unwrap(), 6),
///     recv(results) -> _ => unreachable!("nobody sends"),
/// }
/// # let _: () = sum;
/// # drop::<channel::Sender<()>>(sender);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[macro_export]
macro_rules! select {
    // One arm after the other: what it is, then what it does, then the rest. `(n)` is its number.
    (@arms $done:tt $n:tt) => {
        $crate::select!(@finish $done (false) ::std::unreachable!("an arm of those is taken"))
    };
    (@arms $done:tt $n:tt default => $body:block $(,)?) => {
        $crate::select!(@finish $done (true) $body)
    };
    (@arms $done:tt $n:tt default => $body:expr $(,)?) => {
        $crate::select!(@finish $done (true) $body)
    };
    (@arms $done:tt $n:tt recv($receiver:expr) -> $got:pat => $($rest:tt)+) => {
        $crate::select!(@body $done $n [recv(&$receiver)] [$got] $($rest)+)
    };
    (@arms $done:tt $n:tt send($sender:expr, $next:expr) -> $got:pat => $($rest:tt)+) => {
        $crate::select!(@body $done $n [send(&$sender, &mut $next)] [$got] $($rest)+)
    };
    (@arms $done:tt $n:tt join($task:expr) -> $got:pat => $($rest:tt)+) => {
        $crate::select!(@body $done $n [join(&mut $task)] [$got] $($rest)+)
    };
    (@arms $done:tt $n:tt join_next($set:expr) -> $got:pat => $($rest:tt)+) => {
        $crate::select!(@body $done $n [join_next(&mut $set)] [$got] $($rest)+)
    };
    (@arms $done:tt $n:tt event($event:expr) => $($rest:tt)+) => {
        $crate::select!(@body $done $n [event(&$event)] [()] $($rest)+)
    };
    (@arms $done:tt $n:tt tick($interval:expr) -> $got:pat => $($rest:tt)+) => {
        $crate::select!(@body $done $n [tick(&mut $interval)] [$got] $($rest)+)
    };
    (@arms $done:tt $n:tt after($duration:expr) => $($rest:tt)+) => {
        $crate::select!(@body $done $n [after($duration)] [()] $($rest)+)
    };
    (@arms $done:tt $n:tt at($time:expr) => $($rest:tt)+) => {
        $crate::select!(@body $done $n [at($time)] [()] $($rest)+)
    };

    (@body [$($done:tt)*] ($($n:tt)*) $arm:tt $got:tt $body:block, $($rest:tt)*) => {
        $crate::select!(@arms [$($done)* (arm ($($n)*) $arm $got $body)] ($($n)* + 1) $($rest)*)
    };
    (@body [$($done:tt)*] ($($n:tt)*) $arm:tt $got:tt $body:block $($rest:tt)*) => {
        $crate::select!(@arms [$($done)* (arm ($($n)*) $arm $got $body)] ($($n)* + 1) $($rest)*)
    };
    (@body [$($done:tt)*] ($($n:tt)*) $arm:tt $got:tt $body:expr, $($rest:tt)*) => {
        $crate::select!(@arms [$($done)* (arm ($($n)*) $arm $got $body)] ($($n)* + 1) $($rest)*)
    };
    (@body [$($done:tt)*] ($($n:tt)*) $arm:tt $got:tt $body:expr) => {
        $crate::select!(@arms [$($done)* (arm ($($n)*) $arm $got $body)] ($($n)* + 1))
    };

    (@finish
        [$(($arm:ident ($($n:tt)*) [$($make:tt)*] [$got:pat] $body:expr))+]
        ($has_default:expr)
        $default:expr
    ) => {{
        $(let $arm = $crate::sync::select::$($make)*;)+
        let chosen = $crate::sync::select::choose(&[$(&$arm),+], $has_default);
        $(if chosen == $($n)* {
            let $got = $crate::sync::select::Outcome::outcome($arm);
            $body
        } else)+ {
            $default
        }
    }};

    (@ $($wrong:tt)*) => {
        ::std::compile_error!(
            "expected arms such as `recv(receiver) -> message => ..`, `send(sender, next) -> sent => ..`, \
             `join(task) -> ended => ..`, `join_next(set) -> ended => ..`, `event(event) => ..`, \
             `tick(interval) -> time => ..`, `after(duration) => ..`, `at(instant) => ..`, and at the end, if any, \
             `default => ..`"
        )
    };
    ($($arms:tt)+) => {
        $crate::select!(@arms [] (0) $($arms)+)
    };
}
