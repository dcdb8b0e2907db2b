//! Waits for messages, answers and values, for room, and for the end of the others.

use super::Limit::{self, For, Until};
use super::{Wait, between, within};
use sortie::sync::{Select, broadcast, channel, oneshot, watch};

pub(crate) fn messages() -> Vec<Wait> {
    let full = channel::bounded(1);
    full.0.send(0).unwrap();
    let kept = channel::bounded::<u32>(1);
    vec![
        between(
            "room",
            full,
            |sender, limit| send(&sender, limit),
            |receiver| assert_eq!((receiver.recv(), receiver.recv()), (Ok(0), Ok(1))),
        ),
        between(
            "who takes a message",
            channel::bounded(0),
            |sender, limit| send(&sender, limit),
            |receiver| assert_eq!(receiver.recv(), Ok(1)),
        ),
        between(
            "a message",
            swap(channel::bounded(1)),
            |receiver, limit| within!(limit, receiver, recv_timeout / recv_until).is_ok(),
            |sender| sender.send(1).unwrap(),
        ),
        between(
            "a message without a limit",
            swap(channel::unbounded()),
            |receiver, limit| within!(limit, receiver, recv_timeout / recv_until).is_ok(),
            |sender| sender.send(1).unwrap(),
        ),
        between(
            "a message from hand to hand",
            swap(channel::bounded(0)),
            |receiver, limit| within!(limit, receiver, recv_timeout / recv_until).is_ok(),
            |sender| sender.send(1).unwrap(),
        ),
        between(
            "the end of the receivers",
            kept,
            |sender, limit| within!(limit, sender, closed_timeout / closed_until),
            drop,
        ),
        between(
            "an answer",
            swap(oneshot::channel()),
            |mut receiver, limit| within!(limit, receiver, recv_timeout / recv_until).is_ok(),
            |sender| sender.send(1).unwrap(),
        ),
        between(
            "who wants no answer",
            oneshot::channel::<u32>(),
            |sender, limit| within!(limit, sender, closed_timeout / closed_until),
            drop,
        ),
        between(
            "a change",
            swap(watch::channel(0)),
            |receiver, limit| within!(limit, receiver, changed_timeout / changed_until).is_ok(),
            // It is kept until the other has seen it.
            |sender| {
                sender.send(1).unwrap();
                sender.closed();
            },
        ),
        between(
            "a certain value",
            swap(watch::channel(0)),
            |receiver, limit| {
                within!(limit, receiver, wait_for_timeout / wait_for_until, |value| *value == 1)
                    .is_ok()
            },
            |sender| {
                sender.send(1).unwrap();
                sender.closed();
            },
        ),
        between(
            "who no longer looks",
            watch::channel(0),
            |sender, limit| within!(limit, sender, closed_timeout / closed_until),
            drop,
        ),
        between(
            "a message for all",
            swap(broadcast::channel(1)),
            |receiver, limit| within!(limit, receiver, recv_timeout / recv_until).is_ok(),
            |sender| assert_eq!(sender.send(1), Ok(1)),
        ),
        between(
            "the end of all who receive",
            broadcast::channel::<u32>(1),
            |sender, limit| within!(limit, sender, closed_timeout / closed_until),
            drop,
        ),
        between(
            "the first of several",
            swap(channel::bounded(1)),
            |receiver, limit| {
                let select = Select::new().recv(&receiver, |message| message.is_ok());
                within!(limit, select, wait_timeout / wait_until).unwrap_or(false)
            },
            |sender| sender.send(1).unwrap(),
        ),
        between(
            "the first arm",
            swap(channel::bounded(1)),
            |receiver, limit| match limit {
                For(limit) => sortie::select! {
                    recv(receiver) -> message => message.is_ok(),
                    after(limit) => false,
                },
                Until(time) => sortie::select! {
                    recv(receiver) -> message => message.is_ok(),
                    at(time) => false,
                },
            },
            |sender| sender.send(1).unwrap(),
        ),
    ]
}

fn swap<A, B>((a, b): (A, B)) -> (B, A) {
    (b, a)
}

fn send(sender: &channel::Sender<u32>, limit: Limit) -> bool {
    match limit {
        For(limit) => sender.send_timeout(1, limit).is_ok(),
        Until(time) => sender.send_until(1, time).is_ok(),
    }
}
