//! Cores: how many there are, and how many of them this process gets.

use super::cgroup::Limits;
use super::finding::{Finding, Section};
use super::read;
use rustix::thread::sched_getaffinity;

const SECTION: Section = Section("cores");

pub(super) fn findings(limits: &Limits) -> Vec<Finding> {
    vec![online(), allowed(), quota(limits), taken()]
}

fn online() -> Finding {
    match online_count() {
        Ok(count) => SECTION.ok("online", count.to_string(), "The machine has so many."),
        Err(error) => SECTION.unknown("online", error),
    }
}

fn online_count() -> std::io::Result<u64> {
    let list = read::text("/sys/devices/system/cpu/online")?;
    count_list(&list).ok_or_else(|| {
        std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            format!("{list:?} is no list of processors"),
        )
    })
}

/// The processors in a list such as `0-3,8`.
fn count_list(list: &str) -> Option<u64> {
    list.split(',')
        .map(|part| match part.split_once('-') {
            Some((first, last)) => {
                let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
                Some(last.checked_sub(first)? + 1)
            }
            None => part.parse::<u64>().ok().map(|_| 1),
        })
        .sum()
}

fn allowed() -> Finding {
    const NAME: &str = "allowed by affinity";
    match sched_getaffinity(None) {
        Ok(set) if online_count().is_ok_and(|online| u64::from(set.count()) < online) => SECTION.note(
            NAME,
            set.count().to_string(),
            "The process was bound to some of the cores (taskset, a cpuset), and a runtime to as many workers.",
        ),
        Ok(set) => SECTION.ok(NAME, set.count().to_string(), "The process may use so many."),
        Err(error) => SECTION.unknown(NAME, error),
    }
}

fn quota(limits: &Limits) -> Finding {
    const NAME: &str = "cgroup quota";
    match limits.cpus {
        Some(cpus) => SECTION.note(
            NAME,
            format!("{cpus:.2} cores' time"),
            "The kernel stops the whole process when its time is used up, in the middle of whatever runs: \
             more workers than that gain nothing, and latencies have gaps.",
        ),
        None => SECTION.ok(NAME, "none", "The process is not stopped for having used its time up."),
    }
}

fn taken() -> Finding {
    const NAME: &str = "workers by default";
    match std::thread::available_parallelism() {
        Ok(count) if count.get() == 1 => SECTION.note(
            NAME,
            "1",
            "Tasks take turns on one core; a native call that computes shares it with them.",
        ),
        Ok(count) => SECTION.ok(
            NAME,
            count.to_string(),
            "The least of the above: so many tasks run managed code at once.",
        ),
        Err(error) => SECTION.note(NAME, "1", format!("The cores could not be counted: {error}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::count_list;

    #[test]
    fn lists_of_cpus_are_counted() {
        assert_eq!(count_list("0"), Some(1));
        assert_eq!(count_list("0-1"), Some(2));
        assert_eq!(count_list("0-3,8,10-11"), Some(7));
        assert_eq!(count_list(""), None);
        assert_eq!(count_list("3-1"), None);
    }
}
