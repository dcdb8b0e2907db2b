//! Compiles the C functions that the benchmarks call, and notes the versions that a report tells.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// The packages whose versions a report tells, as `Cargo.lock` knows them.
const PEERS: [&str; 6] = ["corosensei", "may", "tokio", "async-executor", "rayon", "generator"];

fn main() {
    println!("cargo::rerun-if-changed=native");
    cc::Build::new()
        .file("native/call_back.c")
        .file("native/nap.c")
        .file("native/nop.c")
        .opt_level(2)
        .warnings(true)
        .extra_warnings(true)
        .warnings_into_errors(true)
        .compile("sortie_cli_native");
    println!("cargo::rustc-env=SORTIE_RUSTC={}", compiler());
    println!("cargo::rustc-env=SORTIE_PEERS={}", peers());
}

fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |it| String::from_utf8_lossy(&it.stdout).trim().to_owned(),
    )
}

/// Outside of the workspace nothing is known.
fn peers() -> String {
    let lock = Path::new("../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let lock = fs::read_to_string(lock).unwrap_or_default();
    let version = |name: &str| {
        let (_, rest) = lock.split_once(&format!("\nname = \"{name}\"\nversion = \""))?;
        let (version, _) = rest.split_once('"')?;
        Some(format!("{name} {version}"))
    };
    PEERS.into_iter().filter_map(version).collect::<Vec<_>>().join(", ")
}
