//! How other projects' runtimes do our workloads: the same work, as their users would write it.
//!
//! A peer is a file, which lists the workloads that it enters. To add one: the file, its name in
//! [`Peer`](super::case::Peer), a line in [`ALL`].

#[cfg(feature = "peers")]
mod tokio;

use super::workload::Contender;

/// What a peer can do.
pub(crate) struct Entry {
    /// The workload's name.
    workload: &'static str,
    contender: Contender,
}

/// All peers.
const ALL: &[&[Entry]] = &[
    #[cfg(feature = "peers")]
    tokio::ENTRIES,
];

/// Whether this build has them.
pub(crate) const ARE_BUILT: bool = cfg!(feature = "peers");

/// Who does this workload.
pub(crate) fn contenders(workload: &str) -> impl Iterator<Item = &'static Contender> {
    let entries = ALL.iter().copied().flatten();
    entries.filter(move |it| it.workload == workload).map(|it| &it.contender)
}

#[cfg(test)]
mod tests {
    use super::super::workload;
    use super::ALL;

    #[test]
    fn peers_enter_workloads_that_there_are() {
        for entry in ALL.iter().copied().flatten() {
            assert!(workload::find(entry.workload).is_some(), "{}", entry.workload);
        }
    }
}
