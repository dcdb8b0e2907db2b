//! The ways through a function that call one other, the *target*, and nobody else.
//!
//! A branch may go either way. A way ends where another function is called: what is not usual is in
//! functions of its own. So the ways that are left, from the entry past one call of the target to a
//! return, are those of a call with which all is as it mostly is, and each of their instructions may
//! be run by it.
//!
//! The target may be called on another stack, by [`SPRINGBOARD`]: it calls a function whose address it
//! is given in a register, and the ways of that one belong to the caller's.

use crate::program::Program;
use iced_x86::{FlowControl, Instruction, Mnemonic, OpKind, Register};
use std::collections::{BTreeMap, VecDeque};

/// Calls a function on another stack: `fiber::switch::x86_64::call_on`, as it stands in the mangled name.
const SPRINGBOARD: &str = "5fiber6switch6x86_647call_on";

/// The stack that the target is called on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    Same,
    Other,
}

/// All ways past one place where the target is called.
pub(crate) struct Way {
    pub(crate) stack: Stack,
    pub(crate) before: Part,
    pub(crate) after: Part,
}

/// All ways from one place to another.
#[derive(Default)]
pub(crate) struct Part {
    pub(crate) instructions: BTreeMap<u64, Instruction>,
    /// How many instructions the shortest of the ways has.
    pub(crate) shortest: usize,
}

/// What a function must call.
#[derive(Clone, Copy)]
enum Callee {
    Function(u64),
    /// Whatever a register holds.
    Given,
}

/// Why an instruction must not be on a way, if it must not: it waits for other processors or for all
/// that came before it, or enters the kernel.
pub(crate) fn why_not(instruction: &Instruction) -> Option<&'static str> {
    use Mnemonic::*;
    let in_memory = instruction.op_kinds().any(|kind| kind == OpKind::Memory);
    match instruction.mnemonic() {
        _ if instruction.has_lock_prefix() => Some("locked"),
        Xchg if in_memory => Some("locked"),
        Mfence | Lfence | Sfence => Some("a fence"),
        Cpuid | Rdtscp | Serialize | Iretq => Some("serializes"),
        Rdtsc => Some("reads a clock"),
        Syscall | Sysenter | Int => Some("enters the kernel"),
        _ => None,
    }
}

/// The ways through the function called `name` that call `target`. `may_pass` says of each instruction
/// whether a way may go past it.
pub(crate) fn ways(
    program: &Program,
    name: &str,
    target: &str,
    may_pass: &dyn Fn(&Instruction) -> bool,
) -> Vec<Way> {
    let target = Callee::Function(program.function(target));
    Function::at(program, program.function(name), may_pass).ways(target)
}

struct Function<'a> {
    program: &'a Program,
    entry: u64,
    range: std::ops::Range<u64>,
    may_pass: &'a dyn Fn(&Instruction) -> bool,
}

impl<'a> Function<'a> {
    fn at(program: &'a Program, entry: u64, may_pass: &'a dyn Fn(&Instruction) -> bool) -> Self {
        Function { program, entry, range: program.range_of(entry), may_pass }
    }

    fn ways(&self, target: Callee) -> Vec<Way> {
        let is_call = |instruction: &Instruction| {
            matches!(instruction.flow_control(), FlowControl::Call | FlowControl::IndirectCall)
        };
        let reached = self.part(self.entry, is_call).instructions;
        let calls = reached.values().filter(|instruction| is_call(instruction));
        calls.flat_map(|call| self.ways_past(call, target)).collect()
    }

    /// The ways past one call.
    fn ways_past(&self, call: &Instruction, target: Callee) -> Vec<Way> {
        let inner = match self.callee(call) {
            Some(callee) if callee == self.program.function_with(SPRINGBOARD) => {
                self.ways_on_other_stack(call, callee, target)
            }
            callee => {
                let is_target = match target {
                    Callee::Function(function) => callee == Some(function),
                    Callee::Given => call.op0_kind() == OpKind::Register,
                };
                let nothing = || Part::default();
                let way = || Way { stack: Stack::Same, before: nothing(), after: nothing() };
                Vec::from_iter(is_target.then(way))
            }
        };
        let wrap = |inner| self.around(call, inner);
        inner.into_iter().filter_map(wrap).collect()
    }

    /// A way past `call`, which goes the way `inner`. None that returns: none at all.
    fn around(&self, call: &Instruction, inner: Way) -> Option<Way> {
        let is_return = |it: &Instruction| it.flow_control() == FlowControl::Return;
        let before = self.part(self.entry, |it| it.ip() == call.ip()).then(inner.before);
        let after = self.part(call.next_ip(), is_return);
        let returns = !after.instructions.is_empty();
        returns.then(|| Way { stack: inner.stack, before, after: inner.after.then(after) })
    }

    /// The ways of a call of the springboard, which calls what it is given.
    fn ways_on_other_stack(&self, call: &Instruction, board: u64, target: Callee) -> Vec<Way> {
        let board = Function::at(self.program, board, self.may_pass);
        let mut ways = Vec::new();
        for outer in board.ways(Callee::Given) {
            let (_, jump) = outer.before.instructions.last_key_value().expect("it calls");
            let function = self.address_in(jump.op0_register(), call);
            let called = Function::at(self.program, function, self.may_pass);
            for inner in called.ways(target) {
                // The springboard has one way, which is here put around each of the function's.
                let before = board.part(board.entry, |it| it.ip() == jump.ip());
                let after =
                    board.part(jump.next_ip(), |it| it.flow_control() == FlowControl::Return);
                ways.push(Way {
                    stack: Stack::Other,
                    before: before.then(inner.before),
                    after: inner.after.then(after),
                });
            }
        }
        ways
    }

    /// Which address a register holds at a call: it is loaded shortly before.
    fn address_in(&self, register: Register, call: &Instruction) -> u64 {
        let part = self.part(self.entry, |it| it.ip() == call.ip()).instructions;
        let loads = part.range(..call.ip()).rev().map(|(_, it)| it);
        let load = loads
            .take_while(|it| it.flow_control() == FlowControl::Next)
            .find(|it| it.op_count() > 0 && it.op0_register() == register);
        match load {
            Some(load) if load.mnemonic() == Mnemonic::Lea && load.is_ip_rel_memory_operand() => {
                load.ip_rel_memory_address()
            }
            _ => panic!("what is called on the other stack? {}", self.program.text(call)),
        }
    }

    /// Whom an instruction calls, if that is known.
    fn callee(&self, call: &Instruction) -> Option<u64> {
        match call.flow_control() {
            FlowControl::Call => Some(call.near_branch_target()),
            _ if call.is_ip_rel_memory_operand() => {
                self.program.pointer(call.ip_rel_memory_address())
            }
            _ => None,
        }
    }

    /// All ways from `start` to instructions that are a `goal`, past no call. Empty if there are none.
    fn part(&self, start: u64, goal: impl Fn(&Instruction) -> bool) -> Part {
        // Forwards: how far each instruction is from the start, and where one comes to it from.
        let mut seen: BTreeMap<u64, (Instruction, usize, Vec<u64>)> = BTreeMap::new();
        let mut goals = Vec::new();
        let mut queue = VecDeque::from([(start, 1, None)]);
        while let Some((address, length, from)) = queue.pop_front() {
            if let Some((.., comes_from)) = seen.get_mut(&address) {
                comes_from.extend(from);
                continue;
            }
            let it = self.program.instruction(address);
            if !(self.may_pass)(&it) {
                continue;
            }
            seen.insert(address, (it, length, from.into_iter().collect()));
            if goal(&it) {
                goals.push(address);
            } else {
                let next = self.next(&it).into_iter().flatten();
                queue.extend(next.map(|next| (next, length + 1, Some(address))));
            }
        }
        let shortest = goals.iter().map(|goal| seen[goal].1).min().unwrap_or(0);
        // Backwards: what leads to a goal.
        let mut instructions = BTreeMap::new();
        while let Some(address) = goals.pop() {
            let (it, _, comes_from) = &seen[&address];
            if instructions.insert(address, *it).is_none() {
                goals.extend(comes_from);
            }
        }
        Part { instructions, shortest }
    }

    /// Where an instruction leads to inside of the function.
    fn next(&self, it: &Instruction) -> [Option<u64>; 2] {
        let inside = |address| self.range.contains(&address).then_some(address);
        match it.flow_control() {
            FlowControl::Next => [inside(it.next_ip()), None],
            FlowControl::UnconditionalBranch => [inside(it.near_branch_target()), None],
            FlowControl::ConditionalBranch => {
                [inside(it.next_ip()), inside(it.near_branch_target())]
            }
            FlowControl::IndirectBranch => {
                panic!("a way that cannot be followed: {}", self.program.text(it))
            }
            // Calls, returns, and what never goes on.
            _ => [None, None],
        }
    }
}

impl Part {
    /// This, and after it the other.
    fn then(mut self, other: Part) -> Part {
        self.instructions.extend(other.instructions);
        self.shortest += other.shortest;
        self
    }
}
