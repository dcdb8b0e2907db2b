//! doctor
#[derive(Debug, clap::Args)]
/// doctor
pub(crate) struct Options {}
pub(crate) fn main(_: &Options) -> std::process::ExitCode { std::process::ExitCode::SUCCESS }
