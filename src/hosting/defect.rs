//! Defects that are made on purpose: the conformance tests leave one effect out, and expect to see it.
//!
//! They belong to one host, by its builder, and exist in debug builds only: in others the question for one is the
//! constant `false`, and the code that it guards is as if it were not there.

/// An effect that a host leaves out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum Defect {
    /// `EnterRuntime` does not say that another layer is on top.
    EnterUnchecked,
    /// The renewal of an open callback is not counted.
    RenewalUncounted,
    /// `ReverseLeaveRuntime` does not release while the runtime is not available.
    ReleaseLost,
    /// A task is switched away without a `SwitchOut`.
    SwitchOutMissing,
    /// A task ends without an `ExitTask`.
    ExitTaskMissing,
    /// A second `Start` fails.
    RepeatedStartIsFine,
    /// An alert outside of an alertable wait is forgotten.
    AlertForgotten,
    /// A wait that was interrupted has consumed the signal.
    SignalLost,
    /// An abort goes into a region that delays it.
    DelayIgnored,
    /// A timeout is escalated, and the policy manager is not told.
    TimeoutUntold,
    /// Who begins to stop the world stops nobody.
    WorldNotStopped,
    /// A task that the VM waits for has its turn when it comes.
    HurryIgnored,
}

impl Defect {
    /// All.
    pub const ALL: [Defect; 12] = [
        Defect::EnterUnchecked,
        Defect::RenewalUncounted,
        Defect::ReleaseLost,
        Defect::SwitchOutMissing,
        Defect::ExitTaskMissing,
        Defect::RepeatedStartIsFine,
        Defect::AlertForgotten,
        Defect::SignalLost,
        Defect::DelayIgnored,
        Defect::TimeoutUntold,
        Defect::WorldNotStopped,
        Defect::HurryIgnored,
    ];
}

/// What a host leaves out.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Defects {
    #[cfg(debug_assertions)]
    seeded: Option<Defect>,
}

impl Defects {
    /// With this one. Without debug assertions, with none.
    pub(crate) fn seed(&mut self, defect: Defect) {
        #[cfg(debug_assertions)]
        {
            self.seeded = Some(defect);
        }
        #[cfg(not(debug_assertions))]
        let _ = defect;
    }

    /// Is this effect to be left out?
    #[inline(always)]
    pub(crate) fn leaves_out(self, defect: Defect) -> bool {
        #[cfg(debug_assertions)]
        return self.seeded == Some(defect);
        #[cfg(not(debug_assertions))]
        {
            let _ = defect;
            false
        }
    }
}
