//! The mutants, a file a protocol, and the steps that models repeat by hand. Read by `build.rs`.

mod alarm;
mod callback;
mod claim;
mod crossing;
mod deque;
mod exclusive;
mod gate;
mod hook;
mod list;
mod lobby;
mod mailbox;
mod offload;
mod parking;
mod permits;
mod pile;
mod repeated;
mod rest;
mod ring;
mod task;

pub(crate) use repeated::REPEATED;

/// One broken copy of a protocol file.
pub(crate) struct Mutant {
    /// The module's name.
    pub(crate) name: &'static str,
    /// The file, from the scheduler's `src` (`..` and on for one of the package `sortie`).
    pub(crate) file: &'static str,
    /// The text that holds the promise, as it stands in the file once; spaces and line ends do not
    /// count.
    pub(crate) from: &'static str,
    /// What takes its place.
    pub(crate) to: &'static str,
}

/// A step of the scheduler's that a model repeats, because its file needs the whole crate.
pub(crate) struct Repeated {
    pub(crate) file: &'static str,
    pub(crate) model: &'static str,
    /// As it stands in the file once; spaces and line ends do not count.
    pub(crate) text: &'static str,
}

/// All, by protocol.
pub(crate) const MUTANTS: &[&[Mutant]] = &[
    alarm::MUTANTS,
    callback::MUTANTS,
    claim::MUTANTS,
    crossing::MUTANTS,
    deque::MUTANTS,
    exclusive::MUTANTS,
    gate::MUTANTS,
    hook::MUTANTS,
    list::MUTANTS,
    lobby::MUTANTS,
    mailbox::MUTANTS,
    offload::MUTANTS,
    parking::MUTANTS,
    permits::MUTANTS,
    pile::MUTANTS,
    rest::MUTANTS,
    ring::MUTANTS,
    task::MUTANTS,
];
