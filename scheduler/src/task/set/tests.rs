use super::*;
use crate::{Config, Spawn};
use std::time::Duration;

/// As one does who waits for the next of a set with a lock in hand that all of them want: what was noted lasts until
/// the wait has returned, and one may look in between.
#[test]
fn a_wait_for_the_next_that_was_given_one_names_nobody() {
    let scheduler = Config::new().workers(1).start().expect("a scheduler");
    let set = Arc::new(TaskSet::new().ordered());
    let spawn = |key| Spawn::new().owner(set.clone(), key);
    let stays = scheduler.spawn_with(spawn(0), || crate::sleep(Duration::MAX));
    let ended = scheduler.spawn_with(spawn(1), || ());
    let _noted = set.next_ends();
    ended.join().expect("it just ends");
    // Told behind the join: the set may have it a little later.
    assert_eq!(set.wait_for_next(None), Next::Ended(1));
    assert_eq!(set.owners_unless_one_has_ended(), None, "it returns");
    let _next = set.next_ends();
    let left = vec![Owner::of_task(stays.task())];
    assert_eq!(set.owners_unless_one_has_ended(), Some(left), "another wait");
    stays.abort();
    stays.join().unwrap_err();
}
