//! The same, for arms that are known at run time only.

use super::arm::{Arm, Outcome};
use super::choose;
use super::recv::Receives;
use super::time::Time;
use crate::sync::Event;
use crate::sync::channel::{Disconnected, Sender};
use crate::task::JoinSet;
use crate::time::Interval;
use crate::{JoinError, JoinHandle};
use std::fmt;
use std::time::{Duration, Instant};

/// Waits for the first of several that are known when the program runs, and does what was said of it.
///
/// The arms are those of [`select!`](crate::select), which is shorter where they are known when the program is
/// written, and allocates nothing until it waits. Here each has a closure, and all closures give an `R`. The first
/// that can be taken is, its closure is called, and the others are dropped: they have lost nothing, nor taken
/// anything from others. If several can be taken, the search begins with another each time.
///
/// ```
/// use sortie::sync::{Select, channel};
///
/// let (senders, receivers): (Vec<_>, Vec<_>) = (0..10).map(|_| channel::unbounded()).unzip();
/// senders[7].send("hello").unwrap();
///
/// let mut select = Select::new();
/// for (number, receiver) in receivers.iter().enumerate() {
///     select = select.recv(receiver, move |message| (number, message));
/// }
/// assert_eq!(select.wait(), (7, Ok("hello")));
/// ```
#[must_use = "nothing is waited for until `wait` or one of its kin"]
pub struct Select<'a, R> {
    arms: Vec<Box<dyn Choice<R> + 'a>>,
}

/// An arm and what follows.
trait Choice<R> {
    fn arm(&self) -> &dyn Arm;
    fn finish(self: Box<Self>) -> R;
}

struct Then<A, F> {
    arm: A,
    then: F,
}

impl<A: Outcome, R, F: FnOnce(A::Got) -> R> Choice<R> for Then<A, F> {
    fn arm(&self) -> &dyn Arm {
        &self.arm
    }

    fn finish(self: Box<Self>) -> R {
        let Then { arm, then } = *self;
        then(arm.outcome())
    }
}

impl<'a, R: 'a> Select<'a, R> {
    /// No arms yet. A wait without any has no end but an abort.
    ///
    /// ```
    /// let nothing = sortie::sync::Select::<u32>::new();
    /// assert_eq!(nothing.try_now(), None);
    /// ```
    pub fn new() -> Select<'a, R> {
        Select { arms: Vec::new() }
    }

    fn arm<A: Outcome + 'a>(mut self, arm: A, then: impl FnOnce(A::Got) -> R + 'a) -> Self {
        self.arms.push(Box::new(Then { arm, then }));
        self
    }

    /// Taken when a message is there, or none can come: of a [channel](crate::sync::channel), a
    /// [`oneshot`](crate::sync::oneshot), a [`watch`](crate::sync::watch), a [`broadcast`](crate::sync::broadcast).
    ///
    /// ```
    /// use sortie::sync::{Select, channel, oneshot};
    ///
    /// let (_sender, messages) = channel::bounded::<u32>(1);
    /// let (answer, answered) = oneshot::channel();
    /// answer.send("yes").unwrap();
    /// let got = Select::new()
    ///     .recv(&messages, |message| format!("{message:?}"))
    ///     .recv(&answered, |answer| answer.unwrap().to_owned())
    ///     .wait();
    /// assert_eq!(got, "yes");
    /// ```
    pub fn recv<S: Receives>(self, receiver: &'a S, then: impl FnOnce(S::Got) -> R + 'a) -> Self {
        self.arm(super::recv(receiver), then)
    }

    /// Taken when there is room for the message in `next`, which is sent by that, or there are no receivers, and it
    /// stays where it is. Never taken while `next` is `None`.
    ///
    /// ```
    /// use sortie::sync::{Select, channel};
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// let mut next = Some(1);
    /// assert!(Select::new().send(&sender, &mut next, |sent| sent.is_ok()).wait());
    /// assert_eq!((next, receiver.recv()), (None, Ok(1)));
    /// ```
    pub fn send<T>(
        self,
        sender: &'a Sender<T>,
        next: &'a mut Option<T>,
        then: impl FnOnce(Result<(), Disconnected>) -> R + 'a,
    ) -> Self {
        self.arm(super::send(sender, next), then)
    }

    /// Taken when the task has ended; its handle is taken out by that. Never taken while `task` is `None`.
    ///
    /// ```
    /// use sortie::sync::Select;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let mut tasks: Vec<_> = (1..=3).map(|n| Some(runtime.spawn(move || n))).collect();
    /// let mut sum = 0;
    /// while tasks.iter().any(Option::is_some) {
    ///     let mut select = Select::new();
    ///     for task in &mut tasks {
    ///         select = select.join(task, |ended| ended.unwrap());
    ///     }
    ///     sum += select.wait();
    /// }
    /// assert_eq!(sum, 6);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn join<T>(
        self,
        task: &'a mut Option<JoinHandle<T>>,
        then: impl FnOnce(Result<T, JoinError>) -> R + 'a,
    ) -> Self {
        self.arm(super::join(task), then)
    }

    /// Taken when the next task of the set has ended, which is joined by that. Never taken while the set is empty.
    ///
    /// ```
    /// use sortie::sync::{Event, Select};
    /// use sortie::task::JoinSet;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// runtime.run(|| {
    ///     let (mut tasks, stop) = (JoinSet::new(), Event::manual());
    ///     tasks.spawn(|| 5);
    ///     let ended = Select::new().join_next(&mut tasks, |ended| ended.ok()).event(&stop, || None);
    ///     assert_eq!(ended.wait(), Some(5));
    /// });
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn join_next<T>(
        self,
        set: &'a mut JoinSet<T>,
        then: impl FnOnce(Result<T, JoinError>) -> R + 'a,
    ) -> Self {
        self.arm(super::join_next(set), then)
    }

    /// Taken while the event is set, which an `auto` one is no more by that.
    ///
    /// ```
    /// use sortie::sync::{Event, Select, channel};
    ///
    /// let (_sender, work) = channel::bounded::<u32>(1);
    /// let stop = Event::manual();
    /// stop.set();
    /// let goes_on = Select::new().recv(&work, |work| work.is_ok()).event(&stop, || false).wait();
    /// assert!(!goes_on);
    /// ```
    pub fn event(self, event: &'a Event, then: impl FnOnce() -> R + 'a) -> Self {
        self.arm(super::event(event), |()| then())
    }

    /// Taken when the next tick of the interval has come.
    ///
    /// ```
    /// use sortie::sync::{Event, Select};
    /// use std::time::Duration;
    ///
    /// let stop = Event::manual();
    /// let mut interval = sortie::time::interval(Duration::from_millis(1));
    /// for _ in 0..3 {
    ///     let goes_on = Select::new().tick(&mut interval, |_| true).event(&stop, || false).wait();
    ///     assert!(goes_on);
    /// }
    /// ```
    pub fn tick(self, interval: &'a mut Interval, then: impl FnOnce(Instant) -> R + 'a) -> Self {
        self.arm(super::tick(interval), then)
    }

    /// Waits until one is taken, and gives what its closure does.
    ///
    /// A suspension point, if it waits. If the task is aborted meanwhile, the wait unwinds, and no arm is taken.
    ///
    /// # Panics
    /// With the closure. In debug builds, if it would wait while a
    /// [`NoSuspend`](crate::task::NoSuspend) of the task is alive.
    ///
    /// ```
    /// use sortie::sync::{Select, channel};
    ///
    /// let (sender, receiver) = channel::unbounded::<u32>();
    /// drop(sender);
    /// assert!(Select::new().recv(&receiver, |message| message.is_err()).wait());
    /// ```
    #[track_caller]
    pub fn wait(self) -> R {
        let chosen = self.choose(false);
        self.finish(chosen).unwrap_or_else(|| unreachable!("one of the arms is taken"))
    }

    /// As [`Select::wait`], but takes one at once or none.
    ///
    /// Neither suspends nor blocks.
    ///
    /// # Panics
    /// With the closure.
    ///
    /// ```
    /// use sortie::sync::{Select, channel};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// let now = || Select::new().recv(&receiver, |message| message.unwrap()).try_now();
    /// assert_eq!(now(), None);
    /// sender.send(1).unwrap();
    /// assert_eq!(now(), Some(1));
    /// ```
    pub fn try_now(self) -> Option<R> {
        let chosen = self.choose(true);
        self.finish(chosen)
    }

    /// As [`Select::wait`], for so long at most. `None`: the time came first.
    ///
    /// # Panics
    /// As [`Select::wait`].
    ///
    /// ```
    /// use sortie::sync::{Select, channel};
    /// use std::time::Duration;
    ///
    /// let (_sender, receiver) = channel::unbounded::<u32>();
    /// let message = Select::new()
    ///     .recv(&receiver, |message| message)
    ///     .wait_timeout(Duration::from_millis(1));
    /// assert_eq!(message, None);
    /// ```
    pub fn wait_timeout(self, timeout: Duration) -> Option<R> {
        self.until(super::after(timeout))
    }

    /// As [`Select::wait_timeout`], until this time at the latest.
    ///
    /// # Panics
    /// As [`Select::wait`].
    ///
    /// ```
    /// use sortie::sync::{Select, channel};
    /// use std::time::{Duration, Instant};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// sender.send(1).unwrap();
    /// let select = Select::new().recv(&receiver, |message| message.unwrap());
    /// assert_eq!(select.wait_until(Instant::now() + Duration::from_secs(1)), Some(1));
    /// ```
    pub fn wait_until(self, until: Instant) -> Option<R> {
        self.until(super::at(until))
    }

    fn until(self, time: Time) -> Option<R> {
        let chosen = {
            let mut arms: Vec<&dyn Arm> = self.arms.iter().map(|choice| choice.arm()).collect();
            arms.push(&time);
            choose(&arms, false)
        };
        self.finish(chosen)
    }

    #[track_caller]
    fn choose(&self, has_default: bool) -> usize {
        let arms: Vec<&dyn Arm> = self.arms.iter().map(|choice| choice.arm()).collect();
        choose(&arms, has_default)
    }

    /// `None`: it is none of these.
    fn finish(mut self, chosen: usize) -> Option<R> {
        if chosen >= self.arms.len() {
            return None;
        }
        let choice = self.arms.swap_remove(chosen);
        // The others let go of what they borrow before the closure runs.
        drop(self);
        Some(choice.finish())
    }
}

impl<'a, R: 'a> Default for Select<'a, R> {
    fn default() -> Select<'a, R> {
        Select::new()
    }
}

impl<R> fmt::Debug for Select<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select").field("arms", &self.arms.len()).finish()
    }
}
