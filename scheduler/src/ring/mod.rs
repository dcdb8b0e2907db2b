//! A bounded queue of messages, which channels are made of. [`slots`] is the protocol; who waits for whom is
//! the channel's matter.

mod slots;
#[cfg(test)]
mod tests;

pub use slots::{PopError, PushError, Ring};
