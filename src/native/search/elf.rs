//! What kind of file lies at a path, by its first bytes: may the loader be given it, and if not, why.
//!
//! Reads at most [`HEAD_BYTES`]; never maps or runs anything. The loader checks far more; this is only enough to
//! tell a shared object for this machine from what commonly lies under the same name.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Enough for the ELF identification with its machine field, and for the opening of a linker script.
const HEAD_BYTES: u64 = 512;

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = libc::EM_X86_64;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = libc::EM_AARCH64;

const CLASS: u8 = if cfg!(target_pointer_width = "64") { 2 } else { 1 };
const BYTE_ORDER: u8 = if cfg!(target_endian = "little") { 1 } else { 2 };
/// A shared object (`ET_DYN`).
const TYPE_SHARED: u16 = 3;

/// `None` if the file is a shared object for this machine, else what it is instead, as a phrase.
pub(super) fn why_not(path: &Path) -> io::Result<Option<&'static str>> {
    // A FIFO would block the open, so look before.
    if !std::fs::metadata(path)?.is_file() {
        return Ok(Some("not a regular file"));
    }
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(why_not_head(&head))
}

fn why_not_head(head: &[u8]) -> Option<&'static str> {
    if !head.starts_with(b"\x7fELF") {
        return Some(if is_linker_script(head) {
            "a linker script, a text that only the linker reads, not an ELF file"
        } else {
            "not an ELF file"
        });
    }
    let half_word = |at: usize| Some(u16::from_ne_bytes([*head.get(at)?, *head.get(at + 1)?]));
    if head.get(4) != Some(&CLASS)
        || head.get(5) != Some(&BYTE_ORDER)
        || half_word(18) != Some(MACHINE)
    {
        return Some("an ELF file for another architecture");
    }
    if half_word(16) != Some(TYPE_SHARED) {
        return Some("an ELF file, but not a shared object");
    }
    None
}

/// GNU ld scripts that stand in for libraries open with a comment that names them, and consist of these commands.
fn is_linker_script(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    ["GNU ld script", "INPUT", "GROUP", "OUTPUT_FORMAT"].iter().any(|word| text.contains(word))
        && !head.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Vec<u8> {
        let mut head = b"\x7fELF".to_vec();
        head.extend([CLASS, BYTE_ORDER, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        head.extend(TYPE_SHARED.to_ne_bytes());
        head.extend(MACHINE.to_ne_bytes());
        head
    }

    #[test]
    fn a_shared_object_for_this_machine_fits() {
        assert_eq!(why_not_head(&header()), None);
    }

    #[test]
    fn other_files_are_named() {
        let with = |at: usize, byte: u8| {
            let mut head = header();
            head[at] = byte;
            why_not_head(&head).unwrap()
        };
        assert!(with(4, 3 - CLASS).contains("another architecture"));
        assert!(with(5, 3 - BYTE_ORDER).contains("another architecture"));
        assert!(with(18, 8).contains("another architecture"));
        assert!(with(16, 1).contains("not a shared object"));
        assert!(why_not_head(b"").unwrap().contains("not an ELF file"));
        assert!(why_not_head(b"\x7fELF").unwrap().contains("architecture"));
        let script = b"/* GNU ld script */\nGROUP ( /lib/libm.so.6 )\n";
        assert!(why_not_head(script).unwrap().contains("linker script"));
        assert!(why_not_head(b"INPUT(-lncurses)\n").unwrap().contains("linker script"));
    }

    #[test]
    fn directories_and_missing_files_are_told_apart() {
        assert_eq!(why_not(Path::new("/")).unwrap(), Some("not a regular file"));
        assert!(why_not(Path::new("/no/such/file")).is_err());
    }
}
