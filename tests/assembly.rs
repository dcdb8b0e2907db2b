//! A call that is announced in mode A costs no locked instruction, no fence, and no call but that of
//! the native function, and a callback out of such a call none but that of the managed code: the machine code of a
//! release build says so.
//!
//! How the code is read is in `assembly/way.rs`; the calls are in the package `tests/announced`.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

#[path = "assembly/build.rs"]
mod build;
#[path = "assembly/changed.rs"]
mod changed;
#[path = "assembly/program.rs"]
mod program;
#[path = "assembly/way.rs"]
mod way;

use changed::Change;
use program::Program;
use way::{Part, Stack, Way};

const TARGET: &str = "natives_get_errno";

/// A function that makes one announced call of [`TARGET`], or is a callback whose managed code calls it.
struct Wrapper {
    name: &'static str,
    /// The one that the call is to be on.
    stack: Stack,
    /// After the call there is a way past so many full fences: that of a process which has lost its membarrier since
    /// the call around it began.
    fences: usize,
}

const WRAPPERS: [Wrapper; 3] = [
    Wrapper { name: "announced_on_task_stack", stack: Stack::Same, fences: 0 },
    Wrapper { name: "announced_on_carrier_stack", stack: Stack::Other, fences: 0 },
    Wrapper { name: "announced_callback", stack: Stack::Same, fences: 1 },
];

/// The stores of both ends of a call, each made a locked exchange.
const LOCKED: [Change; 2] = [
    Change {
        file: "scheduler/src/crossing/word.rs",
        from: "self.0.store(left, Ordering::Release);",
        to: "self.0.store(left, Ordering::SeqCst);",
    },
    Change {
        file: "scheduler/src/crossing/word.rs",
        from: "self.0.store(run.0, Ordering::Release);",
        to: "self.0.store(run.0, Ordering::SeqCst);",
    },
];

/// What must not be there.
fn faults(program: &Program, part: &Part) -> Vec<String> {
    let fault = |it| Some(format!("{}: {}", way::why_not(it)?, program.text(it)));
    part.instructions.values().filter_map(fault).collect()
}

fn ways(program: &Program, wrapper: &Wrapper) -> Vec<Way> {
    way::ways(program, wrapper.name, TARGET, &|_| true)
}

/// Those without what must not be there.
fn plain_ways(program: &Program, wrapper: &Wrapper) -> Vec<Way> {
    way::ways(program, wrapper.name, TARGET, &|it| way::why_not(it).is_none())
}

#[test]
fn an_announced_call_is_plain_code() {
    let program = Program::read(&build::program());
    for wrapper in &WRAPPERS {
        let Wrapper { name, stack, fences } = wrapper;
        let ways = ways(&program, wrapper);
        for Way { stack, before, after } in &ways {
            println!(
                "  {name}, {stack:?} stack: {} instructions before the call, {} after it",
                before.shortest, after.shortest
            );
            assert_eq!(faults(&program, before), [""; 0], "{name}, before the call");
            let found = faults(&program, after);
            assert!(found.len() <= *fences, "{name}, after the call: {found:?}");
        }
        let found = plain_ways(&program, wrapper).iter().any(|way| way.stack == *stack);
        assert!(found, "{name}: no way that calls {TARGET} on {stack:?} stack, and nobody else");
    }
}

/// The way that is looked at above is the announced one, with both of its ends, and there is no other.
#[test]
fn a_locked_instruction_is_found() {
    let program = Program::read(&build::changed_program(&LOCKED));
    for wrapper in &WRAPPERS {
        let Wrapper { name, stack, fences } = wrapper;
        let ways = ways(&program, wrapper);
        assert!(ways.iter().any(|way| way.stack == *stack), "{name}: no way");
        for Way { before, after, .. } in &ways {
            let found = faults(&program, before);
            assert_eq!(found.len(), 1, "{name}: {found:?}");
            // A call that was touched has a store of its own for its return, and a callback one for mode C.
            let found = faults(&program, after);
            assert!((1..=2 + fences).contains(&found.len()), "{name}: {found:?}");
        }
        assert!(plain_ways(&program, wrapper).is_empty(), "{name}: a way around the stores");
    }
}
