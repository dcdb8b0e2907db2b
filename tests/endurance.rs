//! What must hold for days, seen for a while: the memory does not grow, whatever tasks do.
//!
//! `SORTIE_SOAK=1 SORTIE_SOAK_SECONDS=86400 cargo test --release --test endurance -- --nocapture` runs for a day;
//! 600 seconds if nothing is said. The seed is printed, and `SORTIE_SEED` repeats one.

use sortie_test::figures::{is_soak, short_or_soak};
use sortie_test::memory::Memory;
use sortie_test::{Case, child, exclusively, mixture};
use std::time::{Duration, Instant, SystemTime};

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn mean(figures: &[u64]) -> u64 {
    figures.iter().sum::<u64>() / figures.len().max(1) as u64
}

/// Abuse test 45.
#[test]
fn memory_does_not_grow() {
    child::each("memory_does_not_grow", &["4 Migrating"], |name| {
        let soak = Duration::from_secs(number("SORTIE_SOAK_SECONDS").unwrap_or(600));
        let length = short_or_soak(Duration::from_secs(2), soak);
        let now = SystemTime::UNIX_EPOCH.elapsed().expect("a clock after 1970").as_micros();
        let mut seed = number("SORTIE_SEED").unwrap_or(now as u64 % 1_000_000);
        println!("seed {seed}, for {length:?}");
        exclusively(&Case::named(name), |case| {
            let runtime = case.runtime();
            let (start, mut rounds) = (Instant::now(), 0);
            let mut resident = Vec::new();
            while start.elapsed() < length {
                mixture::join(mixture::spawn(&runtime.handle(), seed, 48));
                resident.push(Memory::now().resident);
                seed += 1;
                rounds += 1;
            }
            // The first third is for caches to fill.
            let thirds: Vec<_> = resident.chunks(resident.len().div_ceil(3)).collect();
            let means: Vec<_> = thirds.iter().map(|third| mean(third) >> 10).collect();
            println!("{rounds} rounds, up to seed {seed}: {means:?} KiB resident by thirds");
            // AddressSanitizer remembers where each piece of memory came from, and each thread that there was.
            let is_ours = !cfg!(feature = "sanitizer");
            if let [_, middle, last] = means[..]
                && is_ours
            {
                let growth = if is_soak() { 101 } else { 120 };
                assert!(last * 100 <= middle * growth, "{middle} KiB have become {last}");
            }
            drop(runtime);
        });
    });
}
