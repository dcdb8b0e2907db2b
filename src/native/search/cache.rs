//! The loader's cache, `ld.so.cache`: which sonames exist for this architecture, and where.
//!
//! glibc's `ldconfig` writes it. The format is read defensively: every offset is checked, a broken header
//! refuses the file, and a broken entry is skipped and counted. Other C libraries have no such file; then the
//! search goes on without it.
//!
//! Layout of the format in use since glibc 2.2, all in the machine's own byte order, offsets from its header:
//!
//! ```text
//!  0  magic and version (20 bytes)          then `count` entries of 24 bytes:
//! 20  u32 count of entries                   0  i32 flags: kind of object and architecture
//! 24  u32 bytes of strings                   4  u32 offset of the soname
//! 28  u8  byte order (0: not told)           8  u32 offset of the path
//! 29  3 bytes unused                        12  u32 kernel version, unused
//! 32  u32 offset of extensions              16  u64 processor capabilities
//! 36  12 bytes unused
//! ```
//!
//! Before it the older format may stand for the sake of old loaders: a header of 16 bytes with its own count at
//! offset 12, then entries of 12 bytes, then padding. It is only skipped.
//!
//! Why not a crate: the one that reads this file (`ld-so-cache` 0.1) makes a command line parser and
//! JSON part of the library's dependencies and refuses a file for one broken entry.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fmt, io};

const MAGIC: &[u8; 20] = b"glibc-ld.so.cache1.1";
const OLD_MAGIC: &[u8; 11] = b"ld.so-1.7.0";
const HEADER_BYTES: usize = 48;
const ENTRY_BYTES: usize = 24;
const OLD_HEADER_BYTES: usize = 16;
const OLD_ENTRY_BYTES: usize = 12;

/// Byte order marks of the header; zero stands for a writer that did not tell.
const ORDER_UNTOLD: u8 = 0;
const ORDER_OURS: u8 = if cfg!(target_endian = "little") { 2 } else { 3 };

/// The flags of an ELF library for glibc on this architecture. Values are those of the cache's format.
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
const OUR_FLAGS: u32 = 0x0303;
#[cfg(all(target_arch = "x86_64", target_pointer_width = "32"))]
const OUR_FLAGS: u32 = 0x0803;
#[cfg(target_arch = "aarch64")]
const OUR_FLAGS: u32 = 0x0a03;

/// Those entries of the cache that fit this architecture.
#[derive(Debug)]
pub(super) struct Cache {
    pub(super) entries: Vec<Entry>,
    /// How many entries pointed outside the file or at no text, and were skipped.
    pub(super) broken: usize,
}

/// One library as the loader would find it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) soname: String,
    pub(super) path: PathBuf,
}

/// Why the cache as a whole cannot be used.
#[derive(Debug)]
pub(super) enum CacheError {
    Unreadable(io::Error),
    UnknownFormat,
    ForeignByteOrder,
    Truncated,
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CacheError::Unreadable(error) => write!(f, "cannot be read: {error}"),
            CacheError::UnknownFormat => {
                f.write_str("not a loader's cache of a known format; run ldconfig")
            }
            CacheError::ForeignByteOrder => {
                f.write_str("written for a machine of another byte order; run ldconfig")
            }
            CacheError::Truncated => f.write_str("cut short or corrupt; run ldconfig"),
        }
    }
}

impl Cache {
    pub(super) fn read(file: &Path) -> Result<Cache, CacheError> {
        let bytes = std::fs::read(file).map_err(CacheError::Unreadable)?;
        Cache::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Cache, CacheError> {
        let bytes = skip_old_format(bytes)?;
        if !bytes.starts_with(MAGIC) {
            return Err(CacheError::UnknownFormat);
        }
        let count = u32_at(bytes, 20).ok_or(CacheError::Truncated)? as usize;
        // The low two bits are the byte order, the rest is not ours to judge.
        let order = bytes.get(28).ok_or(CacheError::Truncated)? & 3;
        if order != ORDER_UNTOLD && order != ORDER_OURS {
            return Err(CacheError::ForeignByteOrder);
        }
        let table = count
            .checked_mul(ENTRY_BYTES)
            .and_then(|table_bytes| HEADER_BYTES.checked_add(table_bytes))
            .and_then(|end| bytes.get(HEADER_BYTES..end))
            .ok_or(CacheError::Truncated)?;
        let mut cache = Cache { entries: Vec::new(), broken: 0 };
        for entry in table.chunks_exact(ENTRY_BYTES) {
            if u32_at(entry, 0) != Some(OUR_FLAGS) {
                continue;
            }
            match read_entry(bytes, entry) {
                Some(entry) => cache.entries.push(entry),
                None => cache.broken += 1,
            }
        }
        Ok(cache)
    }

    /// The directories of all entries, each once.
    pub(super) fn directories(&self) -> BTreeSet<&Path> {
        self.entries.iter().filter_map(|entry| entry.path.parent()).collect()
    }
}

/// The part of the file from the header that we read.
fn skip_old_format(bytes: &[u8]) -> Result<&[u8], CacheError> {
    if !bytes.starts_with(OLD_MAGIC) {
        return Ok(bytes);
    }
    let count = u32_at(bytes, 12).ok_or(CacheError::Truncated)? as usize;
    let end = count
        .checked_mul(OLD_ENTRY_BYTES)
        .and_then(|table_bytes| OLD_HEADER_BYTES.checked_add(table_bytes))
        .and_then(|end| end.checked_next_multiple_of(align_of::<u64>()))
        .ok_or(CacheError::Truncated)?;
    bytes.get(end..).ok_or(CacheError::Truncated)
}

fn read_entry(bytes: &[u8], entry: &[u8]) -> Option<Entry> {
    let soname = text_at(bytes, u32_at(entry, 4)?)?;
    let path = text_at(bytes, u32_at(entry, 8)?)?;
    Some(Entry {
        soname: std::str::from_utf8(soname).ok()?.to_owned(),
        path: PathBuf::from(OsStr::from_bytes(path)),
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(field.try_into().ok()?))
}

/// The text from `at` to its NUL; `None` if it is empty, does not end, or starts inside the header.
fn text_at(bytes: &[u8], at: u32) -> Option<&[u8]> {
    let at = at as usize;
    if at < HEADER_BYTES {
        return None;
    }
    let rest = bytes.get(at..)?;
    let end = rest.iter().position(|&byte| byte == 0)?;
    (end > 0).then(|| &rest[..end])
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A cache of the given (flags, soname, path) entries.
    pub(in super::super) fn build(entries: &[(u32, &str, &str)]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut strings = Vec::new();
        let mut table = Vec::new();
        let first_string = HEADER_BYTES + entries.len() * ENTRY_BYTES;
        for (flags, soname, path) in entries {
            table.extend(flags.to_ne_bytes());
            for text in [soname, path] {
                table.extend(((first_string + strings.len()) as u32).to_ne_bytes());
                strings.extend(text.as_bytes());
                strings.push(0);
            }
            table.extend([0; 12]);
        }
        bytes.extend((entries.len() as u32).to_ne_bytes());
        bytes.extend((strings.len() as u32).to_ne_bytes());
        bytes.extend([ORDER_OURS, 0, 0, 0]);
        bytes.extend([0; 16]);
        bytes.extend(table);
        bytes.extend(strings);
        bytes
    }

    /// The flags of an entry for this architecture.
    pub(in super::super) const OURS: u32 = OUR_FLAGS;

    fn sample() -> Vec<u8> {
        build(&[
            (OUR_FLAGS, "libz.so.1", "/lib/libz.so.1"),
            (0x0703, "libz.so.9", "/other/libz.so.9"),
            (OUR_FLAGS, "libm.so.6", "/lib/libm.so.6"),
        ])
    }

    fn sonames(cache: &Cache) -> Vec<&str> {
        cache.entries.iter().map(|entry| entry.soname.as_str()).collect()
    }

    #[test]
    fn entries_of_this_architecture_are_read_and_others_left_out() {
        let cache = Cache::parse(&sample()).unwrap();
        assert_eq!(sonames(&cache), ["libz.so.1", "libm.so.6"]);
        assert_eq!(cache.broken, 0);
        assert_eq!(cache.directories(), BTreeSet::from([Path::new("/lib")]));
    }

    #[test]
    fn the_old_format_in_front_is_skipped() {
        let mut bytes = OLD_MAGIC.to_vec();
        bytes.push(0);
        bytes.extend(3_u32.to_ne_bytes());
        bytes.extend([0xff; 3 * OLD_ENTRY_BYTES]);
        bytes.extend([0; 4]);
        assert_eq!(bytes.len() % 8, 0);
        bytes.extend(sample());
        assert_eq!(sonames(&Cache::parse(&bytes).unwrap()).len(), 2);
    }

    #[test]
    fn every_truncation_is_survived() {
        let whole = sample();
        for cut in 0..whole.len() {
            if let Ok(cache) = Cache::parse(&whole[..cut]) {
                assert!(cache.entries.len() + cache.broken == 2, "cut at {cut}");
                assert!(cache.broken > 0, "cut at {cut}");
            }
        }
    }

    #[test]
    fn every_damaged_byte_is_survived() {
        let whole = sample();
        for at in 0..whole.len() {
            for value in [0x00, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = Cache::parse(&bytes);
            }
        }
    }

    #[test]
    fn a_count_beyond_the_file_is_refused() {
        let mut bytes = sample();
        bytes[20..24].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert!(matches!(Cache::parse(&bytes), Err(CacheError::Truncated)));
        let mut old = OLD_MAGIC.to_vec();
        old.push(0);
        old.extend(u32::MAX.to_ne_bytes());
        assert!(matches!(Cache::parse(&old), Err(CacheError::Truncated)));
    }

    #[test]
    fn a_string_outside_the_file_or_in_the_header_breaks_only_its_entry() {
        for offset in [u32::MAX, 0, 20] {
            let mut bytes = sample();
            bytes[HEADER_BYTES + 4..HEADER_BYTES + 8].copy_from_slice(&offset.to_ne_bytes());
            let cache = Cache::parse(&bytes).unwrap();
            assert_eq!((sonames(&cache), cache.broken), (vec!["libm.so.6"], 1));
        }
    }

    #[test]
    fn foreign_files_are_refused_by_kind() {
        assert!(matches!(Cache::parse(b""), Err(CacheError::UnknownFormat)));
        assert!(matches!(Cache::parse(&[0x7f; 99]), Err(CacheError::UnknownFormat)));
        let mut bytes = sample();
        bytes[28] = 5 - ORDER_OURS;
        assert!(matches!(Cache::parse(&bytes), Err(CacheError::ForeignByteOrder)));
        let missing = Cache::read(Path::new("/no/such/cache"));
        assert!(matches!(missing, Err(CacheError::Unreadable(_))));
    }

    #[test]
    fn the_real_cache_lists_the_c_library() {
        let file = Path::new("/etc/ld.so.cache");
        if !file.exists() {
            return; // not a glibc system
        }
        let cache = Cache::read(file).unwrap();
        assert_eq!(cache.broken, 0);
        let libc = cache.entries.iter().find(|entry| entry.soname == "libc.so.6").unwrap();
        assert!(libc.path.is_file());
    }
}
