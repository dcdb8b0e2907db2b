//! Places are kept from being used again, and then are; their state word refuses late calls.

use super::Callback;
use super::place::QUARANTINE;
use super::word::{Refusal, Word};
use std::collections::BTreeSet;

/// No other test has callbacks of this signature.
type Own = extern "C" fn(*const Marker, u8) -> i16;

struct Marker;

#[test]
fn a_place_is_used_again_only_after_many_others() {
    let made = || Callback::<Own>::new(0, |_, n| i16::from(n));
    let first = made();
    // SAFETY: it is never called.
    let function = unsafe { first.function() }.unwrap() as usize;
    let user = first.user() as usize;
    drop(first);
    let mut users = BTreeSet::from([user]);
    for _ in 0..QUARANTINE {
        let next = made();
        // SAFETY: as above.
        assert_ne!(unsafe { next.function() }.unwrap() as usize, function);
        assert!(users.insert(next.user() as usize));
    }
    let again = made();
    // SAFETY: as above.
    assert_eq!(unsafe { again.function() }.unwrap() as usize, function, "memory is bounded");
    assert!(users.insert(again.user() as usize), "a user pointer never means two callbacks");
}

#[test]
fn one_function_however_often_it_is_asked_for() {
    let callback = Callback::<extern "C" fn()>::new((), || ());
    let functions: BTreeSet<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            // SAFETY: it is never called.
            .map(|_| scope.spawn(|| unsafe { callback.function() }.unwrap() as usize))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(functions.len(), 1);
}

#[test]
fn the_owner_is_the_last_if_nobody_is_inside() {
    let word = Word::new();
    assert_eq!(word.open(), 1);
    assert_eq!(word.enter(None), Ok(()));
    assert!(!word.exit());
    assert_eq!(word.close(), 0);
}

#[test]
fn the_last_call_is_the_last_if_the_owner_went_before() {
    let word = Word::new();
    word.open();
    assert_eq!(word.enter(Some(1)), Ok(()));
    assert_eq!(word.enter(Some(1)), Ok(()));
    assert_eq!(word.close(), 2);
    assert!(!word.exit());
    assert!(word.exit());
}

#[test]
fn late_calls_are_refused() {
    let word = Word::new();
    assert_eq!(word.enter(None), Err(Refusal::Dropped), "there was none yet");
    let first = word.open();
    assert_eq!(word.close(), 0);
    assert_eq!(word.enter(Some(first)), Err(Refusal::Dropped));
    assert_eq!(word.enter(None), Err(Refusal::Dropped));
    let second = word.open();
    assert_eq!(word.enter(Some(first)), Err(Refusal::Another));
    assert_eq!(word.enter(Some(second)), Ok(()));
}
