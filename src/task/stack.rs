//! A stack that is reserved for one task.

use crate::JoinHandle;
use sortie_scheduler::{OwnStack, Spawn};

/// A stack that is reserved for one task, which [`Builder::spawn_on_stack`](super::Builder::spawn_on_stack) spawns on it.
///
/// Made by [`Handle::reserve_stack`](crate::Handle::reserve_stack). From then on the task cannot be refused for want of
/// one. Dropped, the stack goes back to its runtime; it does not keep that from ending.
///
/// ```
/// use sortie::task::Builder;
///
/// let runtime = sortie::Runtime::new()?;
/// let stack = runtime.handle().reserve_stack(4 << 20)?;
/// let task = Builder::new().name("deep").spawn_on_stack(stack, || {
///     let table = std::hint::black_box([1u8; 1 << 20]);
///     table.iter().map(|n| u64::from(*n)).sum::<u64>()
/// });
/// assert_eq!(task.join()?, 1 << 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a stack that is dropped goes back to its runtime"]
pub struct Stack {
    stack: OwnStack,
}

impl Stack {
    pub(crate) fn new(stack: OwnStack) -> Stack {
        Stack { stack }
    }

    pub(super) fn spawn<F, T>(self, options: Spawn, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.stack.spawn(options, f)
    }

    /// How many bytes the task may use: what was asked for, rounded up. 0 if the runtime was shut down before.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let stack = runtime.handle().reserve_stack(1)?;
    /// assert_eq!(stack.usable_bytes(), 16 << 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn usable_bytes(&self) -> usize {
        self.stack.usable_bytes()
    }
}
