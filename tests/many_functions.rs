//! More native functions than the process knows one by one: the further ones are known together, until a policy is for
//! one of them.

use sortie::TargetRow;
use sortie::native::{self, Class, Policy, Target, policy};
use sortie::transition;
use sortie_test::{Mode, Running, each_of, panic_text};

/// So many have what is known of them for themselves.
const MOST: usize = 65_536;

/// Addresses at which there is no code.
fn address(n: usize) -> usize {
    0x10_0000 + 16 * n
}

fn others(runtime: &Running<'_>) -> Option<TargetRow> {
    let rows = runtime.snapshot().targets;
    rows.into_iter().find(|row| row.symbol.as_deref() == Some("other"))
}

#[test]
fn a_policy_for_one_of_the_rest_holds_for_its_next_call() {
    for n in 0..MOST {
        assert_eq!(Target::new(address(n)).class(), Class::Unknown);
    }
    each_of(&[1, 2], &[Mode::Pinned], |runtime| {
        // Once a policy was for a function it is known by itself for good.
        let first = MOST + 8 * runtime.case.workers;
        let (called, left) = (address(first), address(first + 1));
        runtime.run(move || {
            let target = Target::new(called);
            let leave = || transition::leave(left).and_then(|()| transition::enter());
            for _ in 0..3 {
                assert_eq!(native::call_here(&target, || 1), 1);
                leave().unwrap();
            }
            for address in [called, left] {
                policy::for_address(address).set(Policy::new().deny()).unwrap();
            }
            let text = panic_text(|| native::call_here(&target, || ()));
            assert!(text.contains("is not called"), "{text}");
            leave().unwrap_err();
        });
        assert_eq!(others(runtime).expect("they are known together").calls, 6);
        for address in [called, left] {
            assert!(policy::for_address(address).clear());
        }

        // That nothing is special to some is a policy, too, where something is to all.
        let plain = policy::for_range(address(first + 3)..address(first + 5));
        plain.set(Policy::new()).unwrap();
        policy::by_default().set(Policy::new().deny()).unwrap();
        runtime.run(move || {
            assert_eq!(native::call_here(&Target::new(address(first + 3)), || 1), 1);
            transition::leave(address(first + 4)).and_then(|()| transition::enter()).unwrap();
            transition::leave(address(first + 5)).unwrap_err();
        });
        assert!(plain.clear() && policy::by_default().clear());

        // What is said of all is no reason to know each.
        policy::by_default().set(Policy::new().class(Class::Mixed)).unwrap();
        let target = Target::new(address(first + 2));
        runtime.run(move || native::call_here(&target, || ()));
        assert_eq!(others(runtime).expect("they are known together").calls, 7);
        assert!(policy::by_default().clear());
    });
}
