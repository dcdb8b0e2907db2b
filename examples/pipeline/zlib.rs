//! The functions of zlib that the stages call, each in a safe form.

use std::ffi::{c_int, c_uint, c_ulong};

mod foreign {
    use super::{c_int, c_uint, c_ulong};

    sortie::pinvoke! {
        #[library = "z"]
        unsafe extern "C" {
            pub(crate) fn crc32(sum: c_ulong, bytes: *const u8, count: c_uint) -> c_ulong;
            pub(crate) safe fn compressBound(bytes: c_ulong) -> c_ulong;
            pub(crate) fn compress2(
                to: *mut u8,
                room: *mut c_ulong,
                from: *const u8,
                bytes: c_ulong,
                level: c_int,
            ) -> c_int;
            pub(crate) fn uncompress(
                to: *mut u8,
                room: *mut c_ulong,
                from: *const u8,
                bytes: c_ulong,
            ) -> c_int;
        }
    }
}

pub(crate) use foreign::load;

/// The checksum of these bytes.
pub(crate) fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(c_uint::MAX as usize).fold(0, |sum, chunk| {
        // SAFETY: so many bytes are there, as many as `c_uint` can say.
        let sum = unsafe { foreign::crc32(sum.into(), chunk.as_ptr(), chunk.len() as c_uint) };
        // The sum has 32 bits, whatever `c_ulong` has.
        sum as u32
    })
}

/// The bytes, compressed.
pub(crate) fn compress(bytes: &[u8], level: u8) -> Result<Vec<u8>, String> {
    let mut packed = vec![0; foreign::compressBound(bytes.len() as c_ulong) as usize];
    let mut room = packed.len() as c_ulong;
    // SAFETY: both buffers are as long as is said.
    let code = unsafe {
        foreign::compress2(
            packed.as_mut_ptr(),
            &raw mut room,
            bytes.as_ptr(),
            bytes.len() as c_ulong,
            level.into(),
        )
    };
    finish(packed, room, code)
}

/// The bytes that were compressed, of which there were so many.
pub(crate) fn uncompress(packed: &[u8], bytes: usize) -> Result<Vec<u8>, String> {
    // One more than there should be: room for none is no room that zlib takes.
    let mut plain = vec![0; bytes + 1];
    let mut room = plain.len() as c_ulong;
    // SAFETY: both buffers are as long as is said.
    let code = unsafe {
        foreign::uncompress(
            plain.as_mut_ptr(),
            &raw mut room,
            packed.as_ptr(),
            packed.len() as c_ulong,
        )
    };
    finish(plain, room, code)
}

fn finish(mut bytes: Vec<u8>, used: c_ulong, code: c_int) -> Result<Vec<u8>, String> {
    if code != 0 {
        return Err(format!("zlib says {code}"));
    }
    bytes.truncate(used as usize);
    Ok(bytes)
}
