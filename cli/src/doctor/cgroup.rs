//! Control groups: what a container or a service manager allows, in version 1, 2, or both at once.
//!
//! A group is limited by itself and by all groups above it, so the least limit on the way up to the
//! root of what this process sees counts.

use super::finding::{Finding, Section};
use super::limits;
use super::read::{self, bytes, count};
use procfs::process::{MountInfo, Process};
use procfs::{ProcResult, ProcessCGroup};
use std::path::{Path, PathBuf};

const SECTION: Section = Section("cgroup");

/// What a parked task takes: a page, its header, its share of the page tables, and a little to spare.
const TASK_BYTES: u64 = 4500;

/// Version 1 writes "no limit" as the largest multiple of a page.
const NO_LIMIT: u64 = 1 << 62;

/// The least limits that were found. `None`: no limit, or no group that could have one.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// Why nothing could be looked at.
    error: Option<String>,
    /// Versions and where they are.
    groups: Vec<String>,
    memory_bytes: Option<u64>,
    threads: Option<u64>,
    pub(super) cpus: Option<f64>,
}

/// How many tasks of one touched page fit.
pub(super) fn tasks_in(bytes: u64) -> u64 {
    bytes / TASK_BYTES.max(rustix::param::page_size() as u64)
}

pub(super) fn limits() -> Limits {
    let mut limits = Limits::default();
    match places() {
        Ok(places) => places.iter().for_each(|place| limits.look(place)),
        Err(error) => limits.error = Some(error.to_string()),
    }
    limits
}

pub(super) fn findings(limits: &Limits) -> Vec<Finding> {
    if let Some(error) = &limits.error {
        return vec![SECTION.unknown("groups", error)];
    }
    let groups = if limits.groups.is_empty() {
        SECTION.ok("groups", "none", "No control group limits this process.")
    } else {
        SECTION.ok(
            "groups",
            limits.groups.join(", "),
            "The limits below are the least on the way up.",
        )
    };
    vec![groups, memory(limits), pids(limits), cpu(limits)]
}

fn memory(limits: &Limits) -> Finding {
    const NAME: &str = "memory.max";
    match limits.memory_bytes {
        Some(limit) => SECTION.note(
            NAME,
            bytes(limit),
            format!(
                "Room for at most {} tasks of a touched page each; beyond it the kernel kills.",
                count(tasks_in(limit))
            ),
        ),
        None => SECTION.ok(NAME, "none", "The machine's memory is the limit."),
    }
}

fn pids(limits: &Limits) -> Finding {
    limits::threads(SECTION, "pids.max", limits.threads, "of this group")
}

fn cpu(limits: &Limits) -> Finding {
    const NAME: &str = "cpu.max";
    match limits.cpus {
        Some(cpus) => SECTION.note(NAME, format!("{cpus:.2} cores' time"), "See the cores."),
        None => SECTION.ok(NAME, "none", "The cores are the limit."),
    }
}

/// A group of this process, as files.
#[derive(Debug)]
struct Place {
    is_v2: bool,
    /// The controllers of a version 1 hierarchy.
    controllers: Vec<String>,
    /// Where the hierarchy is mounted, and the group's directory in it.
    mount: PathBuf,
    directory: PathBuf,
}

fn places() -> ProcResult<Vec<Place>> {
    let process = Process::myself()?;
    let mounts = process.mountinfo()?.0;
    let groups = process.cgroups()?.0;
    Ok(groups.into_iter().filter_map(|group| place(group, &mounts)).collect())
}

/// Finds the group's directory; `None` if its hierarchy is not mounted here.
fn place(group: ProcessCGroup, mounts: &[MountInfo]) -> Option<Place> {
    let is_v2 = group.hierarchy == 0;
    let mount = mounts.iter().find(|mount| {
        if is_v2 {
            mount.fs_type == "cgroup2"
        } else {
            mount.fs_type == "cgroup"
                && group.controllers.iter().any(|name| mount.super_options.contains_key(name))
        }
    })?;
    // What is mounted may be a group itself (a container's), to which the path is relative; a path
    // that does not lie in it, or is not there, is that of another namespace: then the mount is all
    // that can be seen.
    let path = Path::new(&group.pathname);
    let within = path.strip_prefix(&mount.root).unwrap_or(Path::new(""));
    let mut directory = mount.mount_point.join(within);
    if !directory.is_dir() {
        directory.clone_from(&mount.mount_point);
    }
    Some(Place {
        is_v2,
        controllers: group.controllers,
        mount: mount.mount_point.clone(),
        directory,
    })
}

impl Place {
    /// The group's directory and those above it, up to the mount.
    fn way_up(&self) -> impl Iterator<Item = &Path> {
        self.directory.ancestors().take_while(|directory| directory.starts_with(&self.mount))
    }

    fn has(&self, controller: &str) -> bool {
        self.is_v2 || self.controllers.iter().any(|name| name == controller)
    }
}

impl Limits {
    fn look(&mut self, place: &Place) {
        let version = if place.is_v2 { "v2" } else { "v1" };
        let limiting = ["memory", "pids", "cpu"];
        if place.is_v2 || limiting.iter().any(|name| place.has(name)) {
            self.groups.push(format!("{version} {}", place.directory.display()));
        }
        for directory in place.way_up() {
            if place.has("memory") {
                let file = if place.is_v2 { "memory.max" } else { "memory.limit_in_bytes" };
                let limit = number(directory, file).filter(|bytes| *bytes < NO_LIMIT);
                self.memory_bytes = least(self.memory_bytes, limit);
            }
            if place.has("pids") {
                self.threads = least(self.threads, number(directory, "pids.max"));
            }
            if place.has("cpu") {
                let cpus = if place.is_v2 { quota_v2(directory) } else { quota_v1(directory) };
                self.cpus = match (self.cpus, cpus) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
        }
    }
}

fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The number in a file; `None` for "max" and for what is not there (a root group has no limits).
fn number(directory: &Path, file: &str) -> Option<u64> {
    read::number(directory.join(file)).ok()
}

fn quota_v2(directory: &Path) -> Option<f64> {
    let text = read::text(directory.join("cpu.max")).ok()?;
    let (quota, period) = text.split_once(' ')?;
    cores(quota.parse().ok()?, period.parse().ok()?)
}

fn quota_v1(directory: &Path) -> Option<f64> {
    // -1 is no limit, and does not parse.
    cores(number(directory, "cpu.cfs_quota_us")?, number(directory, "cpu.cfs_period_us")?)
}

fn cores(quota: u64, period: u64) -> Option<f64> {
    (period > 0).then(|| quota as f64 / period as f64)
}

#[cfg(test)]
mod tests {
    use super::{Limits, Place};
    use std::fs;

    #[test]
    fn the_least_limit_on_the_way_up_counts() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        let put = |path: &str, text: &str| fs::write(root.path().join(path), text).unwrap();
        put("a/memory.max", "1073741824\n");
        put("a/b/memory.max", "max\n");
        put("a/pids.max", "900\n");
        put("a/b/pids.max", "300\n");
        put("a/b/cpu.max", "150000 100000\n");
        put("a/cpu.max", "max 100000\n");
        let mut limits = Limits::default();
        limits.look(&Place {
            is_v2: true,
            controllers: Vec::new(),
            mount: root.path().to_owned(),
            directory: inner,
        });
        assert_eq!(limits.memory_bytes, Some(1 << 30));
        assert_eq!(limits.threads, Some(300));
        assert_eq!(limits.cpus, Some(1.5));
    }

    #[test]
    fn version_1_looks_at_its_own_controllers_only() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| fs::write(root.path().join(path), text).unwrap();
        put("memory.limit_in_bytes", "9223372036854771712\n");
        put("pids.max", "17\n");
        put("cpu.cfs_quota_us", "-1\n");
        put("cpu.cfs_period_us", "100000\n");
        let mut limits = Limits::default();
        limits.look(&Place {
            is_v2: false,
            controllers: vec!["memory".to_owned(), "cpu".to_owned()],
            mount: root.path().to_owned(),
            directory: root.path().to_owned(),
        });
        assert_eq!(limits.memory_bytes, None);
        assert_eq!(limits.threads, None);
        assert_eq!(limits.cpus, None);
    }
}
