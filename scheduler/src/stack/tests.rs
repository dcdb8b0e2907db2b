//! What a pool promises, checked in this process. Crashes and counts of the process's mappings are
//! in `crash_tests` and `process_tests`.

use super::*;

use std::collections::HashSet;
use std::io;

/// What native code has by default.
pub(super) const NATIVE_GUARD_BYTES: usize = 256 << 10;

/// Both kinds of guard, as far as this kernel has them.
pub(super) fn guard_kinds() -> Vec<GuardKind> {
    match probe_guard().unwrap() {
        GuardKind::Install => vec![GuardKind::Install, GuardKind::Protect],
        GuardKind::Protect => vec![GuardKind::Protect],
    }
}

pub(super) fn fibers() -> StackShape {
    StackShape::fiber(64 * 1024).unwrap()
}

fn word_at(address: usize) -> *mut u64 {
    std::ptr::with_exposed_provenance_mut(address)
}

fn write_word(address: usize, value: u64) {
    // SAFETY: tests write to stacks that they hold.
    unsafe { word_at(address).write_volatile(value) };
}

fn read_word(address: usize) -> u64 {
    // SAFETY: tests read from stacks that they hold.
    unsafe { word_at(address).read_volatile() }
}

/// Whether the kernel can write at `address`, which must be ours to write to.
fn is_writable(address: usize) -> bool {
    // SAFETY: the kernel writes 16 bytes there or answers EFAULT; callers name stacks they hold.
    let result =
        unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, word_at(address)) };
    assert!(result == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT));
    result == 0
}

/// How many pages of these addresses are in memory.
pub(super) fn resident_pages(range: Range<usize>) -> usize {
    let page = os::page_bytes();
    let mut pages = vec![0u8; range.len().div_ceil(page)];
    // SAFETY: asks about memory that the test holds; the answer has a byte per page.
    let result =
        unsafe { libc::mincore(word_at(range.start).cast(), range.len(), pages.as_mut_ptr()) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
    pages.iter().filter(|page| **page & 1 == 1).count()
}

#[test]
fn the_last_one_given_is_the_first_one_taken() {
    let pool = Stacks::new(fibers());
    let [a, b, c] = [(); 3].map(|()| pool.take().unwrap());
    let (a_top, c_top) = (a.top(), c.top());
    pool.give(b);
    pool.give(a);
    pool.give(c);
    assert_eq!(pool.take().unwrap().top(), c_top);
    assert_eq!(pool.take().unwrap().top(), a_top);
}

#[test]
fn stacks_are_disjoint_aligned_spread_and_usable_to_the_last_byte() {
    for kind in guard_kinds() {
        for shape in [fibers(), StackShape::native(100_000, NATIVE_GUARD_BYTES).unwrap()] {
            let pool = Stacks::with_guard(shape, kind);
            let stacks: Vec<_> = (0..500).map(|_| pool.take().unwrap()).collect();
            for (n, stack) in stacks.iter().enumerate() {
                let usable = stack.usable();
                assert_eq!(usable.end % 64, 0);
                assert!(usable.len() <= shape.usable_bytes());
                assert!(usable.len() >= shape.usable_bytes() - 960);
                assert_eq!(stack.bounds().len(), usable.len() + shape.guard_bytes());
                write_word(usable.start, n as u64);
                write_word(usable.end - 8, n as u64);
            }
            for (n, stack) in stacks.iter().enumerate() {
                assert_eq!(read_word(stack.usable().start), n as u64);
                assert_eq!(read_word(stack.usable().end - 8), n as u64);
            }
            let lines: HashSet<_> = stacks.iter().map(|stack| stack.top() % 4096 / 64).collect();
            assert_eq!(lines.len(), 16, "tops in different cache sets");
            let sets: HashSet<_> =
                stacks.iter().map(|it| (it.top() - 1) / os::page_bytes() % 16).collect();
            assert_eq!(sets.len(), 16, "tops in different sets of the TLB");
        }
    }
}

/// Every page of every guard, before and after the pages around it were given back.
#[test]
fn guards_stand_over_their_whole_length_and_survive_cooling() {
    let page = os::page_bytes();
    for kind in guard_kinds() {
        let native = |guard| StackShape::native(64 * 1024, guard).unwrap();
        for shape in [fibers(), native(NATIVE_GUARD_BYTES), native(0)] {
            let pool = Stacks::with_guard(shape, kind);
            for round in 0..3 {
                let mut stacks: Vec<_> = (0..300).map(|_| pool.take().unwrap()).collect();
                for stack in &stacks {
                    let guard = stack.bounds().start..stack.usable().start;
                    assert_eq!(guard.len(), shape.guard_bytes());
                    assert!(
                        guard.clone().step_by(page).all(|it| !is_writable(it)),
                        "{kind} {round}"
                    );
                    assert!(!is_writable(guard.end - 16), "{kind} {round}");
                    assert!(is_writable(guard.end), "{kind} {round}");
                }
                pool.give_batch(&mut stacks);
                pool.trim();
            }
        }
    }
}

#[test]
fn pages_of_cold_stacks_are_given_back_and_hot_ones_kept() {
    for kind in guard_kinds() {
        let pool = Stacks::with_guard(fibers(), kind);
        // Keeps the slabs mapped, so that the kernel can be asked about them.
        let anchors: Vec<_> = (0..600).map(|_| pool.take().unwrap()).collect();
        let mut stacks: Vec<_> = (0..500).map(|_| pool.take().unwrap()).collect();
        let ranges: Vec<_> = stacks
            .iter()
            .map(|stack| {
                let usable = stack.usable();
                usable.clone().step_by(os::page_bytes()).for_each(|it| write_word(it, 1));
                usable
            })
            .collect();
        let resident = || ranges.iter().cloned().map(resident_pages).sum::<usize>();
        assert_eq!(resident(), 500 * 16);
        // As a worker's cache gives them: the coldest first, a few at a time.
        while !stacks.is_empty() {
            let mut batch = stacks.drain(..stacks.len().min(32)).collect();
            pool.give_batch(&mut batch);
            assert!(batch.is_empty());
        }
        let hot = resident() / 16;
        assert!((128..=256).contains(&hot), "{hot} hot stacks with {kind}");
        assert_eq!(resident_pages(ranges[499].clone()), 16, "the last one given is hot");
        assert_eq!(resident_pages(ranges[0].clone()), 0, "the first one given is cold");
        pool.trim();
        assert_eq!(resident(), 0);
        drop(anchors);
    }
}

#[test]
fn empty_slabs_are_unmapped_but_for_one() {
    for kind in guard_kinds() {
        let pool = Stacks::with_guard(fibers(), kind);
        assert_eq!(pool.stats(), StackStats::default());
        let mut stacks: Vec<_> = (0..3000).map(|_| pool.take().unwrap()).collect();
        let full = pool.stats();
        assert_eq!((full.slabs, full.stacks_out), (4 + 1, 3000));
        assert_eq!(full.stacks_free, 64 + 256 + 3 * 1024 - 3000);
        assert_eq!(
            full.mapped_bytes,
            (full.stacks_out + full.stacks_free) * fibers().stride_bytes()
        );
        assert_eq!(full.guard, Some(kind));
        pool.give_batch(&mut stacks);
        pool.trim();
        let idle = pool.stats();
        assert_eq!((idle.slabs, idle.stacks_out, idle.stacks_free), (1, 0, 64));
        assert_eq!(idle.mapped_bytes, 64 * fibers().stride_bytes());
        // And the places of the slabs that went are used again.
        let again: Vec<_> = (0..3000).map(|_| pool.take().unwrap()).collect();
        let tops: HashSet<_> = again.iter().map(Stack::top).collect();
        assert_eq!(tops.len(), 3000);
        assert_eq!(pool.stats().slabs, 5);
    }
}

#[test]
fn a_lost_stack_keeps_its_slab_and_no_other() {
    for kind in guard_kinds() {
        let pool = Stacks::with_guard(fibers(), kind);
        let mut stacks: Vec<_> = (0..2000).map(|_| pool.take().unwrap()).collect();
        let lost = stacks.swap_remove(700);
        pool.give_batch(&mut stacks);
        pool.trim();
        let stats = pool.stats();
        assert_eq!((stats.slabs, stats.stacks_out), (2, 1), "its own and the one kept");
        let usable = lost.usable();
        write_word(usable.start, 7);
        drop(lost);
        drop(pool);
        // Mapped, registered and guarded for good.
        assert_eq!(read_word(usable.start), 7);
        assert!(!is_writable(usable.start - 16));
        assert!(table::guard_at(usable.start - 16).is_some());
        assert!(table::guard_at(usable.start).is_none());
    }
}

/// What stands between us and the kernel may answer success and do nothing.
#[test]
fn a_guard_that_is_not_there_is_noticed() {
    let page = os::page_bytes();
    for kind in guard_kinds() {
        let mapping = os::Mapping::new(2 * page).unwrap();
        let start = mapping.range().start;
        // SAFETY: nobody uses the mapping.
        unsafe { mapping.guard(start..start + page, kind) }.unwrap();
        // SAFETY: nobody uses the mapping.
        assert!(unsafe { mapping.is_guarded(start) });
        // SAFETY: nobody uses the mapping.
        assert!(!unsafe { mapping.is_guarded(start + page) });
        // SAFETY: nobody uses the mapping, and it is not used again.
        unsafe { mapping.unmap() }.unwrap();
    }
}

#[test]
#[should_panic(expected = "a stack was given to a pool that did not lend it")]
fn a_stack_of_another_pool_is_refused() {
    let (mine, other) = (Stacks::new(fibers()), Stacks::new(fibers()));
    let _mine = mine.take().unwrap();
    mine.give(other.take().unwrap());
}

#[test]
fn many_threads_share_a_pool() {
    const THREADS: usize = 8;
    let pool = Stacks::new(fibers());
    std::thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let pool = &pool;
            scope.spawn(move || {
                for round in 0..60 {
                    let mut stacks: Vec<_> = (0..100).map(|_| pool.take().unwrap()).collect();
                    for stack in &stacks {
                        write_word(stack.usable().end - 8, thread);
                    }
                    for stack in &stacks {
                        assert_eq!(read_word(stack.usable().end - 8), thread, "lent twice");
                    }
                    if round % 7 == 0 {
                        pool.trim();
                    }
                    pool.give(stacks.pop().unwrap());
                    pool.give_batch(&mut stacks);
                }
            });
        }
    });
    pool.trim();
    let stats = pool.stats();
    assert_eq!((stats.slabs, stats.stacks_out), (1, 0));
}

#[test]
fn sizes_are_rounded_up_and_bad_ones_refused() {
    let page = os::page_bytes();
    let floor = StackShape::fiber(1).unwrap();
    assert_eq!(floor.usable_bytes(), MIN_USABLE_BYTES.next_multiple_of(page));
    assert_eq!(StackShape::fiber(65 * 1024 + 1).unwrap().usable_bytes() % page, 0);
    let native = |guard| StackShape::native(8 << 20, guard).unwrap();
    let guards = [page, page, NATIVE_GUARD_BYTES, page];
    let shapes = [floor, fibers(), native(NATIVE_GUARD_BYTES), native(0)];
    for (shape, least) in shapes.into_iter().zip(guards) {
        assert_eq!(shape.stride_bytes() / page % 2, 1, "{shape:?}");
        assert!((least..=least + page).contains(&shape.guard_bytes()), "{shape:?}");
    }
    for asked_bytes in [0, MAX_USABLE_BYTES + 1, usize::MAX] {
        assert_eq!(StackShape::fiber(asked_bytes), Err(StackError::Size { asked_bytes }));
        assert_eq!(StackShape::native(asked_bytes, page), Err(StackError::Size { asked_bytes }));
    }
}

#[test]
fn native_slabs_are_small_in_number_not_in_size() {
    let pool = Stacks::new(StackShape::native(8 << 20, NATIVE_GUARD_BYTES).unwrap());
    let _stacks: Vec<_> = (0..40).map(|_| pool.take().unwrap()).collect();
    let stats = pool.stats();
    assert!(stats.slabs <= 4, "{stats:?}");
    assert!(stats.mapped_bytes <= 4 * (256 << 20), "{stats:?}");
}

#[test]
fn errors_say_what_was_expected_and_what_to_do() {
    for (error, words) in [
        (StackError::Size { asked_bytes: 0 }, &["0 bytes", "expected 1 byte to 1 GiB"][..]),
        (
            StackError::Map { bytes: 69_632, errno: libc::ENOMEM },
            &["69632 bytes", "Cannot allocate memory", "ulimit -v", "vm.max_map_count"],
        ),
        (
            StackError::Guard { bytes: 4096, errno: libc::EPERM },
            &["4096 bytes", "Operation not permitted", "never used", "seccomp"],
        ),
        (
            StackError::MapCountLimit { limit: 65_530, in_use: 57_000, wanted: 2048 },
            &["57000", "vm.max_map_count = 65530", "2048", "vm.max_map_count=262120", "6.13"],
        ),
    ] {
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
}
