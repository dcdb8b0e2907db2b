//! The words of the automaton: [`Layer`], one stretch of a task's call chain, and [`Event`], what
//! pushes or pops one.
//!
//! Only names and their printed forms. What an event does to a stack of layers is said in
//! `automaton.rs`, and nowhere else.

use std::fmt;

/// One stretch of a task's call chain: managed code (R), or native code (U).
///
/// Targets are addresses of native functions, used as names only: nobody here reads through them.
/// A target of 0 stands for a function that was not named.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Layer {
    /// `R0`: the task was born in managed code. Always at the bottom.
    ManagedBase,
    /// `U0`: the task was born when the runtime adopted a native thread. Always at the bottom.
    NativeBase,
    /// `U(t)`: native code entered by an announced call, that is by `leave`.
    Native {
        /// The function called.
        target: usize,
    },
    /// `Ux(t)`: native code entered by a call that was not announced, and noticed only because it
    /// called back. Never on top: the callback it made always covers it.
    Unhooked {
        /// The function called.
        target: usize,
    },
    /// `R`: managed code entered by a callback, that is by `reverse_enter`.
    Managed,
}

impl Layer {
    /// Whether this layer is managed code.
    #[must_use]
    pub const fn is_managed(self) -> bool {
        matches!(self, Self::ManagedBase | Self::Managed)
    }

    /// Whether this layer is native code.
    #[must_use]
    pub const fn is_native(self) -> bool {
        !self.is_managed()
    }

    /// The native function this layer runs, where one is recorded.
    #[must_use]
    pub const fn target(self) -> Option<usize> {
        match self {
            Self::Native { target } | Self::Unhooked { target } => Some(target),
            Self::ManagedBase | Self::NativeBase | Self::Managed => None,
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ManagedBase => f.write_str("R0"),
            Self::NativeBase => f.write_str("U0"),
            Self::Native { target } => write!(f, "U({target:#x})"),
            Self::Unhooked { target } => write!(f, "Ux({target:#x})"),
            Self::Managed => f.write_str("R"),
        }
    }
}

/// One of the four transitions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// Managed code is about to call a native function.
    Leave,
    /// That native function has returned.
    Enter,
    /// Native code calls back into managed code.
    ReverseEnter,
    /// That callback returns to the native code.
    ReverseLeave,
}

impl Event {
    /// All four, in the order of their discriminants.
    pub const ALL: [Self; 4] = [Self::Leave, Self::Enter, Self::ReverseEnter, Self::ReverseLeave];
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leave => "leave",
            Self::Enter => "enter",
            Self::ReverseEnter => "reverse_enter",
            Self::ReverseLeave => "reverse_leave",
        })
    }
}
