//! How long a command will take, before it begins: it may be half an hour.
//!
//! The seconds are those of the machine that the project is developed on, mean over all who do a workload.

use super::plan::Group;
use std::fmt::Write as _;
use std::time::Duration;

/// Of one run, with its process, its warm-up and its end.
const SECONDS: &[(&str, f64)] = &[
    ("switch", 0.2),
    ("yield1", 0.2),
    ("yield1k", 0.3),
    ("spawnseq", 0.3),
    ("spawnbatch", 0.5),
    ("skynet", 0.6),
    ("fib", 0.4),
    ("pingpong", 0.4),
    ("spsc", 0.5),
    ("mpsc8", 0.4),
    ("mutex", 0.4),
    ("native_plain", 0.1),
    ("native_nop", 0.7),
    ("native_nop_c", 0.2),
    ("native_nop_thread_stack", 0.2),
    ("native_yield", 0.9),
    ("offload", 0.9),
    ("callback", 0.4),
    ("callback_suspend", 0.2),
    ("foreign_attach", 0.2),
    ("stall", 0.5),
    ("blk1000", 0.3),
    ("blkstress", 1.4),
    ("idle1m", 4.2),
    ("timers", 1.6),
];

/// About how long these take, if nobody hangs: who does is ended after a time-out, once.
pub(super) fn of(groups: &[Group], scale: f64) -> Duration {
    let seconds = groups.iter().flat_map(|group| {
        let each = |name: &str| SECONDS.iter().find(|it| it.0 == name).map_or(1.0, |it| it.1);
        group.cases.iter().map(move |case| f64::from(group.runs) * each(&case.workload))
    });
    Duration::from_secs_f64(seconds.sum::<f64>() * scale)
}

/// For people: `12 s`, `7 min`.
pub(super) fn text(time: Duration) -> String {
    let mut text = String::new();
    let seconds = time.as_secs_f64();
    let _ = match seconds {
        _ if seconds < 0.95 => write!(text, "{seconds:.1} s"),
        _ if seconds < 99.5 => write!(text, "{seconds:.0} s"),
        _ => write!(text, "{:.0} min", seconds / 60.0),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::super::workload;
    use super::{Duration, SECONDS, text};

    #[test]
    fn it_is_known_of_each_workload() {
        let known: Vec<&str> = SECONDS.iter().map(|it| it.0).collect();
        assert_eq!(known, workload::names().collect::<Vec<_>>());
    }

    #[test]
    fn times_are_told_in_the_unit_that_one_would_use() {
        let text = |seconds| text(Duration::from_secs_f64(seconds));
        assert_eq!(text(0.31), "0.3 s");
        assert_eq!(text(12.4), "12 s");
        assert_eq!(text(100.0), "2 min");
        assert_eq!(text(1390.0), "23 min");
    }
}
