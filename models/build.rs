//! Makes the mutants: copies of the scheduler's protocol files with one line broken each.
//!
//! The text that a mutant replaces must occur exactly once in its file, else the build fails and
//! names the mutant: so the mutants stay in step with the code. The same holds for the text of
//! steps that models repeat by hand because their file cannot be included ([`REPEATED`]).

#[path = "mutants.rs"]
mod table;

use std::fmt::Write;
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=mutants.rs");
    let mut modules = String::new();
    for mutant in table::MUTANTS {
        let text = protocol(mutant.file);
        assert_once(&text, mutant.from, mutant.file, || {
            format!(
                "mutant `{}` breaks that line: change it in models/mutants.rs",
                mutant.name
            )
        });
        let broken = text.replacen(mutant.from, mutant.to, 1);
        // A file that is included inside a module cannot begin with documentation of its own.
        let body: String = broken
            .lines()
            .filter(|line| !line.starts_with("//!") && !line.starts_with("#!["))
            .flat_map(|line| [line, "\n"])
            .collect();
        write!(
            modules,
            "/// {}\npub(crate) mod {} {{\n{body}}}\n",
            mutant.file, mutant.name
        )
        .expect("a string takes all");
    }
    for step in table::REPEATED {
        assert_once(&protocol(step.file), step.text, step.file, || {
            format!(
                "the model in models/src/{} repeats that step by hand: change both",
                step.model
            )
        });
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("mutants.rs");
    fs::write(&out, modules).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
}

/// The text of a file of the scheduler's.
fn protocol(file: &str) -> String {
    let path = format!("../scheduler/src/{file}");
    println!("cargo::rerun-if-changed={path}");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn assert_once(text: &str, wanted: &str, file: &str, advice: impl Fn() -> String) {
    let found = text.matches(wanted).count();
    assert!(
        found == 1,
        "scheduler/src/{file}: expected this text once, found it {found} times; {}.\n{wanted}",
        advice()
    );
}
