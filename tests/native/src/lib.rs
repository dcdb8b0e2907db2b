//! Real C functions for the tests: they block, call back, set `errno`, and use their stack.
//!
//! What each does stands beside it in the C files. [`Gate`] is the safe face of `gate.c`: it holds a
//! native call open for as long as a test wants, so that no test has to guess how long is enough.

use std::ffi::{c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What native code calls back: the pointer it was given, and the number of the turn.
pub type Callback = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;

/// What native code calls back with the user pointer last.
pub type VisitLast = extern "C" fn(c_int, *mut c_void) -> c_int;

/// What native code calls back with arguments of many types.
pub type Mixed = extern "C" fn(i8, u16, f32, *const c_char, i64, f64) -> f64;

#[repr(C)]
struct RawLoop {
    _private: [u8; 0],
}

#[repr(C)]
struct RawGate {
    _private: [u8; 0],
}

unsafe extern "C" {
    /// Sleeps that long.
    #[link_name = "natives_nanosleep"]
    pub safe fn nanosleep(nanoseconds: u64);
    /// Blocks until a byte comes; -1 at the end of the file.
    #[link_name = "natives_read_byte"]
    pub safe fn read_byte(descriptor: c_int) -> c_int;
    /// Computes for that long.
    #[link_name = "natives_burn"]
    pub safe fn burn(nanoseconds: u64);
    /// Calls back so many times and returns the sum of the answers.
    #[link_name = "natives_call_back"]
    pub fn call_back(times: c_int, callback: Callback, user: *mut c_void) -> c_int;
    /// Blocks, calls back once, blocks again.
    #[link_name = "natives_call_back_between"]
    pub fn call_back_between(nanoseconds: u64, callback: Callback, user: *mut c_void) -> c_int;
    /// Calls back on a thread of its own and waits for that.
    #[link_name = "natives_thread_call_back"]
    pub fn thread_call_back(callback: Callback, user: *mut c_void) -> c_int;
    /// As [`thread_call_back`], and the thread ends by `pthread_exit`.
    #[link_name = "natives_thread_call_back_and_exit"]
    pub fn thread_call_back_and_exit(callback: Callback, user: *mut c_void) -> c_int;
    /// Calls back so many times, without a user pointer, and returns the sum of the answers.
    #[link_name = "natives_visit_each"]
    pub fn visit_each(times: c_int, visit: extern "C" fn(c_int) -> c_int) -> c_int;
    /// As [`visit_each`], once, on a thread of its own.
    #[link_name = "natives_visit_on_thread"]
    pub fn visit_on_thread(visit: extern "C" fn(c_int) -> c_int) -> c_int;
    /// As [`visit_each`], with a user pointer that comes last.
    #[link_name = "natives_visit_each_last"]
    pub fn visit_each_last(times: c_int, visit: VisitLast, user: *mut c_void) -> c_int;
    /// Calls back with -1, 65535, 0.5, the text, the least `int64_t` and -2.5, and returns the answer.
    #[link_name = "natives_call_mixed"]
    pub fn call_mixed(mixed: Mixed, text: *const c_char) -> f64;
    /// Calls back with the value, and returns the answer, which is an `int8_t`, as an `int`.
    #[link_name = "natives_call_negate"]
    pub fn call_negate(negate: extern "C" fn(u8) -> i8, value: c_int) -> c_int;
    /// Calls back with the value and returns the answer.
    #[link_name = "natives_call_half"]
    pub fn call_half(half: extern "C" fn(f32) -> f32, value: f32) -> f32;
    /// Calls back, once.
    #[link_name = "natives_call_nothing"]
    pub fn call_nothing(nothing: extern "C" fn());
    /// Sets `errno` and returns -1.
    #[link_name = "natives_set_errno"]
    pub safe fn set_errno(value: c_int) -> c_int;
    /// Reads `errno`.
    #[link_name = "natives_get_errno"]
    pub safe fn get_errno() -> c_int;
    /// Sleeps that long, then sets `errno` and returns -1.
    #[link_name = "natives_sleep_and_set_errno"]
    pub safe fn sleep_and_set_errno(nanoseconds: u64, value: c_int) -> c_int;
    /// Uses that much stack, and returns the number of frames.
    #[link_name = "natives_use_stack"]
    pub safe fn use_stack(bytes: usize) -> usize;
    /// Takes one frame of so many bytes, and writes to its lowest page only.
    #[link_name = "natives_use_frame"]
    pub safe fn use_frame(bytes: usize) -> c_int;
    /// Uses that much stack, and calls back from there.
    #[link_name = "natives_call_back_below"]
    pub fn call_back_below(bytes: usize, callback: Callback, user: *mut c_void) -> c_int;
    /// Calls back, throws a C++ exception and catches it, so many times.
    #[link_name = "natives_throw_and_catch"]
    pub fn throw_and_catch(times: c_int, callback: Callback, user: *mut c_void) -> c_int;
    /// Calls back, and catches what C++ exception comes out of it.
    #[link_name = "natives_catch"]
    pub fn catch(callback: Callback, user: *mut c_void) -> c_int;

    /// Calls back, and returns the answer; or -1, if somebody jumps here meanwhile.
    #[link_name = "natives_land"]
    pub fn land(callback: Callback, user: *mut c_void) -> c_int;
    /// Jumps to where [`land`] waits for it on this thread, so many further out than the innermost.
    #[link_name = "natives_jump"]
    pub fn jump(outward: c_int) -> !;
    /// From now on the code is run for each `SIGUSR2`, by a handler on the alternate signal stack.
    #[link_name = "natives_handle_signals"]
    pub safe fn handle_signals(code: extern "C" fn()) -> c_int;
    /// Runs that code on this thread, in the handler, before it returns.
    #[link_name = "natives_raise"]
    pub safe fn raise() -> c_int;

    fn natives_loop_new() -> *mut RawLoop;
    fn natives_loop_free(events: *mut RawLoop);
    fn natives_loop_post(events: *mut RawLoop, event: c_int) -> c_int;
    fn natives_loop_run(events: *mut RawLoop, handler: Callback, user: *mut c_void) -> c_int;

    fn natives_gate_new() -> *mut RawGate;
    fn natives_gate_free(gate: *mut RawGate);
    fn natives_gate_wait(gate: *mut RawGate);
    fn natives_gate_open(gate: *mut RawGate);
    fn natives_gate_inside(gate: *mut RawGate) -> c_int;
}

unsafe extern "C-unwind" {
    /// Throws a C++ exception.
    #[link_name = "natives_throw"]
    pub safe fn throw(value: c_int) -> c_int;
}

/// A gate in C: who waits at it blocks in native code until somebody opens it, for good.
#[derive(Debug)]
pub struct Gate(*mut RawGate);

// SAFETY: the C functions lock.
unsafe impl Send for Gate {}
// SAFETY: as above.
unsafe impl Sync for Gate {}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Gate {
        // SAFETY: no conditions; never null.
        Gate(unsafe { natives_gate_new() })
    }

    /// Blocks the thread, in C, until the gate is open.
    pub fn wait(&self) {
        // SAFETY: a live gate.
        unsafe { natives_gate_wait(self.0) };
    }

    /// Opens the gate, for good.
    pub fn open(&self) {
        // SAFETY: a live gate.
        unsafe { natives_gate_open(self.0) };
    }

    /// How many threads wait at the gate now.
    #[must_use]
    pub fn inside(&self) -> usize {
        // SAFETY: a live gate.
        let inside = unsafe { natives_gate_inside(self.0) };
        usize::try_from(inside).expect("a count")
    }

    /// The address of the C function that [`Gate::wait`] blocks in.
    #[must_use]
    pub fn address() -> usize {
        natives_gate_wait as *const () as usize
    }
}

impl Default for Gate {
    fn default() -> Gate {
        Gate::new()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // SAFETY: nobody is inside: they would hold a reference.
        unsafe { natives_gate_free(self.0) };
    }
}

/// The event loop in C. Of one thread at a time, as C has it: neither `Sync`, nor shared with a handler but
/// by reference.
#[derive(Debug)]
pub struct EventLoop(*mut RawLoop);

// SAFETY: the loop's memory belongs to no thread.
unsafe impl Send for EventLoop {}

impl EventLoop {
    /// A loop without events.
    ///
    /// # Panics
    /// Without memory.
    #[must_use]
    pub fn new() -> EventLoop {
        // SAFETY: no conditions.
        let events = unsafe { natives_loop_new() };
        assert!(!events.is_null(), "no memory");
        EventLoop(events)
    }

    /// Queues an event; also from a handler.
    ///
    /// # Panics
    /// Without memory.
    pub fn post(&self, event: i32) {
        // SAFETY: a live loop, and the type is not `Sync`.
        assert_eq!(unsafe { natives_loop_post(self.0, event) }, 0, "no memory");
    }

    /// Calls `handler` for each event until it answers false or none is left; returns how many there were.
    pub fn run<F: FnMut(i32) -> bool>(&self, mut handler: F) -> i32 {
        unsafe extern "C" fn call<F: FnMut(i32) -> bool>(user: *mut c_void, event: c_int) -> c_int {
            // SAFETY: `run` passed a pointer to an `F` that nobody else uses.
            let handler = unsafe { &mut *user.cast::<F>() };
            c_int::from(!handler(event))
        }
        // SAFETY: a live loop; the function is the one for this `F`, which C uses during the call only.
        unsafe { natives_loop_run(self.0, call::<F>, (&raw mut handler).cast()) }
    }

    /// The address of the C function that [`EventLoop::run`] calls.
    #[must_use]
    pub fn address() -> usize {
        natives_loop_run as *const () as usize
    }
}

impl Default for EventLoop {
    fn default() -> EventLoop {
        EventLoop::new()
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        // SAFETY: nobody runs it: they would hold a reference.
        unsafe { natives_loop_free(self.0) };
    }
}

/// Calls `f` back through C, `times` times with the number of the turn, and returns the sum.
pub fn with_callback<F: FnMut(i32) -> i32>(times: i32, mut f: F) -> i32 {
    // SAFETY: the function is the one for this `F`, and C uses both during the call only.
    unsafe { call_back(times, trampoline::<F>, (&raw mut f).cast()) }
}

/// As [`with_callback`], with a C++ exception thrown and caught after each callback; each adds 1 to the sum.
pub fn with_exceptions<F: FnMut(i32) -> i32>(times: i32, mut f: F) -> i32 {
    // SAFETY: as in `with_callback`.
    unsafe { throw_and_catch(times, trampoline::<F>, (&raw mut f).cast()) }
}

/// As [`with_callback`], once, in C++ that would catch an exception which came out of `f`.
pub fn with_catch<F: FnMut(i32) -> i32>(mut f: F) -> i32 {
    // SAFETY: as in `with_callback`.
    unsafe { catch(trampoline::<F>, (&raw mut f).cast()) }
}

/// As [`with_callback`], once, so many bytes down the stack.
pub fn with_callback_below<F: FnMut(i32) -> i32>(bytes: usize, mut f: F) -> i32 {
    // SAFETY: as in `with_callback`.
    unsafe { call_back_below(bytes, trampoline::<F>, (&raw mut f).cast()) }
}

/// As [`with_callback`], once, between two sleeps of that length.
pub fn with_callback_between<F: FnMut(i32) -> i32>(nanoseconds: u64, mut f: F) -> i32 {
    // SAFETY: as in `with_callback`.
    unsafe { call_back_between(nanoseconds, trampoline::<F>, (&raw mut f).cast()) }
}

/// As [`with_callback`], once, on a thread that C starts for it.
pub fn with_callback_on_thread<F: FnMut(i32) -> i32 + Send>(mut f: F) -> i32 {
    // SAFETY: as in `with_callback`; `F` may be used on the other thread, and C waits for it.
    unsafe { thread_call_back(trampoline::<F>, (&raw mut f).cast()) }
}

/// As [`with_callback_on_thread`], and the thread ends by `pthread_exit`.
pub fn with_callback_on_thread_that_exits<F: FnMut(i32) -> i32 + Send>(mut f: F) -> i32 {
    // SAFETY: as in `with_callback_on_thread`; of `F` and the trampoline no frame is left at the exit.
    unsafe { thread_call_back_and_exit(trampoline::<F>, (&raw mut f).cast()) }
}

/// As [`with_callback`], once; -1 if `f` is left by a jump ([`jump`]).
pub fn with_landing<F: FnMut(i32) -> i32>(mut f: F) -> i32 {
    // SAFETY: as in `with_callback`.
    unsafe { land(trampoline::<F>, (&raw mut f).cast()) }
}

unsafe extern "C" fn trampoline<F: FnMut(i32) -> i32>(user: *mut c_void, turn: c_int) -> c_int {
    // SAFETY: `with_callback` and its like passed a pointer to an `F` that nobody else uses.
    let f = unsafe { &mut *user.cast::<F>() };
    f(turn)
}

/// Compiles the C file `source` to a shared object at this path, by the C compiler that the Rust
/// toolchain links with. Returns the path.
///
/// # Panics
/// If it cannot.
pub fn compile(object: &Path, source: &str, options: &[&str]) -> PathBuf {
    let file = object.with_extension("c");
    std::fs::write(&file, source).unwrap();
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([object, &file])
        .args(options)
        .status()
        .expect("the linker's C compiler");
    assert!(status.success());
    object.to_owned()
}
