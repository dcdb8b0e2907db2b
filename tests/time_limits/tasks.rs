//! Waits for the ends of tasks.

use super::Limit::{For, Until};
use super::{Wait, between, within};
use sortie::Handle;
use sortie::sync::Event;
use sortie::task::{Builder, Group, JoinSet, delay_abort};
use std::sync::Arc;

/// Sets its event when it is dropped.
struct End(Arc<Event>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// What a task does that ends when it is told to, and what tells it.
fn until_told() -> (impl FnOnce() + Send + 'static, End) {
    let event = Arc::new(Event::manual());
    let end = End(event.clone());
    (move || event.wait(), end)
}

/// A set of one task, and what ends it.
fn set(runtime: &Handle) -> (JoinSet<()>, End) {
    let mut set = JoinSet::new();
    let (task, end) = until_told();
    set.spawn_on(runtime, move || delay_abort(task));
    (set, end)
}

pub(crate) fn tasks(runtime: &Handle) -> Vec<Wait> {
    let group = Group::new("limited");
    let (member, of_group) = until_told();
    drop(Builder::new().group(&group).spawn_on(runtime, member));
    let (task, of_task) = until_told();
    vec![
        between(
            "the end of a task",
            (runtime.spawn(task), of_task),
            |task, limit| within!(limit, task, join_timeout / join_until).is_ok(),
            drop,
        ),
        between(
            "the next of a set",
            set(runtime),
            |mut set, limit| within!(limit, set, join_next_timeout / join_next_until).is_some(),
            drop,
        ),
        between(
            "the next of a set, and its number",
            set(runtime),
            |mut set, limit| {
                within!(limit, set, join_next_with_id_timeout / join_next_with_id_until).is_some()
            },
            drop,
        ),
        between(
            "the end of all of a set",
            set(runtime),
            |mut set, limit| within!(limit, set, shutdown_timeout / shutdown_until),
            drop,
        ),
        between(
            "the end of a group",
            (group, of_group),
            |group, limit| within!(limit, group, wait_timeout / wait_until).unwrap(),
            drop,
        ),
    ]
}
