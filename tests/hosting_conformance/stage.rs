//! What a scenario plays on: a runtime, a host over it, a VM that is hosted, and the record.

use crate::expected::Expected;
use crate::trace::Trace;
use crate::vm::{Answers, TestVm};
use sortie::hosting::{
    ClrRuntimeHost, Defect, Host, HostBuilder, HostTask, HostTaskManager, TaskMode,
};
use sortie::{Runtime, ShutdownReport};
use sortie_test::stop::{Stopped, stop};
use sortie_test::{PATIENCE, threads, until, until_within};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

/// How long a scenario may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A defect that is made on purpose, and how long whoever it keeps waiting is waited for.
#[derive(Clone, Copy)]
pub(crate) struct Seed {
    pub(crate) defect: Defect,
    pub(crate) patience: Duration,
}

/// How tasks and threads belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Fibers,
    Threads,
}

impl Mode {
    /// The modes that a scenario is run in.
    pub(crate) fn of(scenario: &Scenario) -> &'static [Mode] {
        if scenario.fibers_only { &[Mode::Fibers] } else { &[Mode::Fibers, Mode::Threads] }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Fibers => "fibers",
            Mode::Threads => "threads",
        })
    }
}

/// How the stage of a scenario differs from the usual one: two workers, nothing special, started.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) workers: usize,
    pub(crate) host: fn(HostBuilder) -> HostBuilder,
    pub(crate) answers: Answers,
    /// The scenario makes the handshake and the start itself.
    pub(crate) bare: bool,
    /// Started tasks may go on elsewhere.
    pub(crate) migrating: bool,
}

impl Setup {
    pub(crate) fn new() -> Setup {
        Setup {
            workers: 2,
            host: |host| host,
            answers: Answers::default(),
            bare: false,
            migrating: false,
        }
    }
}

/// A scenario of the reference.
pub(crate) struct Scenario {
    pub(crate) number: u8,
    /// What it shows, in a few words.
    pub(crate) title: &'static str,
    pub(crate) fibers_only: bool,
    pub(crate) setup: fn() -> Setup,
    pub(crate) play: fn(&Stage),
    /// The expected record.
    pub(crate) expected: &'static str,
}

impl Scenario {
    /// `S-07`, say.
    pub(crate) fn name(&self) -> String {
        format!("S-{:02}", self.number)
    }
}

/// See the module.
pub(crate) struct Stage {
    pub(crate) runtime: Runtime,
    mode: Mode,
    pub(crate) host: Host,
    pub(crate) clr: ClrRuntimeHost,
    pub(crate) vm: Arc<TestVm>,
    pub(crate) tasks: HostTaskManager,
    pub(crate) trace: Arc<Trace>,
    started: Mutex<Vec<HostTask>>,
    patience: Duration,
    failures: Arc<Mutex<Vec<String>>>,
}

impl Stage {
    fn new(scenario: &Scenario, mode: Mode, seed: Option<Seed>) -> Stage {
        let setup = (scenario.setup)();
        let trace = Arc::new(Trace::default());
        let mut runtime = Runtime::builder().workers(setup.workers);
        if setup.migrating {
            // SAFETY: no scenario keeps a thread's own over a suspension point.
            runtime = unsafe { runtime.migrating() };
        }
        let runtime = runtime.build().expect("a runtime");
        let builder = Host::builder(&runtime.handle()).observer(trace.clone()).mode(match mode {
            Mode::Fibers => TaskMode::Fibers,
            Mode::Threads => TaskMode::ThreadPerTask,
        });
        let builder = (setup.host)(builder);
        let builder = match seed {
            Some(seed) => builder.seed_defect(seed.defect),
            None => builder,
        };
        let host = builder.build();
        let vm = Arc::new(TestVm::new(trace.clone(), setup.answers));
        let clr = ClrRuntimeHost::builder().tasks(vm.clone()).locks(vm.clone());
        let clr = clr.gc(vm.clone()).observer(trace.clone()).build();
        let tasks = host.task_manager();
        let stage = Stage {
            runtime,
            mode,
            host,
            clr,
            vm,
            tasks,
            trace,
            started: Mutex::default(),
            patience: seed.map_or(PATIENCE, |seed| seed.patience),
            failures: Arc::default(),
        };
        if !setup.bare {
            assert!(stage.clr.set_host_control(Some(Arc::new(stage.host.clone()))).is_success());
            assert!(stage.clr.start().is_success());
        }
        stage
    }

    /// Are tasks fibers?
    pub(crate) fn is_fibers(&self) -> bool {
        self.mode == Mode::Fibers
    }

    /// A native function of its own: an address that no other scenario uses, and a name for it in the record.
    pub(crate) fn target(&self, name: &str) -> usize {
        // Nothing is mapped there, and nothing is called.
        static NEXT: AtomicUsize = AtomicUsize::new(0x1000);
        let target = NEXT.fetch_add(16, Ordering::Relaxed);
        self.trace.name_target(target, name);
        target
    }

    /// Makes a task, and starts it. What panics in it fails the scenario.
    pub(crate) fn task(&self, name: &str, f: impl FnOnce() + Send + 'static) -> HostTask {
        let task = self.suspended(name, f);
        assert!(task.start().is_success(), "a task that starts");
        task
    }

    /// Makes a task.
    pub(crate) fn suspended(&self, name: &str, f: impl FnOnce() + Send + 'static) -> HostTask {
        self.suspended_on(0, name, f)
    }

    /// Makes a task with so many bytes of stack; 0: as many as all have.
    pub(crate) fn suspended_on(
        &self,
        stack_bytes: u32,
        name: &str,
        f: impl FnOnce() + Send + 'static,
    ) -> HostTask {
        let failures = self.failures.clone();
        let task = self.tasks.create_task(stack_bytes, move || note_failure(&failures, f));
        let task = task.expect("a task");
        self.trace.name_task(task.id(), name);
        self.started.lock().unwrap_or_else(PoisonError::into_inner).push(task.clone());
        task
    }

    /// Runs `f` on a thread that the host has not seen, and waits for its end. What panics in it fails the scenario.
    pub(crate) fn thread(&self, f: impl FnOnce() + Send + 'static) {
        let failures = self.failures.clone();
        let thread = std::thread::spawn(move || {
            note_failure(&failures, f);
        });
        thread.join().expect("a thread whose panics are caught");
    }

    /// Lets the monitor stand still while the value lives: who computes without a scheduling point keeps the worker then,
    /// and nobody is given another in its place.
    pub(crate) fn stop_monitor(&self) -> Stopped {
        let name = "sortie-mon";
        until("there is one monitor", || threads::named(name).len() == 1);
        stop(threads::named(name)[0].id).expect("a monitor")
    }

    /// Runs a task to its end.
    pub(crate) fn run(&self, name: &str, f: impl FnOnce() + Send + 'static) {
        let task = self.task(name, f);
        until_within(self.patience, "the task has ended", || task.is_done());
    }

    /// Waits until all its tasks have ended.
    pub(crate) fn wait(&self) {
        let tasks = self.started.lock().unwrap_or_else(PoisonError::into_inner).clone();
        until_within(self.patience, "the tasks have ended", || {
            tasks.iter().all(|task| task.is_done())
        });
    }
}

/// The host task of this thread.
pub(crate) fn current() -> Option<u64> {
    sortie::hosting::HostTask::current().map(|task| task.id())
}

fn note_failure(failures: &Mutex<Vec<String>>, f: impl FnOnce()) -> u32 {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(()) => 0,
        Err(payload) if sortie::task::is_abort(&*payload) => std::panic::resume_unwind(payload),
        Err(payload) => {
            failures.lock().unwrap_or_else(PoisonError::into_inner).push(text_of(&*payload));
            1
        }
    }
}

fn text_of(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic".to_owned())
}

/// What became of a scenario.
pub(crate) struct Outcome {
    pub(crate) trace: Arc<Trace>,
    pub(crate) text: String,
    /// `None`: it has passed.
    pub(crate) failure: Option<String>,
}

/// Plays a scenario. One that does not come to its end ends the process: its threads cannot be taken back.
pub(crate) fn run(scenario: &'static Scenario, mode: Mode, seed: Option<Seed>) -> Outcome {
    let (send, ended) = mpsc::channel();
    let player = std::thread::Builder::new().name(scenario.name());
    let player = player.spawn(move || {
        let _ = send.send(play(scenario, mode, seed));
    });
    player.expect("a thread for the scenario");
    ended.recv_timeout(LIMIT).unwrap_or_else(|_| {
        eprintln!("{} in the mode {mode} does not end", scenario.name());
        std::process::exit(1)
    })
}

fn play(scenario: &'static Scenario, mode: Mode, seed: Option<Seed>) -> Outcome {
    let stage = Stage::new(scenario, mode, seed);
    let played = catch_unwind(AssertUnwindSafe(|| (scenario.play)(&stage)));
    let Stage { runtime, trace, failures, .. } = stage;
    let report: ShutdownReport = runtime.shutdown(Duration::from_secs(10));
    let mut failure = played.err().map(|payload| text_of(&*payload));
    let in_tasks = failures.lock().unwrap_or_else(PoisonError::into_inner).first().cloned();
    failure = failure.or(in_tasks);
    if failure.is_none() && !report.is_clean() {
        failure = Some(format!("the shutdown was not clean: {report}"));
    }
    let expected = Expected::parse(scenario.expected, mode);
    failure = failure.or_else(|| expected.compare(&trace).err());
    let text = trace.lines(|_| true).join("\n");
    Outcome { trace, text, failure }
}
