//! A function that was short a million times blocks: the first time costs the others milliseconds at
//! most, from then on they do not notice.

use sortie::native::{self, Target};
use sortie_test::figures::{Delays, bound, short_or_soak, within};
use sortie_test::{Case, MODES, exclusively};
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(10);
const LATER: Duration = Duration::from_micros(200);

const SHORT_CALLS: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
/// Longer than the bound.
const FIRST_LONG: Duration = Duration::from_millis(100);
const LATER_LONG: Duration = Duration::from_millis(3);

/// What a task that is ready waits while the only worker is in a call of `target`.
fn delay(target: &Target, long: Duration) -> Duration {
    let nanoseconds = u64::try_from(long.as_nanos()).unwrap();
    let start = Instant::now();
    let waits = sortie::spawn(move || start.elapsed());
    native::call_here(target, || sortie_natives::nanosleep(nanoseconds));
    waits.join().unwrap()
}

#[test]
fn others_wait_milliseconds_once_and_then_never() {
    let later = short_or_soak(200, 5_000);
    for mode in MODES {
        exclusively(&Case::new(1, mode), |case| {
            let runtime = case.watched(case.runtime());
            let mut afterwards = Delays::new();
            within("the first time", bound(FIRST), || {
                // A new one for each attempt: it is the first time that counts.
                let (first, delays) = runtime.run(move || {
                    let target: &'static Target =
                        Box::leak(Box::new(Target::named("natives_nanosleep")));
                    for _ in 0..SHORT_CALLS {
                        native::call_here(target, || sortie_natives::burn(0));
                    }
                    let first = delay(target, FIRST_LONG);
                    (first, (0..later).map(|_| delay(target, LATER_LONG)).collect())
                });
                afterwards = delays;
                first
            });
            within("afterwards, p99", bound(LATER), || {
                println!("  {afterwards}");
                let figure = afterwards.percentile(99);
                // For another attempt: a function that is long from the first call is the same now.
                afterwards = runtime.run(move || {
                    let target: &'static Target =
                        Box::leak(Box::new(Target::named("natives_nanosleep")));
                    (0..=later).map(|_| delay(target, LATER_LONG)).skip(1).collect()
                });
                figure
            });
        });
    }
}
