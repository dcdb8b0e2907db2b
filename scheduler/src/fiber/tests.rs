use super::*;
use crate::ebb::Outlook;
use crate::stack::{StackShape, Stacks};

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
    let mut fiber = FiberBox::new(stacks.take().unwrap());
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
