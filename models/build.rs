//! Makes the mutants: copies of the scheduler's protocol files with one line broken each.
//!
//! The crossing's files ([`SETS`]) name each other, so a mutant of one is a copy of all of them, over a
//! copy of the model's carrier. A protocol that is a folder ([`FOLDERS`]) is copied as one.
//!
//! The text that a mutant replaces must occur exactly once in its file, however it is laid out,
//! else the build fails and names the mutant: so the mutants stay in step with the code. The same
//! holds for the text of steps that models repeat by hand because their file cannot be included
//! ([`table::REPEATED`]).

#[path = "mutants/mod.rs"]
mod table;

use std::fmt::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::{env, fs};

/// Files that name each other, so that a copy of one needs copies of all.
struct Set {
    /// By the names of their modules.
    files: &'static [(&'static str, &'static str)],
    /// The module by which they name each other.
    path: &'static str,
    /// What that is in a copy.
    within: &'static str,
    imports: &'static str,
}

const SETS: &[Set] = &[
    Set {
        files: &[
            ("word", "../scheduler/src/crossing/word.rs"),
            ("request", "../scheduler/src/crossing/request.rs"),
            ("retake", "../scheduler/src/crossing/retake.rs"),
            ("proof", "../scheduler/src/crossing/proof.rs"),
            ("carrier", "src/carrier.rs"),
        ],
        path: "crate::carrier",
        within: "super::carrier",
        imports: "pub(crate) use crate::sync::fence;\n",
    },
    Set {
        files: &[
            ("seat", "../scheduler/src/wait/seat.rs"),
            ("list", "../scheduler/src/wait/list.rs"),
        ],
        path: "crate::wait::seat",
        within: "super::seat",
        imports: "",
    },
];

/// Folders whose files are one module: what `mod.rs` declares stands beside it, and sees it as `super`.
const FOLDERS: &[&str] = &["idle", "queue/deque"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=mutants");
    let mut modules = String::new();
    for mutant in table::MUTANTS.iter().copied().flatten() {
        let path = format!("../scheduler/src/{}", mutant.file);
        let mut text = read(&path);
        let at = find_once(&text, mutant.from).unwrap_or_else(|found| {
            panic!(
                "scheduler/src/{}: mutant `{}` breaks this text, which must be there once and is \
                 there {found} times; change it in models/mutants:\n{}",
                mutant.file, mutant.name, mutant.from
            )
        });
        text.replace_range(at, mutant.to);
        let (file, name) = (mutant.file, mutant.name);
        let has_it = |set: &&Set| set.files.iter().any(|(_, member)| *member == path);
        let folder = FOLDERS.iter().find(|folder| file.starts_with(&format!("{folder}/")));
        let body = match SETS.iter().find(has_it) {
            None => match folder {
                None => inside_a_module(&text),
                Some(folder) => whole_folder(folder, file, &text),
            },
            Some(set) => set.files.iter().fold(set.imports.to_owned(), |all, (module, member)| {
                let body = if *member == path { text.clone() } else { read(member) };
                let body = inside_a_module(&body).replace(set.path, set.within);
                format!("{all}pub(crate) mod {module} {{\n{body}}}\n")
            }),
        };
        write!(modules, "/// {file}\npub(crate) mod {name} {{\n{body}}}\n")
            .expect("a string takes all");
    }
    for step in table::REPEATED {
        if let Err(found) = find_once(&read(&format!("../scheduler/src/{}", step.file)), step.text)
        {
            panic!(
                "scheduler/src/{}: the model in models/src/models/{} repeats this step, which must \
                 be there once and is there {found} times; look at what changed, then change the \
                 model and models/mutants/repeated.rs:\n{}",
                step.file, step.model, step.text
            );
        }
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("mutants.rs");
    fs::write(&out, modules).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
}

/// A folder as one module, with `text` in place of one of its files.
fn whole_folder(folder: &str, file: &str, text: &str) -> String {
    let member = |name: &str| {
        let its = format!("{folder}/{name}.rs");
        let is_this = its == file;
        inside_a_module(&if is_this {
            text.to_owned()
        } else {
            read(&format!("../scheduler/src/{its}"))
        })
    };
    let lines = member("mod");
    let declared = |line: &str| line.strip_prefix("mod ")?.strip_suffix(';').map(str::to_owned);
    let whole = lines.lines().map(|line| match declared(line) {
        None => format!("{line}\n"),
        Some(name) => format!("mod {name} {{\n{}}}\n", member(&name)),
    });
    whole.collect()
}

/// The text of a file, by its path from this package.
fn read(path: &str) -> String {
    println!("cargo::rerun-if-changed={path}");
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A file that is included inside a module cannot begin with documentation of its own.
fn inside_a_module(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with("//!") && !line.starts_with("#!["))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// Where `wanted` is in `text`, white space aside, if it is there once; else how often it is.
fn find_once(text: &str, wanted: &str) -> Result<Range<usize>, usize> {
    let dense: String = text.split_whitespace().collect();
    let wanted: String = wanted.split_whitespace().collect();
    let found = dense.matches(&wanted).count();
    let Some(first) = dense.find(&wanted).filter(|_| found == 1) else {
        return Err(found);
    };
    // Back from the dense text to the text: each of its bytes, but for the white space.
    let mut places = text
        .char_indices()
        .filter(|(_, letter)| !letter.is_whitespace())
        .flat_map(|(at, letter)| at..at + letter.len_utf8())
        .skip(first);
    let start = places.next().expect("the dense text has a first byte");
    let end = places.nth(wanted.len() - 2).expect("and a last");
    Ok(start..end + 1)
}
