//! Ends a case that takes too long, after saying where everybody is.

use crate::case::Case;
use crate::figures::short_or_soak;
use sortie::Handle;
use std::fs;
use std::io::Write;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long one case may take. Most take milliseconds; the machine may be busy.
fn limit() -> Duration {
    Duration::from_secs(short_or_soak(60, 3_600))
}

#[derive(Default)]
struct Watched {
    deadline: Option<Instant>,
    what: String,
    handle: Option<Handle>,
}

static WATCHED: Mutex<Option<Watched>> = Mutex::new(None);
static CHANGED: Condvar = Condvar::new();

/// The case is watched until this is dropped.
#[derive(Debug)]
pub(crate) struct Watch(());

/// Watches a case from now on.
pub(crate) fn watch(case: &Case) -> Watch {
    static THREAD: OnceLock<()> = OnceLock::new();
    THREAD.get_or_init(|| {
        let thread = std::thread::Builder::new().name("watchdog".to_owned());
        thread.spawn(main).expect("a thread for the watchdog");
    });
    let what = format!("{} workers, {:?}", case.workers, case.mode);
    println!("{what}:");
    set(Some(Watched { deadline: Some(Instant::now() + limit()), what, handle: None }));
    Watch(())
}

/// The case does once more what it has done: its time begins again. Whoever measures a dozen times beside other load does
/// not stand still.
pub(crate) fn renew() {
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(deadline) = watched.as_mut().and_then(|watched| watched.deadline.as_mut()) {
        *deadline = Instant::now() + limit();
    }
}

/// Lets the watchdog look into this runtime.
pub(crate) fn show(handle: &Handle) {
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(watched) = &mut *watched {
        watched.handle = Some(handle.clone());
    }
}

/// The handle is given up, so that nothing of the runtime is kept by it.
pub(crate) fn forget() {
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(watched) = &mut *watched {
        watched.handle = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        set(None);
    }
}

fn set(watched: Option<Watched>) {
    *WATCHED.lock().unwrap_or_else(PoisonError::into_inner) = watched;
    CHANGED.notify_one();
}

fn main() {
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let left = watched
            .as_ref()
            .and_then(|watched| watched.deadline)
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        watched = match left {
            None => CHANGED.wait(watched),
            Some(Duration::ZERO) => break,
            Some(left) => Ok(CHANGED
                .wait_timeout(watched, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(watched, _)| watched)),
        }
        .unwrap_or_else(PoisonError::into_inner);
    }
    if let Some(watched) = &*watched {
        say(&format!("the case took more than {:?}: {}", limit(), watched.what));
        if let Some(handle) = &watched.handle {
            say(&format!("{:#?}", handle.snapshot()));
        }
    }
    show_threads();
    std::process::abort();
}

/// Where each thread of the process is, as far as the kernel tells.
fn show_threads() {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return;
    };
    for task in tasks.flatten() {
        let read = |file| {
            let text = fs::read_to_string(task.path().join(file)).unwrap_or_default();
            text.trim().to_owned()
        };
        say(&format!(
            "thread {:?} {}: in {}, system call {}",
            task.file_name(),
            read("comm"),
            read("wchan"),
            read("syscall")
        ));
    }
}

/// Past the test harness, which would keep the text of a test that does not end.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
