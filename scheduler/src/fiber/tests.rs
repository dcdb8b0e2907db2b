use super::*;
use crate::ebb::Outlook;
use crate::stack::{StackShape, Stacks};
use std::ptr;

thread_local! {
    static INSIDE: Cell<Option<Inside>> = const { Cell::new(None) };
}

unsafe fn count(argument: *const ()) {
    // SAFETY: the tests below pass a live cell.
    let count = unsafe { &*argument.cast::<Cell<u32>>() };
    for _ in 0..3 {
        count.set(count.get() + 1);
        let inside = INSIDE.get().expect("set before the resume");
        // SAFETY: this is the fiber's own stack, and it stays on its thread.
        unsafe { inside.suspend(Reason::Yielded) };
    }
}

#[test]
fn a_fiber_runs_body_after_body_on_one_stack() {
    let stacks = Stacks::new(StackShape::fiber(64 << 10).unwrap());
    let fiber = FiberBox::new(stacks.take().unwrap());
    let n = Cell::new(0);
    for round in 1..=5 {
        fiber.prepare(Body { run: count, argument: (&raw const n).cast() });
        INSIDE.set(Some(fiber.inside()));
        for _ in 0..3 {
            // SAFETY: prepared above, and always on this thread.
            assert_eq!(unsafe { fiber.resume() }, Reason::Yielded);
        }
        // SAFETY: as above.
        assert_eq!(unsafe { fiber.resume() }, Reason::Done);
        assert_eq!(n.get(), round * 3);
    }
    // SAFETY: the last suspension was `Done`.
    stacks.give(unsafe { fiber.into_stack() });
    assert_eq!(stacks.stats().stacks_out, 0);
}

#[test]
fn a_depot_keeps_what_is_needed_and_takes_the_rest_of_a_peak_apart() {
    let depot = Depot::new(StackShape::fiber(16 << 10).unwrap());
    let take = |count| (0..count).map(|_| depot.take().unwrap()).collect::<Vec<_>>();
    assert!(depot.give(take(6000)), "somebody is to be told");
    assert_eq!(depot.ebb(true), Outlook::NextTurn);
    assert!(!depot.give(take(5000)), "somebody knows");
    assert_eq!(depot.ebb(true), Outlook::NextTurn);
    // A thousand were not needed, and no fewer than that are kept for good.
    assert_eq!(depot.stats().stacks_out, 5000);
    let rest = std::iter::repeat_with(|| depot.ebb(true)).take_while(|it| *it != Outlook::Calm);
    assert!(rest.count() < 4);
    assert_eq!(depot.stats().stacks_out, 1024);
}

/// Suspends so many calls further in, with something alive in each frame, in registers of all kinds if it fits.
#[inline(never)]
fn descend(inside: Inside, depth: u32, seed: f64) -> f64 {
    let values: [f64; 4] = std::array::from_fn(|n| std::hint::black_box(seed + n as f64));
    let numbers: [u64; 6] =
        std::array::from_fn(|n| std::hint::black_box(u64::from(depth) + n as u64));
    if depth > 0 {
        descend(inside, depth - 1, seed + 1.0);
    }
    // SAFETY: this is the fiber's own stack, and it stays on its thread.
    unsafe { inside.suspend(Reason::Suspended) };
    let floats: f64 = values.iter().sum();
    floats + numbers.iter().sum::<u64>() as f64
}

unsafe fn descend_ten(argument: *const ()) {
    // SAFETY: the test below passes a live cell.
    let sum = unsafe { &*argument.cast::<Cell<f64>>() };
    sum.set(descend(INSIDE.get().expect("set before the resume"), 10, sum.get()));
}

/// Fibers that are suspended at different depths, resumed in turn.
#[test]
fn what_is_alive_over_a_switch_stays() {
    let stacks = Stacks::new(StackShape::fiber(64 << 10).unwrap());
    let sums = [3.0, 5.0, 7.0].map(Cell::new);
    let fibers = sums.each_ref().map(|sum| {
        let fiber = FiberBox::new(stacks.take().unwrap());
        fiber.prepare(Body { run: descend_ten, argument: ptr::from_ref(sum).cast() });
        fiber
    });
    for turn in 0..11 {
        for fiber in &fibers {
            INSIDE.set(Some(fiber.inside()));
            let here = std::hint::black_box(f64::from(turn));
            // SAFETY: prepared above, and always on this thread.
            assert_eq!(unsafe { fiber.resume() }, Reason::Suspended);
            assert_eq!(here, f64::from(turn));
        }
    }
    for (fiber, first) in fibers.into_iter().zip([3.0, 5.0, 7.0]) {
        // SAFETY: as above.
        assert_eq!(unsafe { fiber.resume() }, Reason::Done);
        // SAFETY: the last suspension was `Done`.
        stacks.give(unsafe { fiber.into_stack() });
        assert_eq!(sums[(first as usize - 3) / 2].get(), 4.0 * first + 6.0 + 75.0);
    }
}

#[test]
fn a_new_fiber_gives_its_stack_back() {
    let stacks = Stacks::new(StackShape::fiber(16 << 10).unwrap());
    let fiber = FiberBox::new(stacks.take().unwrap());
    // SAFETY: it is new.
    stacks.give(unsafe { fiber.into_stack() });
    assert_eq!(stacks.stats().stacks_out, 0);
}

unsafe fn look_back(argument: *const ()) {
    // SAFETY: the test below passes a live cell.
    let seen = unsafe { &*argument.cast::<Cell<Option<String>>>() };
    seen.set(Some(std::backtrace::Backtrace::force_capture().to_string()));
}

/// Who walks up the frames of a fiber finds those of its body, and an end.
#[test]
fn a_backtrace_has_the_body_and_ends() {
    let stacks = Stacks::new(StackShape::fiber(256 << 10).unwrap());
    let fiber = FiberBox::new(stacks.take().unwrap());
    let seen = Cell::new(None::<String>);
    fiber.prepare(Body { run: look_back, argument: ptr::from_ref(&seen).cast() });
    // SAFETY: prepared above.
    assert_eq!(unsafe { fiber.resume() }, Reason::Done);
    let seen = seen.take().unwrap();
    assert!(seen.contains("look_back"), "{seen}");
    // SAFETY: the last suspension was `Done`.
    stacks.give(unsafe { fiber.into_stack() });
}
