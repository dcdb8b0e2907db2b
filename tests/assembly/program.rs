//! A program as the linker left it: functions by name, instructions by address.

use iced_x86::{Decoder, DecoderOptions, FastFormatter, Instruction};
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind};
use std::collections::HashMap;

/// See the module.
pub(crate) struct Program {
    /// Where the code is, and what.
    code: Vec<(u64, Vec<u8>)>,
    /// Every function: its name, where it is, how long.
    functions: Vec<(String, u64, u64)>,
    /// Words of the program that hold an address, as its start fills them in.
    pointers: HashMap<u64, u64>,
}

impl Program {
    pub(crate) fn read(bytes: &[u8]) -> Program {
        let file = object::File::parse(bytes).expect("a program");
        let code = file
            .sections()
            .filter(|section| section.kind() == SectionKind::Text)
            .map(|section| (section.address(), section.data().expect("code").to_vec()))
            .collect();
        let functions = file
            .symbols()
            .filter(|symbol| symbol.is_definition())
            .filter_map(|symbol| {
                Some((symbol.name().ok()?.into(), symbol.address(), symbol.size()))
            })
            .collect();
        let relative = |relocation: &object::Relocation| match relocation.target() {
            RelocationTarget::Absolute => u64::try_from(relocation.addend()).ok(),
            _ => None,
        };
        let pointers = file
            .dynamic_relocations()
            .into_iter()
            .flatten()
            .filter_map(|(place, relocation)| Some((place, relative(&relocation)?)))
            .collect();
        Program { code, functions, pointers }
    }

    /// Where the function of this name begins.
    pub(crate) fn function(&self, name: &str) -> u64 {
        self.only(name, |its| its == name)
    }

    /// Where the function begins whose name has this in it.
    pub(crate) fn function_with(&self, part: &str) -> u64 {
        self.only(part, |its| its.contains(part))
    }

    fn only(&self, what: &str, is_it: impl Fn(&str) -> bool) -> u64 {
        let mut named = self.functions.iter().filter(|(its, ..)| is_it(its));
        let (_, address, _) = named.next().unwrap_or_else(|| panic!("no function {what}"));
        assert!(named.next().is_none(), "two functions {what}");
        *address
    }

    /// The addresses of the function that begins here.
    pub(crate) fn range_of(&self, function: u64) -> std::ops::Range<u64> {
        let lengths = self.functions.iter().filter(|(_, its, _)| *its == function);
        function..function + lengths.map(|(.., length)| *length).max().unwrap_or(0)
    }

    /// What the program holds in the word at `place`, if that is an address of its own.
    pub(crate) fn pointer(&self, place: u64) -> Option<u64> {
        self.pointers.get(&place).copied()
    }

    pub(crate) fn instruction(&self, address: u64) -> Instruction {
        let bytes = self.code.iter().find_map(|(start, bytes)| {
            let offset = usize::try_from(address.checked_sub(*start)?).ok()?;
            bytes.get(offset..)
        });
        let bytes = bytes.unwrap_or_else(|| panic!("no code at {address:#x}"));
        Decoder::with_ip(64, bytes, address, DecoderOptions::NONE).decode()
    }

    /// An instruction for a human: where in which function, and what.
    pub(crate) fn text(&self, instruction: &Instruction) -> String {
        let mut text = String::new();
        FastFormatter::new().format(instruction, &mut text);
        let address = instruction.ip();
        let within =
            |(_, start, length): &&(String, u64, u64)| (*start..start + length).contains(&address);
        match self.functions.iter().find(within) {
            Some((name, start, _)) => format!("{name}+{:#x}: {text}", address - start),
            None => format!("{address:#x}: {text}"),
        }
    }
}
