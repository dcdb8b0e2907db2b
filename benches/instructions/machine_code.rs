//! Which instructions of a program are locked, or fences: those that wait for all stores before them.

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind};
use object::{Object, ObjectSection, SectionKind};
use std::collections::HashSet;
use std::error::Error;
use std::path::Path;

/// The addresses of such instructions, as they are in the program's file.
pub(crate) struct Program(HashSet<u64>);

impl Program {
    /// Empty on processors whose instructions it cannot read.
    pub(crate) fn read(path: &Path) -> Result<Program, Box<dyn Error>> {
        let mut locked = HashSet::new();
        if cfg!(target_arch = "x86_64") {
            let bytes = std::fs::read(path)?;
            let file = object::File::parse(&*bytes)?;
            for section in file.sections().filter(|it| it.kind() == SectionKind::Text) {
                let code = section.data()?;
                let decoder = Decoder::with_ip(64, code, section.address(), DecoderOptions::NONE);
                locked.extend(decoder.into_iter().filter(is_locked).map(|it| it.ip()));
            }
        }
        Ok(Program(locked))
    }

    pub(crate) fn is_locked(&self, address: u64) -> bool {
        self.0.contains(&address)
    }
}

/// An exchange with memory is locked without saying so.
fn is_locked(it: &Instruction) -> bool {
    let touches_memory = it.op0_kind() == OpKind::Memory || it.op1_kind() == OpKind::Memory;
    it.has_lock_prefix()
        || (it.mnemonic() == Mnemonic::Xchg && touches_memory)
        || matches!(it.mnemonic(), Mnemonic::Mfence | Mnemonic::Lfence | Mnemonic::Sfence)
}
