//! On what machine, and with which versions of everything, a report was made.

use crate::bench::{peers, pin};
use procfs::Current;
use procfs::{CpuInfo, Meminfo};

/// One line for each thing that a figure depends on.
pub(super) fn lines() -> Vec<(&'static str, String)> {
    let mut lines = vec![("processor", processor())];
    let uname = rustix::system::uname();
    let (system, release) = (uname.sysname().to_string_lossy(), uname.release().to_string_lossy());
    lines.push(("kernel", format!("{system} {release}")));
    if let Ok(memory) = Meminfo::current() {
        lines.push(("memory", format!("{:.0} GiB", memory.mem_total as f64 / (1 << 30) as f64)));
    }
    lines.push(("sortie", sortie()));
    lines.push(("compiler", env!("SORTIE_RUSTC").to_owned()));
    let crates = Some(env!("SORTIE_PEERS").to_owned()).filter(|it| !it.is_empty());
    let all: Vec<_> = crates.into_iter().chain(peers::further_versions()).collect();
    if !all.is_empty() {
        lines.push(("peers", all.join(", ")));
    }
    lines
}

fn processor() -> String {
    let model = CpuInfo::current().ok().and_then(|it| it.model_name(0).map(str::to_owned));
    let cpus = pin::allowed().map_or(0, |it| it.len());
    format!("{}, {cpus} used", model.as_deref().unwrap_or("unknown"))
}

fn sortie() -> String {
    let build = if cfg!(debug_assertions) { "DEBUG build" } else { "release build" };
    format!("{}, {build}", env!("CARGO_PKG_VERSION"))
}
