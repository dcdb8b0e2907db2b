//! What an observer of a host is told: each hosting call, and what became of it.
//!
//! For traces and tests. A host without an observer pays one comparison a call.

use super::HResult;
use super::method::Method;
use crate::transition::Layer;

/// Who is told of each hosting call when it is over.
pub trait Observer: Send + Sync {
    /// A call is over. On the thread that made it, in whatever layer, perhaps on a task's stack. Does not wait, and
    /// makes no hosting call. `errno` is kept for it.
    fn call(&self, call: &Call<'_>);
}

/// A hosting call that is over.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call<'a> {
    /// What was called.
    pub method: Method,
    /// With what, in words; empty where there is nothing to say.
    pub arguments: &'a str,
    /// What it returned.
    pub result: HResult,
    /// The number of the host task that called, or that was called back; `None`: there was none.
    pub task: Option<u64>,
    /// The layers of that task after the call, from its base to the top. Of another task's than the caller's:
    /// none.
    pub layers: &'a [Layer],
}

impl Call<'_> {
    /// How many native and managed layers the task has.
    #[must_use]
    pub fn depth(&self) -> (usize, usize) {
        let native = self.layers.iter().filter(|layer| layer.is_native()).count();
        (native, self.layers.len() - native)
    }
}
