//! How many instructions the pieces cost, and how many of them are locked: a check that fails when one grows.
//!
//! Times differ from run to run and from machine to machine; instructions hardly do. `cargo bench --bench
//! instructions` runs each piece twice under valgrind's callgrind, with `n` and with `3 n` operations, takes the
//! difference, and holds it against `committed.json` beside this file: more than 3 % above is an error. A locked
//! instruction may stand where a plain one stood, for many times its price, so these are counted by
//! themselves ([`machine_code`]).
//!
//! `-- --write` writes the figures to the file; `-- PIECE...` looks at some pieces only; `-- --mutant` shows that the
//! check can fail, by a copy of the workspace that costs more ([`mutant`]). `cargo test --benches` runs each piece
//! once, without valgrind.

#![cfg(target_os = "linux")]

mod callgrind;
#[path = "../../tests/assembly/changed.rs"]
mod changed;
mod figures;
mod machine_code;
mod mutant;
mod pieces;

use figures::{Committed, Figures};
use pieces::{PIECES, Piece};
use std::error::Error;
use std::process::ExitCode;

/// Operations of the shorter run: so many that what goes on beside hardly shows.
const OPS: u64 = 20_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["--piece", name, ops] => run(name, ops).map(|()| true),
        all if all.contains(&"--bench") && all.contains(&"--mutant") => mutant::is_found(),
        all if all.contains(&"--bench") => check(all.contains(&"--write"), all),
        _ => {
            PIECES.iter().for_each(|it| (it.run)(1));
            Ok(true)
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What runs under valgrind.
fn run(name: &str, ops: &str) -> Result<(), Box<dyn Error>> {
    let piece = PIECES.iter().find(|it| it.name == name).ok_or("there is no such piece")?;
    (piece.run)(ops.parse()?);
    Ok(())
}

/// False: a piece costs more than is committed. All pieces, if none is named.
fn check(write: bool, named: &[&str]) -> Result<bool, Box<dyn Error>> {
    let named: Vec<&&str> = named.iter().filter(|it| !it.starts_with("--")).collect();
    if let Some(unknown) = named.iter().find(|it| PIECES.iter().all(|piece| piece.name != ***it)) {
        let names: Vec<&str> = PIECES.iter().map(|it| it.name).collect();
        return Err(format!("no piece is called {unknown:?}, but: {}", names.join("; ")).into());
    }
    let program = machine_code::Program::read(&std::env::current_exe()?)?;
    let mut committed = Committed::read()?;
    println!(
        "{:16} {:>12} {:>12} {:>8} {:>8}",
        "piece", "instructions", "committed", "locked", "committed"
    );
    let mut is_good = true;
    let is_asked = |it: &&Piece| named.is_empty() || named.contains(&&it.name);
    for piece in PIECES.iter().filter(is_asked) {
        let found = measure(piece, &program)?;
        let before = committed.of(piece.name);
        let shown = |figure: Option<f64>| figure.map_or("-".to_owned(), |it| format!("{it:.2}"));
        println!(
            "{:16} {:12.1} {:>12} {:8.2} {:>8}",
            piece.name,
            found.instructions,
            shown(before.map(|it| it.instructions)),
            found.locked,
            shown(before.map(|it| it.locked))
        );
        if write {
            committed.set(piece.name, found);
        } else {
            let complaints = found.beyond(before);
            complaints.iter().for_each(|it| println!("  {}: {it}", piece.name));
            is_good &= complaints.is_empty();
        }
    }
    if write {
        committed.write()?;
    } else if !is_good {
        println!(
            "a piece costs more than is committed: make it cheaper, or say in the commit why it must cost that, and \
             run `cargo bench --bench instructions -- --write`"
        );
    }
    Ok(is_good)
}

/// What one operation costs.
fn measure(piece: &Piece, program: &machine_code::Program) -> Result<Figures, Box<dyn Error>> {
    let few = callgrind::count(piece.name, OPS, program)?;
    let many = callgrind::count(piece.name, 3 * OPS, program)?;
    let each = |few: u64, many: u64| {
        let more = many.saturating_sub(few) as f64 / (2 * OPS) as f64;
        (more * 100.0).round() / 100.0
    };
    Ok(Figures {
        instructions: each(few.instructions, many.instructions),
        locked: each(few.locked, many.locked),
    })
}
