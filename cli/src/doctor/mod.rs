//! `sortie doctor`: what the machine offers, and what follows for a runtime on it.
//!
//! - `finding`: one thing looked at. `report`: how all of them are printed.
//! - `kernel`, `cores`, `memory`, `limits`, `cgroup`, `runtime`: what is looked at, a file each.
//! - `read`: files that may not be there.
//!
//! Must not: change anything, or fail since a file is missing: what cannot be read is a finding too.

mod cgroup;
mod cores;
mod finding;
mod kernel;
mod limits;
mod memory;
mod read;
mod report;
mod runtime;

use crate::output;
use std::process::ExitCode;

/// Says what the machine offers, and what follows for a runtime on it.
///
/// Fails only if no runtime can be started at all.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Prints an object: `starts`, and `findings`, an array of objects.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn main(options: &Options) -> ExitCode {
    // First of all: to register for membarrier is cheap only before there are threads.
    let mut findings = kernel::findings();
    let guard = sortie_scheduler::probe_guard();
    let limits = cgroup::limits();
    findings.extend(cores::findings(&limits));
    findings.extend(memory::findings(guard));
    findings.extend(limits::findings());
    findings.extend(cgroup::findings(&limits));
    let started = runtime::start();
    findings.extend(started.findings);
    let is_printed = if options.json {
        output::print(report::json(&findings, started.starts))
    } else {
        output::print(report::text(&findings).trim_end())
    };
    output::code(is_printed && started.starts)
}
