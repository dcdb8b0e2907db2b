//! What ends the process, or is counted over all of it: each case runs in a child, which is this
//! test binary again, told by a variable which case it is.

use super::tests::{fibers, guard_kinds};
use super::*;

use std::fmt::Write;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::{env, fs, io, process, ptr, thread};

use corosensei::Coroutine;

/// Which case the child is to run.
const CASE: &str = "SORTIE_STACK_CASE";
/// Which kind of guard it uses.
const GUARD: &str = "SORTIE_STACK_GUARD";

/// Runs a case in a child, once with each kind of guard.
fn in_children(case: &str, check: impl Fn(GuardKind, &Output, &str)) {
    for kind in guard_kinds() {
        let output = child(case, kind);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        check(kind, &output, &errors);
    }
}

fn child(case: &str, kind: GuardKind) -> Output {
    let path = module_path!();
    let module = path.split_once("::").expect("a module below the crate").1;
    Command::new(env::current_exe().expect("the test binary"))
        .args([
            &format!("{module}::run_case"),
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CASE, case)
        .env(GUARD, kind.to_string())
        // Under the address sanitizer, faults are still to end as they do without.
        .env("ASAN_OPTIONS", "handle_segv=0:handle_sigbus=0")
        .output()
        .expect("the test binary runs again")
}

#[track_caller]
fn assert_success(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

#[track_caller]
fn assert_killed(output: &Output, signal: i32) {
    assert_eq!(output.status.signal(), Some(signal), "{output:?}");
}

/// The lines that the handler wrote.
fn reports(errors: &str) -> Vec<&str> {
    errors
        .lines()
        .filter(|line| line.starts_with("sortie: "))
        .collect()
}

/// The child's side; a test that passes at once in the parent.
#[test]
fn run_case() {
    let Ok(case) = env::var(CASE) else { return };
    no_core_dump();
    let guard = env::var(GUARD).unwrap();
    let kind = guard_kinds()
        .into_iter()
        .find(|kind| kind.to_string() == guard)
        .unwrap();
    let native = StackShape::native(128 * 1024).unwrap();
    match case.as_str() {
        "overflow-fiber" => overflow(&Stacks::with_guard(fibers(), kind)),
        "overflow-native" => overflow(&Stacks::with_guard(native, kind)),
        "overflow-undescribed" => overflow_undescribed(&Stacks::with_guard(fibers(), kind)),
        "skip-native" => skip(&Stacks::with_guard(native, kind), 200 * 1024),
        "stray-fiber" => stray(&Stacks::with_guard(fibers(), kind)),
        "stray-native" => stray(&Stacks::with_guard(native, kind)),
        "fault-elsewhere" => fault_elsewhere(),
        "overflow-of-a-thread" => overflow_of_a_thread(),
        "plain-handler-before" => handler_before(plain_handler as *const () as usize, 0),
        "info-handler-before" => {
            handler_before(info_handler as *const () as usize, libc::SA_SIGINFO);
        }
        "overflow-with-handler-before" => {
            set_action(plain_handler as *const () as usize, libc::SA_ONSTACK);
            overflow(&Stacks::with_guard(fibers(), kind));
        }
        "ignored-before" => handler_before(libc::SIG_IGN, 0),
        "sent" => sent(),
        "sent-ignored" => sent_ignored(),
        "sent-to-handler" => sent_to_handler(),
        "unmapped" => unmapped(kind),
        "unmap-refused" => unmap_refused(kind),
        "sent-with-address" => sent_with_address(kind),
        "100000-stacks" => many_stacks(kind),
        "address-space" => address_space(kind),
        "map-count" => map_count(kind),
        "locked" => locked(kind),
        other => panic!("no such case: {other}"),
    }
}

fn no_core_dump() {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: reads the limit.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}

// --- overflow ---

fn describe(_: &Fault, message: &mut Message) {
    let _ = write!(message, "task \"deep\" (id 7)");
}

#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    let deeper = if depth < u64::MAX {
        black_box(recurse(depth + 1))
    } else {
        0
    };
    deeper + frame[3]
}

/// Runs `body` on a stack of the pool, between two others, with all that a carrier has.
fn on_stack(pool: &Stacks, body: impl FnOnce(Range<usize>) + 'static) {
    install_handler().unwrap();
    let _alternate = AltStack::install().unwrap();
    let [_below, stack, _above] = [(); 3].map(|()| pool.take().unwrap());
    let bounds = stack.bounds();
    let mut fiber = Coroutine::<(), (), (), Stack>::with_stack(stack, move |_, ()| body(bounds));
    fiber.resume(());
}

fn overflow(pool: &Stacks) {
    set_describe(describe);
    overflow_undescribed(pool);
}

fn overflow_undescribed(pool: &Stacks) {
    on_stack(pool, |_| {
        recurse(0);
    });
}

#[test]
fn an_overflow_names_the_task_the_size_and_the_cure() {
    let page = os::page_bytes();
    in_children("overflow-fiber", |_, output, errors| {
        assert_killed(output, libc::SIGSEGV);
        let lines = reports(errors);
        assert_eq!(lines.len(), 1, "{errors}");
        let usable = fibers().usable_bytes();
        assert!(
            lines[0].starts_with(&format!(
                "sortie: stack overflow in task \"deep\" (id 7): its {usable}-byte fiber stack is \
                 full (it touched 0x"
            )),
            "{errors}"
        );
        assert!(
            lines[0].contains("Raise it with Builder::stack_bytes(..)"),
            "{errors}"
        );
    });
    in_children("overflow-native", |_, output, errors| {
        assert_killed(output, libc::SIGSEGV);
        let usable = (128 * 1024usize).next_multiple_of(page);
        let expected = format!("(id 7): its {usable}-byte native stack is full");
        assert!(reports(errors)[0].contains(&expected), "{errors}");
    });
    in_children("overflow-undescribed", |_, output, errors| {
        assert_killed(output, libc::SIGSEGV);
        assert!(
            reports(errors)[0].contains("in code that is no known task's: its"),
            "{errors}"
        );
    });
}

/// Code that skips pages: one access, `bytes` below the last usable one.
fn skip(pool: &Stacks, bytes: usize) {
    let bottom_of = |bounds: &Range<usize>| bounds.end.next_multiple_of(os::page_bytes());
    let usable = pool.shape().usable_bytes();
    on_stack(pool, move |bounds| {
        let target = bottom_of(&bounds) - usable - bytes;
        // SAFETY: in the guard of the stack that runs: it faults.
        unsafe { ptr::with_exposed_provenance_mut::<u64>(target).write_volatile(1) };
        println!("SURVIVED");
    });
}

#[test]
fn a_frame_of_200_kib_cannot_step_over_the_guard_of_a_native_stack() {
    in_children("skip-native", |_, output, errors| {
        assert_killed(output, libc::SIGSEGV);
        assert!(reports(errors)[0].contains("stack overflow in"), "{errors}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("SURVIVED"));
    });
}

/// A write from this thread's own stack into the guard of a stack chosen by the clock.
fn stray(pool: &Stacks) {
    set_describe(describe);
    install_handler().unwrap();
    let stacks: Vec<_> = (0..1000).map(|_| pool.take().unwrap()).collect();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let seed = now.subsec_nanos() as usize;
    let stack = &stacks[seed % stacks.len()];
    let guard = stack.bounds().start..stack.usable().start;
    let target = guard.start + (seed / 7) % (guard.len() - 8);
    eprintln!("target {target:#x}");
    // SAFETY: in a guard: it faults.
    unsafe { ptr::with_exposed_provenance_mut::<u8>(target).write_volatile(1) };
}

#[test]
fn a_stray_write_into_any_guard_is_told_from_an_overflow() {
    for case in ["stray-fiber", "stray-native"] {
        in_children(case, |_, output, errors| {
            assert_killed(output, libc::SIGSEGV);
            let target = errors
                .lines()
                .find_map(|line| line.strip_prefix("target "))
                .unwrap();
            let lines = reports(errors);
            assert_eq!(lines.len(), 1, "{errors}");
            let expected = format!(
                "a guard was hit from another stack, by task \"deep\" (id 7): it touched {target}, "
            );
            assert!(lines[0].contains(&expected), "{errors}");
        });
    }
}

// --- faults of others ---

/// An address of ours that faults and is no stack's.
fn bad_address() -> *mut u8 {
    let mapping = os::Mapping::new(os::page_bytes()).unwrap();
    // SAFETY: nobody else knows the page.
    unsafe { mapping.guard(mapping.range(), GuardKind::Protect) }.unwrap();
    ptr::with_exposed_provenance_mut(mapping.range().start)
}

fn fault_elsewhere() {
    let pool = Stacks::new(fibers());
    let _stack = pool.take().unwrap();
    install_handler().unwrap();
    install_handler().unwrap();
    // SAFETY: it faults.
    unsafe { bad_address().write_volatile(1) };
}

#[test]
fn a_fault_elsewhere_ends_as_without_us() {
    in_children("fault-elsewhere", |_, output, errors| {
        assert_killed(output, libc::SIGSEGV);
        assert_eq!(reports(errors).len(), 0, "{errors}");
    });
}

fn overflow_of_a_thread() {
    install_handler().unwrap();
    let deep = thread::Builder::new()
        .name("own".into())
        .stack_size(128 * 1024)
        .spawn(|| recurse(0));
    let _ = deep.unwrap().join();
}

#[test]
fn an_overflow_of_a_std_thread_is_stds_to_report() {
    in_children("overflow-of-a-thread", |_, output, errors| {
        assert_killed(output, libc::SIGABRT);
        assert_eq!(reports(errors).len(), 0, "{errors}");
        assert!(errors.contains("'own'"), "{errors}");
        assert!(errors.contains("has overflowed its stack"), "{errors}");
    });
}

const PLAIN_EXIT: i32 = 41;
const INFO_EXIT: i32 = 42;

extern "C" fn plain_handler(number: libc::c_int) {
    let code = if number == libc::SIGSEGV {
        PLAIN_EXIT
    } else {
        1
    };
    // SAFETY: allowed in a handler.
    unsafe { libc::_exit(code) };
}

static EXPECTED: crate::sync::atomic::AtomicUsize = crate::sync::atomic::AtomicUsize::new(0);

extern "C" fn info_handler(
    number: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the kernel's own.
    let info = unsafe { &*info };
    // SAFETY: a fault has an address.
    let address = unsafe { info.si_addr() }.addr();
    // ORDERING: Relaxed: same thread.
    let expected = EXPECTED.load(crate::sync::atomic::Ordering::Relaxed);
    let is_right = number == libc::SIGSEGV && address == expected && !context.is_null();
    // SAFETY: allowed in a handler.
    unsafe { libc::_exit(if is_right { INFO_EXIT } else { 1 }) };
}

fn set_action(handler: usize, flags: libc::c_int) {
    // SAFETY: zeroes are a valid action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: a handler of the type that the flags say.
    let result = unsafe { libc::sigaction(libc::SIGSEGV, &action, ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// A fault that is not ours, with some handler in place before ours.
fn handler_before(handler: usize, flags: libc::c_int) {
    set_action(handler, flags);
    install_handler().unwrap();
    let address = bad_address();
    // ORDERING: Relaxed: same thread.
    EXPECTED.store(address.addr(), crate::sync::atomic::Ordering::Relaxed);
    // SAFETY: it faults.
    unsafe { address.write_volatile(1) };
}

#[test]
fn the_handler_before_is_called_as_the_kernel_would() {
    in_children("plain-handler-before", |_, output, _| {
        assert_eq!(output.status.code(), Some(PLAIN_EXIT), "{output:?}");
    });
    in_children("info-handler-before", |_, output, _| {
        assert_eq!(output.status.code(), Some(INFO_EXIT), "{output:?}");
    });
    in_children("overflow-with-handler-before", |_, output, errors| {
        assert_eq!(output.status.code(), Some(PLAIN_EXIT), "{output:?}");
        assert!(
            reports(errors)[0].contains("stack overflow in task \"deep\""),
            "{errors}"
        );
    });
    in_children("ignored-before", |_, output, _| {
        assert_killed(output, libc::SIGSEGV)
    });
}

fn send_to_self() {
    // SAFETY: only sends.
    unsafe { libc::raise(libc::SIGSEGV) };
}

fn sent() {
    set_action(libc::SIG_DFL, 0);
    install_handler().unwrap();
    send_to_self();
    println!("SURVIVED");
}

fn sent_ignored() {
    set_action(libc::SIG_IGN, 0);
    install_handler().unwrap();
    send_to_self();
    send_to_self();
}

/// A signal that somebody queued may carry any address: it is not a fault for that.
fn sent_with_address(kind: GuardKind) {
    set_action(libc::SIG_IGN, 0);
    install_handler().unwrap();
    let stack = Stacks::with_guard(fibers(), kind).take().unwrap();
    // SAFETY: zeroes are a valid signal information.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    info.si_signo = libc::SIGSEGV;
    info.si_code = libc::SI_QUEUE;
    // The union that holds the address starts at the third word of 64 bits.
    let words = (&raw mut info).cast::<usize>();
    // SAFETY: within the 128 bytes of the information.
    let address = unsafe { words.add(2) };
    // SAFETY: as above; nothing else refers to it now.
    unsafe { address.write(stack.bounds().start) };
    let process = process::id();
    // SAFETY: has no preconditions.
    let thread = unsafe { libc::gettid() };
    // SAFETY: the kernel reads the information.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_tgsigqueueinfo,
            process,
            thread,
            libc::SIGSEGV,
            &raw const info,
        )
    };
    assert_eq!(result, 0);
}

extern "C" fn careless_handler(_: libc::c_int) {
    set_errno(5);
}

fn set_errno(value: libc::c_int) {
    // SAFETY: this thread's own.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: valid for as long as the thread lives.
    unsafe { errno.write(value) };
}

fn sent_to_handler() {
    set_action(careless_handler as *const () as usize, 0);
    install_handler().unwrap();
    for _ in 0..2 {
        set_errno(77);
        send_to_self();
        assert_eq!(
            io::Error::last_os_error().raw_os_error(),
            Some(77),
            "errno is kept"
        );
    }
}

#[test]
fn a_signal_that_was_sent_acts_as_without_us() {
    in_children("sent", |_, output, _| {
        assert_killed(output, libc::SIGSEGV);
        assert!(!String::from_utf8_lossy(&output.stdout).contains("SURVIVED"));
    });
    in_children("sent-ignored", |_, output, _| assert_success(output));
    in_children("sent-to-handler", |_, output, _| assert_success(output));
    in_children("sent-with-address", |_, output, errors| {
        assert_success(output);
        assert_eq!(reports(errors).len(), 0, "{errors}");
    });
}

// --- counts over the process ---

fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count()
}

fn mapped_bytes() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').next().unwrap().parse::<usize>().unwrap() * os::page_bytes()
}

/// Whether a sanitizer's shadow fills the address space. It maps memory of its own as it likes, dies
/// at any limit, and answers `mlockall` itself.
fn is_sanitized() -> bool {
    mapped_bytes() > 1 << 40
}

fn resident_bytes() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * os::page_bytes()
}

fn many_stacks(kind: GuardKind) {
    const STACKS: usize = 100_000;
    if kind == GuardKind::Protect || is_sanitized() {
        // They would not fit; `map-count` has that case.
        return;
    }
    let mut stacks = Vec::with_capacity(STACKS);
    let (mappings_before, mapped_before) = (mappings(), mapped_bytes());
    let pool = Stacks::with_guard(fibers(), kind);
    for _ in 0..STACKS {
        let stack = pool.take().unwrap();
        // SAFETY: ours.
        unsafe { ptr::with_exposed_provenance_mut::<u64>(stack.top() - 8).write_volatile(1) };
        stacks.push(stack);
    }
    assert!(mappings() < 1000, "{} mappings", mappings());
    assert!(mapped_bytes() > mapped_before + STACKS * fibers().usable_bytes());
    assert!(
        resident_bytes() < STACKS * 10 * 1024,
        "{} bytes",
        resident_bytes()
    );
    let full = resident_bytes();
    pool.give_batch(&mut stacks);
    // Most are cold now, without a trim.
    assert!(
        resident_bytes() < full / 10,
        "{} of {full}",
        resident_bytes()
    );
    drop(pool);
    // What is left is the allocator's: the growth of its heap, not a slab.
    assert!(
        mappings() < mappings_before + 8,
        "{} of {mappings_before}",
        mappings()
    );
    assert!(
        mapped_bytes() < mapped_before + (8 << 20),
        "{} left",
        mapped_bytes() - mapped_before
    );
}

#[test]
fn a_hundred_thousand_stacks_cost_few_mappings_and_leave_none() {
    in_children("100000-stacks", |_, output, _| assert_success(output));
}

fn unmapped(kind: GuardKind) {
    let pool = Stacks::with_guard(fibers(), kind);
    let stack = pool.take().unwrap();
    let guard = stack.bounds().start;
    let hit = table::guard_at(guard).unwrap();
    assert_eq!((hit.limit, hit.shape), (guard, fibers()));
    pool.give(stack);
    drop(pool);
    assert!(table::guard_at(guard).is_none(), "its entry is gone");
    assert!(
        !fs::read_to_string("/proc/self/maps")
            .unwrap()
            .contains(&format!("{guard:x}-"))
    );
}

#[test]
fn a_slab_that_is_unmapped_has_left_the_table() {
    in_children("unmapped", |_, output, _| assert_success(output));
}

/// Takes stacks until there are no more, at every limit of the address space over some range.
fn address_space(kind: GuardKind) {
    if is_sanitized() {
        return;
    }
    let shape = StackShape::fiber(16 * 1024).unwrap();
    let before = mappings();
    for extra_kib in (0..6000).step_by(97) {
        let limit = (mapped_bytes() + extra_kib * 1024) as libc::rlim_t;
        let limits = libc::rlimit {
            rlim_cur: limit,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: reads the limit.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limits) }, 0);
        let pool = Stacks::with_guard(shape, kind);
        let mut stacks = Vec::with_capacity(1000);
        let error = loop {
            match pool.take() {
                Ok(stack) => stacks.push(stack),
                Err(error) => break error,
            }
        };
        assert!(
            matches!(
                error,
                StackError::Map {
                    errno: libc::ENOMEM,
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(pool.stats().stacks_out, stacks.len());
        assert_eq!(pool.stats().stacks_free, 0);
        // Slabs got smaller and smaller, but left the allocator something.
        let left = limit as usize - mapped_bytes();
        assert!(left < 2 << 20, "{left} bytes left");
        // What is there goes on being lent.
        if let Some(stack) = stacks.pop() {
            pool.give(stack);
            stacks.push(pool.take().unwrap());
        }
        pool.give_batch(&mut stacks);
    }
    assert!(mappings() < before + 8, "{} of {before}", mappings());
}

#[test]
fn out_of_address_space_is_an_error_and_leaks_nothing() {
    in_children("address-space", |_, output, _| assert_success(output));
}

fn map_count(kind: GuardKind) {
    let limit = os::max_map_count();
    if kind == GuardKind::Install || limit > 1 << 20 {
        return;
    }
    let pool = Stacks::with_guard(StackShape::fiber(16 * 1024).unwrap(), kind);
    let mut stacks = Vec::new();
    let error = loop {
        match pool.take() {
            Ok(stack) => stacks.push(stack),
            Err(error) => break error,
        }
    };
    let StackError::MapCountLimit {
        limit: named,
        in_use,
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(named, limit);
    // Used as far as it goes, and not to the end: the process can still live.
    assert!(
        in_use > limit / 5 * 4 && in_use <= limit - limit / 8,
        "{in_use} of {limit}"
    );
    assert!(stacks.len() * 2 >= limit / 5 * 4, "{} stacks", stacks.len());
    let held = mappings();
    assert!(
        held >= in_use && held < limit,
        "{held} mappings, {in_use} counted"
    );
    thread::spawn(|| vec![1u8; 64 << 20].len()).join().unwrap();
    // And all of it comes back.
    pool.give_batch(&mut stacks);
    drop(pool);
    let pool = Stacks::with_guard(StackShape::fiber(16 * 1024).unwrap(), kind);
    let again = (0..limit / 5 * 2)
        .filter(|_| pool.take().is_ok_and(|it| it.top() > 0))
        .count();
    assert_eq!(again, limit / 5 * 2);
}

#[test]
fn the_limit_of_mappings_is_named_before_it_is_hit() {
    in_children("map-count", |_, output, _| assert_success(output));
}

/// Slabs side by side are one mapping to the kernel. To unmap a middle one makes two of it, and the
/// kernel refuses that at the limit: the slab must then stay in the pool, registered and usable.
fn unmap_refused(kind: GuardKind) {
    let limit = os::max_map_count();
    if kind == GuardKind::Protect || limit > 1 << 20 || is_sanitized() {
        return;
    }
    let page = os::page_bytes();
    let pool = Stacks::with_guard(fibers(), kind);
    let mut stacks: Vec<_> = (0..5000).map(|_| pool.take().unwrap()).collect();
    // The slabs of 1024 stand in a row. Every second one stays, the first and the last among them.
    let mut held = vec![stacks.pop().unwrap()];
    held.push(stacks.swap_remove(64 + 256 + 2 * 1024));
    held.push(stacks.swap_remove(64 + 256));
    // Every second page protected is two mappings more, the last page one.
    let filler = os::Mapping::new(2 * limit * page).unwrap();
    let Range { start, end } = filler.range();
    let starts = (start..end - 2 * page).step_by(2 * page).skip(1);
    let protect = |start| {
        // SAFETY: nobody uses the filler.
        unsafe { filler.guard(start..start + page, GuardKind::Protect) }.is_ok()
    };
    assert!(starts.take_while(|start| protect(*start)).count() < limit);
    protect(end - page);
    pool.give_batch(&mut stacks);
    pool.trim();
    let refused = pool.stats();
    // SAFETY: nobody uses the filler.
    unsafe { filler.unmap() }.unwrap();
    // One is kept anyway, three have a stack out.
    assert!(refused.slabs > 4, "nothing was refused: {refused:?}");
    held.extend((0..refused.stacks_free).map(|_| pool.take().unwrap()));
    assert_eq!(pool.stats().slabs, refused.slabs, "they are lent again");
    assert!(
        held.iter()
            .all(|stack| table::guard_at(stack.bounds().start).is_some())
    );
    // Now the kernel takes them.
    pool.give_batch(&mut held);
    pool.trim();
    assert_eq!(pool.stats().slabs, 1);
}

#[test]
fn what_the_kernel_does_not_unmap_stays_in_use() {
    in_children("unmap-refused", |_, output, _| assert_success(output));
}

/// Locked memory has no installed guards: a slab then gets the other kind, by itself.
fn locked(kind: GuardKind) {
    if is_sanitized() {
        return;
    }
    let shape = StackShape::fiber(16 * 1024).unwrap();
    let pool = Stacks::new(shape);
    let first: Vec<_> = (0..64).map(|_| pool.take().unwrap()).collect();
    let free = probe_guard().unwrap();
    assert_eq!(pool.stats().guard, Some(free));
    // SAFETY: changes how later mappings are made.
    if unsafe { libc::mlockall(libc::MCL_FUTURE | libc::MCL_ONFAULT) } != 0 {
        // Not allowed here (RLIMIT_MEMLOCK).
        return;
    }
    assert_eq!(probe_guard(), Ok(GuardKind::Protect));
    let second: Vec<_> = (0..64).map(|_| pool.take().unwrap()).collect();
    assert_eq!(pool.stats().guard, Some(GuardKind::Protect));
    let before = mapped_bytes();
    let forced = Stacks::with_guard(shape, kind).take();
    match kind {
        GuardKind::Protect => assert!(forced.is_ok()),
        GuardKind::Install => {
            assert!(matches!(
                forced,
                Err(StackError::Guard {
                    errno: libc::EINVAL,
                    ..
                })
            ));
            assert_eq!(
                mapped_bytes(),
                before,
                "what could not be guarded is unmapped"
            );
        }
    }
    for stack in first.iter().chain(&second) {
        let guard = stack.bounds().start;
        // SAFETY: the kernel writes to a guard, which it refuses.
        let result = unsafe {
            libc::syscall(
                libc::SYS_clock_gettime,
                libc::CLOCK_MONOTONIC,
                ptr::with_exposed_provenance_mut::<u8>(guard),
            )
        };
        assert_eq!(result, -1);
    }
    println!("LOCKED");
    process::exit(0);
}

#[test]
fn locked_memory_gets_the_other_kind_of_guard() {
    in_children("locked", |_, output, _| {
        assert_success(output);
        if !String::from_utf8_lossy(&output.stdout).contains("LOCKED") {
            eprintln!("not checked: this user may not lock memory");
        }
    });
}
