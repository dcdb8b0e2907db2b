//! What calls cost is told by policy: each function is counted for the policy that is in force for it, and for no other.

use sortie::native::{self, Class, Policy, Target, policy};
use sortie::{Governs, PolicyRow, Snapshot};
use sortie_test::{Mode, each_of};
use std::time::Duration;

const LONG: Policy = Policy::new().class(Class::Long);
const SHORT: Policy = Policy::new().class(Class::Short);

/// Functions of the C library, so that they have addresses; what is called in their names is a closure.
fn functions() -> [usize; 4] {
    [
        libc::getpid as *const (),
        libc::getppid as *const (),
        libc::getuid as *const (),
        libc::geteuid as *const (),
    ]
    .map(|function| function.addr())
}

fn call(address: usize, times: usize) {
    let target = Target::new(address);
    (0..times).for_each(|_| native::call_here(&target, || native::callback((), || ())));
}

/// Functions, calls, callbacks, hand-offs.
fn counts(row: Option<&PolicyRow>) -> [u64; 4] {
    let row = row.expect("it is set");
    [row.functions as u64, row.calls, row.callbacks, row.hand_offs]
}

#[test]
fn each_function_is_counted_for_the_policy_that_is_in_force() {
    static DECLARED: Target = Target::named("counted by declaration").with_policy(LONG);
    let [one, two, three, other] = functions();
    let exact = policy::for_address(one);
    let narrow = policy::for_range(two..two + 1);
    let wide = policy::for_range(one.min(two).min(three)..one.max(two).max(three) + 1);
    each_of(&[1, 2], &[Mode::Pinned, Mode::Migrating], |runtime| {
        exact.set(LONG).unwrap();
        narrow.set(SHORT).unwrap();
        wide.set(LONG).unwrap();
        runtime.run(move || {
            call(one, 1);
            call(two, 2);
            call(three, 3);
            call(other, 5);
            native::call_here(&DECLARED, || ());
        });
        let snapshot = runtime.snapshot();
        assert_eq!(counts(snapshot.policy(&exact)), [1, 1, 1, 1]);
        // Of two ranges the one that was set last.
        let in_wide = snapshot.policy(&wide).unwrap();
        assert!(in_wide.functions >= 2 && in_wide.calls >= 5, "{in_wide:?}");
        assert_eq!(counts(snapshot.policy(&narrow)), [0; 4]);
        let place = |scope| {
            let row = snapshot.policy(scope).unwrap();
            snapshot.policies.iter().position(|it| it == row).unwrap()
        };
        assert!(place(&exact) < place(&wide) && place(&wide) < place(&narrow));
        let declared = snapshot.policies.iter().find(|row| is_declared(row)).unwrap();
        assert_eq!(counts(Some(declared)), [1, 1, 0, 1]);
        assert_eq!((declared.policy, declared.slot_losses()), (LONG, 1));
        check_sums(&snapshot);

        // Set again it is later, and has them with all their calls.
        narrow.set(SHORT).unwrap();
        let snapshot = runtime.snapshot();
        assert_eq!(counts(snapshot.policy(&narrow)), [1, 2, 2, 2]);
        assert_eq!(snapshot.policy(&narrow).unwrap().policy, SHORT);
        check_sums(&snapshot);

        assert!(exact.clear() && narrow.clear() && wide.clear());
        let snapshot = runtime.snapshot();
        assert_eq!(snapshot.policy(&exact), None);
        let default = snapshot.policy(&policy::by_default()).unwrap();
        assert_eq!((default.functions, default.calls, default.policy), (4, 11, Policy::new()));
        assert!(default.longest > Duration::ZERO && default.total >= default.longest);
        check_sums(&snapshot);
    });
}

fn is_declared(row: &PolicyRow) -> bool {
    matches!(&row.governs, Governs::Function { address: 0, name: Some(name), is_declared: true, .. }
        if name == "counted by declaration")
}

/// No call is lost, and none counted twice.
fn check_sums(snapshot: &Snapshot) {
    let calls = |rows: &[PolicyRow]| rows.iter().map(|row| row.calls).sum::<u64>();
    assert_eq!(
        calls(&snapshot.policies),
        snapshot.targets.iter().map(|row| row.calls).sum::<u64>()
    );
    let functions = snapshot.policies.iter().map(|row| row.functions).sum::<usize>();
    assert_eq!(functions, snapshot.targets.len());
    assert!(matches!(snapshot.policies.last().unwrap().governs, Governs::Default));
}

#[test]
fn a_library_has_a_row_by_its_name() {
    each_of(&[1], &[Mode::Pinned], |runtime| {
        // SAFETY: in the process already.
        let libc = unsafe { native::Library::open("c") }.unwrap();
        let scope = policy::for_library(&libc);
        scope.set(SHORT).unwrap();
        runtime.run(|| call(functions()[0], 2));
        let snapshot = runtime.snapshot();
        let row = snapshot.policy(&scope).unwrap();
        assert_eq!((row.functions, row.calls, row.callbacks), (1, 2, 2));
        assert!(
            matches!(&row.governs, Governs::Range { library: Some(name), .. } if name.starts_with("libc"))
        );
        assert!(scope.clear());
    });
}
