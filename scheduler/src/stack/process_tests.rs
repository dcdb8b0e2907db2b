//! What is counted over a whole process, or needs limits of its own.

use super::child::{self, assert_success};
use super::tests::fibers;
use super::*;

use std::process::Output;
use std::{fs, process, ptr, thread};

/// Runs a case of this file in a child.
fn in_children(case: &str, check: impl Fn(GuardKind, &Output, &str)) {
    child::in_children(module_path!(), case, check);
}

/// The child's side; a test that passes at once in the parent.
#[test]
fn run_case() {
    let Some((case, kind)) = child::case() else {
        return;
    };
    match case.as_str() {
        "unmapped" => unmapped(kind),
        "unmap-refused" => unmap_refused(kind),
        "100000-stacks" => many_stacks(kind),
        "address-space" => address_space(kind),
        "map-count" => map_count(kind),
        "locked" => locked(kind),
        other => panic!("no such case: {other}"),
    }
}

fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().count()
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
    assert!(resident_bytes() < STACKS * 10 * 1024, "{} bytes", resident_bytes());
    let full = resident_bytes();
    pool.give_batch(&mut stacks);
    // Most are cold now, without a trim.
    assert!(resident_bytes() < full / 10, "{} of {full}", resident_bytes());
    drop(pool);
    // What is left is the allocator's: the growth of its heap, not a slab.
    assert!(mappings() < mappings_before + 8, "{} of {mappings_before}", mappings());
    assert!(mapped_bytes() < mapped_before + (8 << 20), "{} left", mapped_bytes() - mapped_before);
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
    assert!(!fs::read_to_string("/proc/self/maps").unwrap().contains(&format!("{guard:x}-")));
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
        let limits = libc::rlimit { rlim_cur: limit, rlim_max: libc::RLIM_INFINITY };
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
        assert!(matches!(error, StackError::Map { errno: libc::ENOMEM, .. }), "{error:?}");
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
    let StackError::MapCountLimit { limit: named, in_use, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(named, limit);
    // Used as far as it goes, and not to the end: the process can still live.
    assert!(in_use > limit / 5 * 4 && in_use <= limit - limit / 8, "{in_use} of {limit}");
    assert!(stacks.len() * 2 >= limit / 5 * 4, "{} stacks", stacks.len());
    let held = mappings();
    assert!(held >= in_use && held < limit, "{held} mappings, {in_use} counted");
    thread::spawn(|| vec![1u8; 64 << 20].len()).join().unwrap();
    // And all of it comes back.
    pool.give_batch(&mut stacks);
    drop(pool);
    let pool = Stacks::with_guard(StackShape::fiber(16 * 1024).unwrap(), kind);
    let again = (0..limit / 5 * 2).filter(|_| pool.take().is_ok_and(|it| it.top() > 0)).count();
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
    assert!(held.iter().all(|stack| table::guard_at(stack.bounds().start).is_some()));
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
            assert!(matches!(forced, Err(StackError::Guard { errno: libc::EINVAL, .. })));
            assert_eq!(mapped_bytes(), before, "what could not be guarded is unmapped");
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
