//! The models, one protocol a file.
//!
//! Each is generic over a trait that the true type and its mutants share, so that the same text
//! runs over all of them: a test that must pass, and one for each mutant that must fail with the
//! promise of the model.

mod aside;
mod callback;
mod claim;
mod crossing;
mod deque;
mod exclusive;
mod hold;
mod hook;
mod idle;
mod list;
mod mailbox;
mod monitor;
mod parking;
mod permits;
mod pile;
mod proof;
mod rest;
mod ring;
mod scope;
mod task;
mod timers;
mod visit;
