//! A kernel that has become slow with membarrier, or refuses it, is noticed within a second, and the
//! operators are told.

use sortie::native::{self, Class, Policy, Target};
use sortie_test::figures::bound;
use sortie_test::seccomp::{self, Answer};
use sortie_test::{Case, Mode, child, events, exclusively};
use std::time::{Duration, Instant};

/// Said to be short: what is learned of a function that blocks makes membarriers rare.
static TARGET: Target =
    Target::named("natives_nanosleep").with_policy(Policy::new().class(Class::Short));

const CALLS: [libc::c_long; 1] = [libc::SYS_membarrier];
const PROMISE: Duration = Duration::from_secs(1);

/// Short calls, with one among them now and then that blocks while work waits: the worker of a short call is not to be had without a membarrier.
fn short_and_long() {
    for _ in 0..200 {
        native::call_here(&TARGET, || sortie_natives::burn(0));
    }
    let waits = sortie::spawn(|| ());
    native::call_here(&TARGET, || sortie_natives::nanosleep(20_000_000));
    waits.join().unwrap();
}

fn is_reported() -> bool {
    let about =
        |seen: &events::Seen| seen.target == "sortie::crossing" && seen.text.contains("membarrier");
    events::seen().iter().any(about)
}

/// How long it is until they are told; a day if they never are.
fn time_to_report(runtime: &sortie::Runtime) -> Duration {
    let start = Instant::now();
    while !is_reported() {
        // On all workers at once: an idle one would do what waits, and none be asked for.
        let callers: Vec<_> =
            (0..runtime.snapshot().workers).map(|_| runtime.spawn(short_and_long)).collect();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        if start.elapsed() > bound(PROMISE) * 2 {
            return Duration::from_secs(86_400);
        }
    }
    start.elapsed()
}

fn check(runtime: &sortie::Runtime) {
    // It happens once, so there is one attempt.
    let figure = time_to_report(runtime);
    println!("  reported after {figure:?}");
    assert!(figure <= bound(PROMISE), "{:?}", events::seen());
}

#[test]
fn slow() {
    child::each("slow", &["1 Pinned", "2 Migrating"], |case| {
        events::record();
        seccomp::supervise(&CALLS, |_| {
            std::thread::sleep(Duration::from_millis(5));
            Answer::Continue
        });
        exclusively(&Case::named(case), |case| {
            let runtime = case.watched(case.runtime());
            check(&runtime);
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    });
}

#[test]
fn refused() {
    child::each("refused", &["1 Pinned", "2 Migrating"], |case| {
        events::record();
        exclusively(&Case::named(case), |case| {
            let runtime = case.watched(case.runtime());
            runtime.run(short_and_long);
            assert!(!is_reported(), "{:?}", events::seen());
            seccomp::refuse(&CALLS, libc::EPERM);
            check(&runtime);
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    });
}

/// What the environment asks for is done in silence; what is not known changes nothing, and is said with what is.
#[test]
fn an_unknown_wish() {
    child::each("an_unknown_wish", &["", "missing", "slow", "Slow", "none"], |wish| {
        // SAFETY: nobody reads the environment meanwhile: the test's runner waits.
        unsafe { std::env::set_var("SORTIE_MEMBARRIER", wish) };
        events::record();
        let known = ["", "missing", "slow"].contains(&wish);
        exclusively(&Case::new(1, Mode::Pinned), |case| {
            let runtime = case.runtime();
            assert_eq!(runtime.run(|| native::call(&TARGET, || 1)), 1);
        });
        let seen = events::seen();
        let names_both = |seen: &events::Seen| {
            seen.text.contains("`missing` or `slow`") && seen.text.contains(wish)
        };
        assert_eq!(
            seen.iter().filter(|seen| names_both(seen)).count(),
            usize::from(!known),
            "{seen:?}"
        );
    });
}
