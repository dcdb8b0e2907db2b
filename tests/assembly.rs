//! A call that is announced in mode A costs no locked instruction, no fence, and no call but that of
//! the native function: the machine code of a release build says so.
//!
//! How the code is read is in `assembly/way.rs`; the calls are in the package `tests/announced`.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

#[path = "assembly/build.rs"]
mod build;
#[path = "assembly/program.rs"]
mod program;
#[path = "assembly/way.rs"]
mod way;

use build::Change;
use program::Program;
use way::{Part, Stack, Way};

const TARGET: &str = "natives_get_errno";

/// Functions that make one announced call of [`TARGET`], and the stack it is to be on.
const WRAPPERS: [(&str, Stack); 2] =
    [("announced_on_task_stack", Stack::Same), ("announced_on_carrier_stack", Stack::Other)];

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

fn ways(program: &Program, wrapper: &str) -> Vec<Way> {
    way::ways(program, wrapper, TARGET, &|_| true)
}

#[test]
fn an_announced_call_is_plain_code() {
    let program = Program::read(&build::program());
    for (wrapper, stack) in WRAPPERS {
        let ways = ways(&program, wrapper);
        for Way { stack, before, after } in &ways {
            println!(
                "  {wrapper}, {stack:?} stack: {} instructions before the call, {} after it",
                before.shortest, after.shortest
            );
            assert_eq!(faults(&program, before), [""; 0], "{wrapper}, before the call");
            assert_eq!(faults(&program, after), [""; 0], "{wrapper}, after the call");
        }
        let found = ways.iter().any(|way| way.stack == stack);
        assert!(found, "{wrapper}: no way that calls {TARGET} on {stack:?} stack, and nobody else");
    }
}

/// The way that is looked at above is the announced one, with both of its ends, and there is no other.
#[test]
fn a_locked_instruction_is_found() {
    let program = Program::read(&build::changed_program(&LOCKED));
    for (wrapper, stack) in WRAPPERS {
        let ways = ways(&program, wrapper);
        assert!(ways.iter().any(|way| way.stack == stack), "{wrapper}: no way");
        for Way { before, after, .. } in &ways {
            assert_eq!(
                faults(&program, before).len(),
                1,
                "{wrapper}: {:?}",
                faults(&program, before)
            );
            // A call that was touched has a store of its own for its return.
            assert!(
                (1..=2).contains(&faults(&program, after).len()),
                "{wrapper}: {:?}",
                faults(&program, after)
            );
        }
        let around = way::ways(&program, wrapper, TARGET, &|it| way::why_not(it).is_none());
        assert!(around.is_empty(), "{wrapper}: a way around the stores");
    }
}
