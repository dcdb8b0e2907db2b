//! How other projects' runtimes do our workloads: the same work, as their users would write it.
//!
//! A peer is a file or a folder, which lists the workloads that it enters: [`futures`] has what all runtimes
//! of futures share, and is entered by tokio and smol. To add one: the file, its name in
//! [`Peer`](super::case::Peer), a line in [`ALL`].

#[cfg(feature = "peers")]
mod corosensei;
#[cfg(feature = "peers")]
mod futures;
#[cfg(feature = "peers")]
mod go;
#[cfg(feature = "peers")]
mod may;
#[cfg(feature = "peers")]
mod rayon;
#[cfg(feature = "peers")]
mod smol;
#[cfg(feature = "peers")]
mod tokio;
#[cfg(feature = "peers")]
mod work;

use super::case::Peer;
use super::workload::Contender;

/// What a peer can do.
pub(crate) struct Entry {
    /// The workload's name.
    workload: &'static str,
    contender: Contender,
}

/// Whether this build has them.
pub(crate) const ARE_BUILT: bool = cfg!(feature = "peers");

/// All peers.
#[cfg(feature = "peers")]
const ALL: &[&[Entry]] = &[
    corosensei::ENTRIES,
    may::ENTRIES,
    futures::Entries::<tokio::CurrentThread>::ALL,
    futures::Entries::<tokio::ManyThreads>::ALL,
    futures::Entries::<smol::Smol>::ALL,
    rayon::ENTRIES,
    go::ENTRIES,
];

#[cfg(not(feature = "peers"))]
const ALL: &[&[Entry]] = &[];

/// Makes what a peer needs to be measured, once in this process.
///
/// # Errors
/// It cannot be had.
pub(crate) fn prepare(peer: Peer) -> Result<(), String> {
    match peer {
        #[cfg(feature = "peers")]
        Peer::Go => go::build().map(|_| ()).map_err(str::to_owned),
        _ => Ok(()),
    }
}

/// The version of a peer that is not a crate, if it is here.
pub(crate) fn further_versions() -> Option<String> {
    #[cfg(feature = "peers")]
    return go::version();
    #[cfg(not(feature = "peers"))]
    None
}

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
