//! Says whose stack is full, when a guard is hit.
//!
//! The kernel turns a hit into `SIGSEGV`. Our handler claims it only if the address lies in a guard
//! of our slabs; then it
//!
//! 1. writes one line to standard error,
//! 2. puts the handler before it back,
//! 3. asks the [`Overflowed`] hook, which may end the process in a way of its own,
//! 4. returns, so that the access faults again and the handler before it decides how to end: the
//!    exit status is the one the process would have had without us.
//!
//! All other faults go to the handler before it, called as the kernel would have called it.
//!
//! A process-wide handler is no place for a lock or for memory: the table of slabs is read without
//! a lock, the line is built on the handler's stack, and the [`Describe`] hook has the same duty.
//!
//! Must not: survive a fault, allocate, lock, change `errno`, or touch anybody's signal mask.
//!
//! Rejected: to end the process ourselves if nobody has said how. Crash reporters and core dumps want the signal itself.

use std::fmt::{self, Write};
use std::io;
use std::mem::{self, MaybeUninit};
use std::ops::Range;
use std::ptr;
use std::sync::OnceLock;

use super::message::Message;
use super::{StackKind, table};
use crate::sync::atomic::{AtomicPtr, Ordering};

/// Room that the hook leaves for our words after its own.
const ADVICE_BYTES: usize = 400;

/// A hit guard.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    address: usize,
    stack_pointer: usize,
    stack: Range<usize>,
    kind: StackKind,
    usable_bytes: usize,
}

impl Fault {
    /// Whether the thread ran on that very stack. If not, its task strayed: it overran its own
    /// stack by more than the guard, or wrote through a bad pointer.
    pub(crate) fn is_overflow(&self) -> bool {
        self.stack.contains(&self.stack_pointer)
    }
}

/// Tells who runs on the calling thread: `task "name" (id 7)`, and its native function if it is in
/// one. Writes nothing if it does not know.
///
/// Runs in a signal handler, on a thread stopped anywhere: it must not allocate, lock, panic, or
/// touch what the thread may just be changing.
pub(crate) type Describe = fn(&Fault, &mut Message);

/// What is done about a thread's overflow once it is reported. It has the duties of [`Describe`], and need not return.
pub(crate) type Overflowed = fn();

static DESCRIBE: OnceLock<Describe> = OnceLock::new();

static OVERFLOWED: OnceLock<Overflowed> = OnceLock::new();

/// As [`set_describe`].
pub(crate) fn set_overflowed(overflowed: Overflowed) {
    let _ = OVERFLOWED.set(overflowed);
}

/// Names the one hook of the process. Only the first call counts.
pub(crate) fn set_describe(describe: Describe) {
    // A second one comes from a second runtime, which names the same function.
    let _ = DESCRIBE.set(describe);
}

/// Takes `SIGSEGV` and `SIGBUS` over; does it once per process, whoever asks.
///
/// Threads on which a stack can overflow need an [`AltStack`](super::AltStack) as well.
///
/// # Errors
///
/// What the kernel answered; the same for every caller.
pub(crate) fn install_handler() -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), i32>> = OnceLock::new();
    let install = || SIGNALS.iter().try_for_each(Signal::take_over);
    INSTALLED
        .get_or_init(|| install().map_err(|error| error.raw_os_error().unwrap_or(0)))
        .map_err(io::Error::from_raw_os_error)
}

static SIGNALS: [Signal; 2] = [Signal::new(libc::SIGSEGV), Signal::new(libc::SIGBUS)];

/// A signal that is ours, and whose it was.
struct Signal {
    number: libc::c_int,
    /// Leaked, so that the handler can read it at any time. Null until we know.
    previous: AtomicPtr<libc::sigaction>,
}

impl Signal {
    const fn new(number: libc::c_int) -> Self {
        Self { number, previous: AtomicPtr::new(ptr::null_mut()) }
    }

    fn of(number: libc::c_int) -> Option<&'static Self> {
        SIGNALS.iter().find(|signal| signal.number == number)
    }

    fn take_over(&self) -> io::Result<()> {
        // Asked first: the handler may run on another thread before the second call returns.
        // SAFETY: only asks.
        let before = unsafe { exchange(self.number, None) }?;
        self.remember(before);
        let mut ours = default_action();
        ours.sa_sigaction = on_fault as *const () as usize;
        // As the one before was called, so that it is called so again: with the same signals
        // blocked, and restarting the same calls.
        ours.sa_mask = before.sa_mask;
        ours.sa_flags = libc::SA_SIGINFO
            | libc::SA_ONSTACK
            | (before.sa_flags & (libc::SA_RESTART | libc::SA_NODEFER));
        // SAFETY: `on_fault` is a handler for SA_SIGINFO that does only what a handler may.
        let replaced = unsafe { exchange(self.number, Some(&ours)) }?;
        if replaced.sa_sigaction != before.sa_sigaction {
            // Somebody installed theirs between our two calls.
            self.remember(replaced);
        }
        Ok(())
    }

    fn remember(&self, action: libc::sigaction) {
        let action = Box::leak(Box::new(action));
        // ORDERING(overflow.previous): Release, pairs with the Acquire in `previous`: whoever sees
        // the pointer sees the action behind it.
        self.previous.store(action, Ordering::Release);
    }

    /// What was there before us; the default if that was us, or nothing.
    fn previous(&self) -> libc::sigaction {
        // ORDERING(overflow.previous): Acquire, pairs with the Release in `remember`.
        let previous = self.previous.load(Ordering::Acquire);
        // SAFETY: null, or leaked by `remember` and not changed since.
        let previous = unsafe { previous.as_ref() };
        previous
            .filter(|it| it.sa_sigaction != on_fault as *const () as usize)
            .copied()
            .unwrap_or_else(default_action)
    }

    /// Puts back what was there before us. If that ignores the signal, the kernel takes the default
    /// for a fault.
    fn step_aside(&self) {
        // SAFETY: an action that was in force before, or the default. It cannot fail: the kernel
        // took this very value before.
        let _ = unsafe { exchange(self.number, Some(&self.previous())) };
    }

    /// Hands a fault on that is not ours.
    ///
    /// # Safety
    ///
    /// The arguments are those that the kernel gave to our handler, for this signal.
    unsafe fn pass_on(&self, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        let previous = self.previous();
        match previous.sa_sigaction {
            // SAFETY: the kernel's own (caller).
            libc::SIG_DFL if unsafe { is_fault(info) } => self.step_aside(),
            libc::SIG_DFL => {
                // Sent by a process: there is no access that would fault again after our return.
                self.step_aside();
                // SAFETY: any thread may signal itself; blocked until the handler returns.
                unsafe { libc::raise(self.number) };
            }
            // SAFETY: the kernel's own (caller).
            libc::SIG_IGN if unsafe { is_fault(info) } => self.step_aside(),
            libc::SIG_IGN => {}
            handler => {
                if previous.sa_flags & libc::SA_RESETHAND != 0 {
                    // SAFETY: the default action, as the kernel would have set it.
                    let _ = unsafe { exchange(self.number, Some(&default_action())) };
                }
                if previous.sa_flags & libc::SA_SIGINFO != 0 {
                    // SAFETY: neither default nor ignore, and with SA_SIGINFO: a function of this
                    // type, by the contract of `sigaction` that whoever installed it kept.
                    let handler = unsafe { mem::transmute::<usize, InfoHandler>(handler) };
                    // SAFETY: called as the kernel would have, with the kernel's arguments.
                    unsafe { handler(self.number, info, context) };
                } else {
                    // SAFETY: the same without SA_SIGINFO: a function of one number.
                    let handler = unsafe { mem::transmute::<usize, PlainHandler>(handler) };
                    // SAFETY: called as the kernel would have.
                    unsafe { handler(self.number) };
                }
            }
        }
    }
}

type InfoHandler = unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
type PlainHandler = unsafe extern "C" fn(libc::c_int);

/// The handler: see the module.
extern "C" fn on_fault(
    number: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the calling thread's own `errno`.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: valid for as long as the thread lives.
    let saved = unsafe { errno.read() };
    if let Some(signal) = Signal::of(number) {
        // SAFETY: the kernel calls us with its own arguments.
        match unsafe { find_fault(info, context) } {
            Some(fault) => {
                report(&fault).write_line(libc::STDERR_FILENO);
                signal.step_aside();
                if let Some(overflowed) = OVERFLOWED.get().filter(|_| fault.is_overflow()) {
                    overflowed();
                }
            }
            // SAFETY: the kernel calls us with its own arguments.
            None => unsafe { signal.pass_on(info, context) },
        }
    }
    // SAFETY: as above.
    unsafe { errno.write(saved) };
}

/// Whether an access of this thread raised the signal, and not somebody who sent it.
///
/// # Safety
///
/// `info` is the kernel's.
unsafe fn is_fault(info: *const libc::siginfo_t) -> bool {
    // SAFETY: valid (caller).
    unsafe { (*info).si_code > 0 }
}

/// The guard that was hit, if it is one of ours.
///
/// # Safety
///
/// The arguments are those that the kernel gave to the handler.
unsafe fn find_fault(info: *const libc::siginfo_t, context: *const libc::c_void) -> Option<Fault> {
    // SAFETY: the kernel's own (caller).
    if !unsafe { is_fault(info) } {
        return None;
    }
    // SAFETY: valid (caller).
    let info = unsafe { &*info };
    // SAFETY: these signals carry an address when they are raised by an access.
    let address = unsafe { info.si_addr() }.addr();
    let hit = table::guard_at(address)?;
    // SAFETY: with SA_SIGINFO the kernel passes a `ucontext_t` (caller).
    let stack_pointer = unsafe { stack_pointer(context.cast()) };
    Some(Fault {
        address,
        stack_pointer,
        stack: hit.stack(),
        kind: hit.shape.kind(),
        usable_bytes: hit.shape.usable_bytes(),
    })
}

/// # Safety
///
/// `context` is the kernel's.
unsafe fn stack_pointer(context: *const libc::ucontext_t) -> usize {
    // SAFETY: valid (caller).
    let machine = unsafe { &(*context).uc_mcontext };
    #[cfg(target_arch = "x86_64")]
    return machine.gregs[libc::REG_RSP as usize] as usize;
    #[cfg(target_arch = "aarch64")]
    return machine.sp as usize;
}

fn report(fault: &Fault) -> Message {
    let mut message = Message::new();
    // A `Message` takes everything: it cuts, it never fails.
    let _ = write_report(fault, &mut message);
    message
}

fn write_report(fault: &Fault, message: &mut Message) -> fmt::Result {
    let Fault { address, ref stack, kind, usable_bytes, .. } = *fault;
    message.write_str(if fault.is_overflow() {
        "sortie: stack overflow in "
    } else {
        "sortie: a guard was hit from another stack, by "
    })?;
    let is_described = message.keeping(ADVICE_BYTES, |message| {
        if let Some(describe) = DESCRIBE.get() {
            describe(fault, message);
        }
    });
    if !is_described {
        message.write_str("code that is no known task's")?;
    }
    if !fault.is_overflow() {
        return write!(
            message,
            ": it touched {address:#x}, below the {kind} stack that ends at {:#x}. Look for a bad \
             pointer, or a native frame larger than the guard below its stack",
            stack.end
        );
    }
    write!(message, ": its {usable_bytes}-byte {kind} stack is full (it touched {address:#x}). ")?;
    let raise = match kind {
        StackKind::Fiber => "Builder::stack_bytes(..)",
        StackKind::Own => "task::Builder::stack_bytes(..)",
        StackKind::Native => "Builder::callback_stack_bytes(..)",
        StackKind::Signal => {
            return message.write_str(
                "Do less in handlers of signals, or give this thread a larger one by `sigaltstack`",
            );
        }
    };
    write!(message, "Raise it with {raise}, or recurse less and keep large values on the heap")
}

fn default_action() -> libc::sigaction {
    // SAFETY: all zeroes is a `sigaction`: the default action, nothing blocked, no flags.
    unsafe { mem::zeroed() }
}

/// Sets the action of a signal, if one is named; returns the one before.
///
/// # Safety
///
/// The action's function, if it has one, may run as a handler at any time from now on.
unsafe fn exchange(
    number: libc::c_int,
    action: Option<&libc::sigaction>,
) -> io::Result<libc::sigaction> {
    let action = action.map_or(ptr::null(), ptr::from_ref);
    let mut before = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: reads one action and writes another; what may run is the caller's promise.
    let result = unsafe { libc::sigaction(number, action, before.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so it has written it.
    Ok(unsafe { before.assume_init() })
}
