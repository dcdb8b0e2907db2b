//! Figures with bounds: how long something may take, and how long it did.
//!
//! Bounds are for an idle machine with four cores. With fewer they are tripled, and a bound that is
//! missed may be missed by chance: [`within`] and [`at_least`] give a measurement a few attempts, more
//! if other processes kept the machine busy meanwhile, and print each. Only ever for latency and throughput: what must be right must be right at once.

use crate::watchdog;
use std::fmt;
use std::fs;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How often a figure may miss its bound while the machine is quiet before the test fails.
const ATTEMPTS: usize = 4;

/// How often in all.
const ATTEMPTS_IN_NOISE: usize = 12;

/// How much of the machine's CPU time other processes may use in an attempt that counts.
const QUIET: f64 = 0.05;

/// After a missed attempt: how long to wait for quiet.
const REST: Duration = Duration::from_millis(200);

/// True: the long forms of the tests were asked for (`SORTIE_SOAK=1`).
#[must_use]
pub fn is_soak() -> bool {
    std::env::var_os("SORTIE_SOAK").is_some_and(|value| value != "0")
}

/// The short form's value, or the soak's.
pub fn short_or_soak<T>(short: T, soak: T) -> T {
    if is_soak() { soak } else { short }
}

/// A bound, for this machine.
#[must_use]
pub fn bound(idle_machine: Duration) -> Duration {
    let cores = cores();
    if cores < 4 { idle_machine * 3 } else { idle_machine }
}

/// How many cores the process may use.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Measures until the figure is within the bound, a few times at most, and prints what it was.
///
/// On a machine that others keep busy all the while, where plain threads are late too, it is good enough in the end if
/// one attempt took no more than ten times the delay of plain threads right behind it.
///
/// # Panics
/// If it never is.
#[track_caller]
pub fn within(what: &str, bound: Duration, mut measure: impl FnMut() -> Duration) {
    attempt(
        || {
            let figure = measure();
            (figure, figure <= bound, format!("{what}: {figure:?} (bound {bound:?})"))
        },
        |figure| {
            let plain = plain_wakeups().percentile(99);
            println!("  plain threads wake within {plain:?}");
            figure <= plain * 10
        },
    );
}

/// As [`within`], but that other processes are busy excuses nothing. Only attempts do not count right behind which plain
/// threads, which do the same, take at least half as long: the figure that `plain` gives.
///
/// # Panics
/// If the figure is never within the bound, unless most attempts do not count.
#[track_caller]
pub fn within_beside_plain(
    what: &str,
    bound: Duration,
    mut measure: impl FnMut() -> Duration,
    mut plain: impl FnMut() -> Duration,
) {
    let mut counted = 0;
    for number in 1..=ATTEMPTS_IN_NOISE {
        watchdog::renew();
        let figure = measure();
        println!("  {what}: {figure:?} (bound {bound:?}), attempt {number}");
        if figure <= bound {
            return;
        }
        let plain = plain();
        println!("  plain threads: {plain:?}");
        if figure > plain * 2 {
            counted += 1;
            assert!(counted < ATTEMPTS, "{what}: missed in {counted} attempts, {figure:?} at last");
        }
        std::thread::sleep(REST);
    }
}

/// Measures what is done with a load and without it until the first is so many percent of the second, a
/// few times at most, and prints what it was.
///
/// # Panics
/// If it never is.
#[track_caller]
pub fn at_least(percent: u64, mut measure: impl FnMut() -> (u64, u64)) {
    attempt(
        || {
            let (with, without) = measure();
            let figure = with * 100 / without.max(1);
            let said = format!("{with} beside {without}: {figure} % (bound {percent} %)");
            ((), figure >= percent, said)
        },
        |()| false,
    );
}

/// Attempts until one is good. Those that other processes disturbed do not count, as long as there are
/// not too many; in the end it is enough if one of them is excused, which is asked right behind it.
#[track_caller]
fn attempt<T>(mut measure: impl FnMut() -> (T, bool, String), excuses: impl Fn(T) -> bool) {
    let mut counted = 0;
    let mut excused = false;
    for number in 1.. {
        watchdog::renew();
        let before = Cpu::now();
        let (figure, good, said) = measure();
        let noise = Cpu::now().noise_since(&before);
        println!("  {said}, attempt {number}, {:.0} % of the machine were others'", noise * 100.0);
        if good {
            return;
        }
        if noise < QUIET {
            counted += 1;
            assert!(counted < ATTEMPTS, "missed in {counted} attempts on a quiet machine: {said}");
        } else {
            excused |= excuses(figure);
        }
        if number == ATTEMPTS_IN_NOISE {
            assert!(excused, "missed in {number} attempts: {said}");
            return;
        }
        std::thread::sleep(REST);
    }
}

/// How late the last of three threads is of which each wakes the next, without any runtime. The first
/// has computed for a while, as tasks do.
fn plain_wakeups() -> Delays {
    std::thread::scope(|scope| {
        let (ask, asked) = mpsc::channel::<Instant>();
        let (pass, passed) = mpsc::channel::<Instant>();
        let (answer, answers) = mpsc::channel();
        scope.spawn(move || asked.iter().for_each(|start| pass.send(start).expect("a chain")));
        scope.spawn(move || {
            passed.iter().for_each(|start| answer.send(start.elapsed()).expect("a chain"));
        });
        let one = |_| {
            let end = Instant::now() + Duration::from_millis(1);
            while Instant::now() < end {}
            ask.send(Instant::now()).expect("a thread that answers");
            answers.recv().expect("an answer")
        };
        let delays = (0..200).map(one).collect();
        drop(ask);
        delays
    })
}

/// CPU time of all processes, and of this one.
struct Cpu {
    at: Instant,
    all: Duration,
    own: Duration,
}

impl Cpu {
    fn now() -> Cpu {
        let stat = fs::read_to_string("/proc/stat").expect("what the kernel counts");
        let line = stat.lines().next().expect("the sum of all CPUs");
        let ticks: Vec<u64> =
            line.split_whitespace().skip(1).map(|ticks| ticks.parse().unwrap_or(0)).collect();
        // user, nice, system, idle, iowait, irq, softirq, steal: but for the two in the middle.
        let busy: u64 = [0, 1, 2, 5, 6, 7].into_iter().filter_map(|at| ticks.get(at)).sum();
        // The kernel tells hundredths of seconds.
        Cpu { at: Instant::now(), all: Duration::from_millis(busy * 10), own: own_cpu() }
    }

    /// The share of the machine that others used, 1 for all of it.
    fn noise_since(&self, before: &Cpu) -> f64 {
        let own = self.own.saturating_sub(before.own);
        let others = self.all.saturating_sub(before.all).saturating_sub(own);
        let machine = (self.at - before.at).as_secs_f64() * cores() as f64;
        others.as_secs_f64() / machine.max(0.001)
    }
}

/// CPU time of the process so far.
#[must_use]
pub fn own_cpu() -> Duration {
    // SAFETY: all zeroes is a `rusage`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: room for one.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    [usage.ru_utime, usage.ru_stime]
        .map(|time| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000))
        .iter()
        .sum()
}

/// Delays that were seen.
#[derive(Clone, Debug, Default)]
pub struct Delays(Vec<Duration>);

impl Delays {
    /// None yet.
    #[must_use]
    pub fn new() -> Delays {
        Delays::default()
    }

    /// One more.
    pub fn add(&mut self, delay: Duration) {
        self.0.push(delay);
    }

    /// The delay that so many of a hundred do not exceed.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut delays = self.0.clone();
        delays.sort_unstable();
        let rank = (delays.len() * percent).div_ceil(100);
        delays[rank.clamp(1, delays.len()) - 1]
    }

    /// The longest.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.percentile(100)
    }
}

impl FromIterator<Duration> for Delays {
    fn from_iter<I: IntoIterator<Item = Duration>>(delays: I) -> Delays {
        Delays(delays.into_iter().collect())
    }
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, max] = [50, 99, 100].map(|percent| self.percentile(percent));
        write!(f, "{} seen, p50 {p50:?}, p99 {p99:?}, max {max:?}", self.0.len())
    }
}
