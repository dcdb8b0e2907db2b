//! The ring on one thread: order, laps, the end.

use super::{PopError, PushError, Ring};

#[test]
fn first_in_first_out_over_many_laps() {
    for capacity in [1, 2, 3, 4, 7, 8] {
        let ring = Ring::new(capacity);
        for lap in 0..10 {
            let fill = 1 + lap % capacity;
            for n in 0..fill {
                assert_eq!(ring.len(), n);
                ring.push((lap, n)).unwrap();
            }
            if fill == capacity {
                assert_eq!(ring.push((0, 0)), Err(PushError::Full((0, 0))));
            }
            for n in 0..fill {
                assert_eq!(ring.pop(), Ok((lap, n)));
            }
            assert_eq!(ring.pop(), Err(PopError::Empty));
        }
    }
}

#[test]
fn closed_it_gives_out_what_it_has() {
    let ring = Ring::new(1);
    ring.push(1).unwrap();
    assert_eq!(ring.push(2), Err(PushError::Full(2)));
    assert!(ring.close());
    assert!(!ring.close());
    assert_eq!(ring.push(2), Err(PushError::Closed(2)));
    assert_eq!((ring.len(), ring.pop()), (1, Ok(1)));
    assert_eq!((ring.len(), ring.pop()), (0, Err(PopError::Closed)));
}

#[test]
fn what_is_left_is_dropped_once() {
    let drops = std::cell::Cell::new(0);
    struct Counted<'a>(&'a std::cell::Cell<u32>);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let ring = Ring::new(3);
    for _ in 0..5 {
        drop(ring.push(Counted(&drops)));
    }
    assert_eq!(drops.get(), 2, "those that there was no room for");
    drop(ring.pop());
    drop(ring);
    assert_eq!(drops.get(), 5);
}
