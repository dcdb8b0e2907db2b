//! How late the kernel may end a thread's sleeps.
//!
//! It rounds them up, by 50 us ordinarily, so that several end with one interrupt: who sleeps in native code
//! beside many others costs half as much. A carrier's is that of the thread which built the runtime, for native
//! code may expect no other. Only who sleeps until a moment of the runtime's own is to be punctual: the
//! monitor if that is soon, a spare while it keeps the time.

use std::ffi::{c_int, c_ulong};

/// In nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slack(c_ulong);

impl Slack {
    /// Punctual.
    pub(crate) const LEAST: Slack = Slack(1);

    /// As long as the time's keeper rests: a sleep so lax ends with one of the keeper's.
    pub(crate) const SHARED: Slack = Slack(160_000);

    /// The kernel's own choice.
    const USUAL: Slack = Slack(50_000);

    /// That of the calling thread.
    pub(crate) fn of_thread() -> Slack {
        // SAFETY: asks for a property of the calling thread; touches no memory.
        let answer: c_int = unsafe { libc::prctl(libc::PR_GET_TIMERSLACK, 0, 0, 0, 0) };
        c_ulong::try_from(answer).map_or(Slack::USUAL, Slack)
    }

    /// From now on the calling thread's. A thread begins with that of the one which started it.
    pub(crate) fn set(self) {
        // Zero would mean the one that the thread began with.
        // SAFETY: sets a property of the calling thread; touches no memory.
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, self.0.max(1), 0, 0, 0) };
    }

    /// Runs `sleep` punctually on a thread that has this slack before and after.
    pub(crate) fn put_off<R>(self, sleep: impl FnOnce() -> R) -> R {
        Slack::LEAST.set();
        let slept = sleep();
        self.set();
        slept
    }
}

#[cfg(test)]
mod tests {
    use super::Slack;

    #[test]
    fn a_thread_is_punctual_for_one_sleep() {
        let before = Slack::of_thread();
        let inside = before.put_off(Slack::of_thread);
        assert_eq!(inside, Slack::LEAST);
        assert_eq!(Slack::of_thread(), before);
    }
}
