//! That the check can go red: it is run on a copy of the workspace which costs more, and must say where and by what.

use crate::changed::{self, Change};
use std::error::Error;
use std::path::Path;
use std::process::Command;

/// A call's leave stores with a locked instruction; and raw transitions cost about 4 % more.
const CHANGES: [Change; 2] = [
    Change {
        file: "scheduler/src/crossing/word.rs",
        from: "self.0.store(left, Ordering::Release);",
        to: "self.0.store(left, Ordering::SeqCst);",
    },
    Change {
        file: "src/transition/raw.rs",
        from: "out_raw(local, target, profile, decision.exit())?;",
        to: "out_raw(local, target, profile, decision.exit())?;
        (0..24).for_each(|it| {
            std::hint::black_box(it);
        });",
    },
];

/// What must be said, of which piece.
const COMPLAINTS: [(&str, &str); 3] = [
    ("call, mode A", "locked instructions or fences, where there were"),
    ("leave and enter", "locked instructions or fences, where there were"),
    ("leave and enter", "instructions, and at most"),
];

/// False: the check finds nothing, or not all.
pub(crate) fn is_found() -> Result<bool, Box<dyn Error>> {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let copy = temporary.join("instructions");
    changed::copy(Path::new(env!("CARGO_MANIFEST_DIR")), &copy, &CHANGES);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        // Other packages are the same as here, and are here.
        .args(["bench", "--offline", "--quiet", "--bench", "instructions", "--target-dir"])
        .arg(temporary.parent().ok_or("a directory that is built into")?)
        .arg("--")
        .args(["call, mode A", "leave and enter"])
        .current_dir(&copy)
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let is_told = |&(piece, what): &(&str, &str)| {
        let is_its = |line: &str| line.starts_with(&format!("  {piece}: ")) && line.contains(what);
        said.lines().any(is_its)
    };
    let is_found = !output.status.success() && COMPLAINTS.iter().all(is_told);
    if is_found {
        println!("a copy that costs more is found out:");
        said.lines().filter(|it| it.starts_with("  ")).for_each(|it| println!("{it}"));
    } else {
        println!("a copy that costs more is not found out: {}\n{said}", output.status);
        println!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(is_found)
}
