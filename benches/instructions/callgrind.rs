//! A run of a piece under callgrind, and what is read from its file.
//!
//! The file has a line for each instruction that ran: its address in the program's file, and how often. What
//! follows a line `calls=` is a call's whole cost, which stands at the instructions of the called function too.

use crate::machine_code::Program;
use std::error::Error;
use std::io;
use std::process::{Command, Stdio};

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) instructions: u64,
    pub(crate) locked: u64,
}

pub(crate) fn count(piece: &str, ops: u64, program: &Program) -> Result<Counts, Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("callgrind");
    let own = std::env::current_exe()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--dump-instr=yes", "--dump-line=no", "--compress-strings=no"])
        .args(["--compress-pos=no", "--separate-threads=no"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(&own)
        .args(["--piece", piece, &ops.to_string()])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                "there is no `valgrind` command: install it (Debian and Ubuntu: \
                                        `apt-get install valgrind`) to count instructions"
                    .to_owned()
            }
            _ => format!("valgrind: {error}"),
        })?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{piece} under valgrind ended by {}: {why}", output.status).into());
    }
    let own = own.to_string_lossy();
    read(&std::fs::read_to_string(&file)?, |object, address| {
        object == own && program.is_locked(address)
    })
}

/// Sums up a file. `is_locked` is asked by the object and the address of each instruction.
fn read(text: &str, is_locked: impl Fn(&str, u64) -> bool) -> Result<Counts, Box<dyn Error>> {
    let mut counts = Counts::default();
    let mut object = "";
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("ob=") {
            object = name;
        } else if line.starts_with("calls=") {
            lines.next();
        } else if let Some(cost) = line.strip_prefix("0x") {
            let (address, times) = cost.split_once(' ').ok_or("a line without a cost")?;
            let times: u64 = times.trim().parse()?;
            counts.instructions += times;
            if is_locked(object, u64::from_str_radix(address, 16)?) {
                counts.locked += times;
            }
        }
    }
    if counts.instructions == 0 {
        return Err("the file of callgrind has no instructions".into());
    }
    Ok(counts)
}
