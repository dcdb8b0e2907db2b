//! The floating-point environment of this thread: rounding, exceptions, denormals.
//!
//! A thread has one, and native code may change it: a codec that flushes denormals to zero would else
//! change what the task computes afterwards. A new thread has that of the one which starts it: carriers' threads, which are
//! started on behalf of any task, begin with that of the thread which has made the runtime.

/// What is kept over a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Environment {
    /// MXCSR, or FPCR.
    control: u64,
    /// The control word of the x87.
    x87: u16,
}

impl Environment {
    /// Writes it back, and returns what was there.
    pub fn replace(self) -> Environment {
        let before = save();
        self.restore();
        before
    }
}

/// Reads it.
#[cfg(target_arch = "x86_64")]
pub fn save() -> Environment {
    let (mut control, mut x87) = (0u32, 0u16);
    // SAFETY: both instructions store to the place given and change nothing.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack, preserves_flags));
    }
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("fnstcw [{}]", in(reg) &raw mut x87, options(nostack, preserves_flags));
    }
    Environment { control: control.into(), x87 }
}

#[cfg(target_arch = "x86_64")]
impl Environment {
    /// Writes it back where it differs: writing is slow, and mostly not needed.
    pub fn restore(self) {
        let now = save();
        if now.control != self.control {
            let control = self.control as u32;
            // SAFETY: the value was read by `save`, so it sets no reserved bit.
            unsafe {
                std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const control, options(nostack, preserves_flags));
            }
        }
        if now.x87 != self.x87 {
            let x87 = self.x87;
            // SAFETY: as above.
            unsafe {
                std::arch::asm!("fldcw [{}]", in(reg) &raw const x87, options(nostack, preserves_flags));
            }
        }
    }
}

/// Reads it.
#[cfg(target_arch = "aarch64")]
pub fn save() -> Environment {
    let control: u64;
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mrs {}, fpcr", out(reg) control, options(nostack, nomem, preserves_flags))
    };
    Environment { control, x87: 0 }
}

#[cfg(target_arch = "aarch64")]
impl Environment {
    /// Writes it back where it differs.
    pub fn restore(self) {
        if save() != self {
            // SAFETY: the value was read by `save`.
            unsafe {
                std::arch::asm!("msr fpcr, {}", in(reg) self.control, options(nostack, nomem, preserves_flags));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::save;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn what_was_changed_is_put_back() {
        let before = save();
        // Round towards zero, flush to zero.
        let changed = before.control as u32 | 0xE000;
        // SAFETY: no reserved bit, and put back below.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const changed, options(nostack)) };
        assert_ne!(save(), before);
        before.restore();
        assert_eq!(save(), before);
    }
}
