//! What most tasks have nothing of is dropped where there is some.

use super::frame::end;
use super::{Extension, Local};
use crate::transition::Layers;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ends a `Local` that was given something.
fn end_with(give: impl FnOnce(&Local)) {
    let mut local = ManuallyDrop::new(Local::new(Layers::managed()));
    give(&local);
    // SAFETY: it is not used again.
    unsafe { end(&mut local) };
}

#[test]
fn a_panic_that_nobody_raised_again_is_dropped() {
    let payload = Arc::new(());
    let its = payload.clone();
    end_with(|local| local.keep(Box::new(its)));
    assert_eq!(Arc::strong_count(&payload), 1);
}

#[test]
fn an_extension_is_told_of_the_end_and_let_go() {
    /// How often it was told.
    struct Counting(AtomicU64);
    impl Extension for Counting {
        fn ended(&self, _leaked_layers: u64) {
            // ORDERING: Relaxed, one thread.
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let extension = Arc::new(Counting(AtomicU64::new(0)));
    let its = extension.clone();
    end_with(|local| assert!(local.extension().set(its).is_ok(), "it had none"));
    // ORDERING: Relaxed, as above.
    assert_eq!(extension.0.load(Ordering::Relaxed), 1);
    assert_eq!(Arc::strong_count(&extension), 1);
}

#[test]
fn layers_with_memory_of_their_own_are_said_to_have_some() {
    let mut layers = Layers::managed();
    assert!(!layers.has_memory());
    for depth in 0..Layers::MIN_DEPTH_LIMIT {
        if depth % 2 == 0 {
            layers.leave(1).expect("far from the limit");
        } else {
            let _ = layers.reverse_enter().expect("far from the limit");
        }
    }
    assert!(layers.has_memory());
}
