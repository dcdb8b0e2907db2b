//! The floating-point environment of a task: what native code may have changed, and what others are not to have.
//!
//! A call whose policy restores it keeps the task's beside the layers ([`Local::set_fp_env`]); in managed code none is
//! kept. So a call that is out keeps what its policy said when it left. A callback by raw transitions has no
//! frame to keep the native code's environment in: that lies here, by the depth of its layer.
//!
//! A switch of tasks does not touch the environment; only a task whose switches are told of takes its own along.

use super::Local;
use crate::target::fp_env::{self, Environment};

/// Of a callback that raw transitions have begun, out of a call whose policy restores the environment.
pub(super) struct RawCallback {
    /// How many layers there are, the callback's on top.
    depth: usize,
    native: Environment,
    task: Environment,
    outer: Option<Box<RawCallback>>,
}

impl Local {
    /// The environment that a callback is to run in; returns what was said before.
    pub(crate) fn set_fp_env(&self, environment: Option<Environment>) -> Option<Environment> {
        self.fp_env.replace(environment)
    }

    /// Runs `back`, which comes back from native code, in the task's environment if that is kept: whoever runs on this
    /// thread while the task waits is not to have what native code has set.
    #[inline]
    pub(crate) fn come_back_to_fp_env<R, E>(
        &self,
        back: impl FnOnce() -> Result<R, E>,
    ) -> Result<R, E> {
        let kept = self.fp_env.get().map(|task| (task, task.replace()));
        let back = back();
        if let Some((task, native)) = kept {
            self.settle_fp_env(task, native, back.is_ok());
        }
        back
    }

    #[cold]
    fn settle_fp_env(&self, task: Environment, native: Environment, is_back: bool) {
        if is_back {
            self.fp_env.set(None);
            // On another thread, perhaps.
            task.restore();
        } else {
            native.restore();
        }
    }

    /// A raw callback has begun: it has the task's environment, if that is kept.
    #[inline]
    pub(crate) fn begin_raw_callback(&self) {
        if let Some(task) = self.fp_env.take() {
            let (native, depth) = (task.replace(), self.layers(|layers| layers.depth()));
            let outer = self.raw_callbacks.take();
            let callback = RawCallback { depth, native, task, outer };
            self.raw_callbacks.set(Some(Box::new(callback)));
        }
    }

    /// The callback on top is about to end: if it is such a one, native code has its environment back.
    #[inline]
    pub(crate) fn end_raw_callback(&self) {
        if let Some(callback) = self.raw_callbacks.take() {
            if callback.depth == self.layers(|layers| layers.depth()) {
                self.fp_env.set(Some(callback.task));
                callback.native.restore();
                self.raw_callbacks.set(callback.outer);
            } else {
                self.raw_callbacks.set(Some(callback));
            }
        }
    }

    /// A jump has left all layers above so many, and native code is on top.
    pub(crate) fn leave_raw_callbacks(&self, depth: usize) {
        let mut innermost = self.raw_callbacks.take();
        while let Some(left) = innermost.take_if(|callback| callback.depth > depth) {
            self.fp_env.set((left.depth == depth + 1).then_some(left.task));
            innermost = left.outer;
        }
        self.raw_callbacks.set(innermost);
    }

    /// The task, whose switches are told of, is switched away: its environment goes with it, and who runs here next has
    /// the thread's.
    pub(super) fn take_fp_env_away(&self) {
        let away = fp_env::save();
        self.fp_env_away.set(Some(away));
        if let Some(threads) = self.fp_env_of_thread.get() {
            threads.restore();
        }
    }

    /// It goes on, perhaps on another thread.
    pub(super) fn bring_fp_env_back(&self) {
        if let Some(away) = self.fp_env_away.take() {
            self.fp_env_of_thread.set(Some(away.replace()));
        }
    }

    /// From now on its switches are told of: what is here now is the thread's.
    pub(crate) fn note_fp_env_of_thread(&self) {
        self.fp_env_of_thread.set(Some(fp_env::save()));
    }
}
