//! A hosted task that runs managed code for long while others wait is asked to let them: by the word that its VM's safepoints
//! look at, and at the crate's checkpoints. What it was made to is counted.

use sortie::hosting::{
    ClrRuntimeHost, ClrTask, ClrTaskManager, HResult, Host, HostTask, HostTaskManager, TaskMode,
    WaitOption,
};
use sortie_test::{Running, each_of, until};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A VM with one word that all of its safepoints look at.
#[derive(Clone, Default)]
struct Vm(Arc<AtomicBool>);

impl Vm {
    fn is_asked(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

impl ClrTask for Vm {
    fn yield_task(&self) -> HResult {
        self.0.store(true, Ordering::SeqCst);
        HResult::S_OK
    }
}

impl ClrTaskManager for Vm {
    fn create_task(&self) -> Result<Arc<dyn ClrTask>, HResult> {
        Ok(Arc::new(self.clone()))
    }
}

/// Both modes of tasks, on one worker.
fn each_mode(test: impl Fn(&Running<'_>, &Host, &ClrRuntimeHost, &Vm)) {
    for mode in [TaskMode::Fibers, TaskMode::ThreadPerTask] {
        each_of(&[1], &sortie_test::MODES[..1], |runtime| {
            let vm = Vm::default();
            let host = Host::builder(&runtime.handle()).mode(mode).build();
            let clr = ClrRuntimeHost::builder().tasks(Arc::new(vm.clone())).build();
            clr.set_host_control(Some(Arc::new(host.clone()))).ok().unwrap();
            clr.start().ok().unwrap();
            test(runtime, &host, &clr, &vm);
            clr.stop().ok().unwrap();
        });
    }
}

fn start(tasks: &HostTaskManager, body: impl FnOnce() + Send + 'static) -> HostTask {
    let body = move || {
        body();
        0
    };
    let task = tasks.create_task(0, body).unwrap();
    task.start().ok().unwrap();
    task
}

/// Tasks that are ready until the flag is set, so many that some of them wait also while others stand in for the runaway.
fn ready(tasks: &HostTaskManager, stop: &Arc<AtomicBool>) -> Vec<HostTask> {
    let one = || {
        let (stop, own) = (stop.clone(), tasks.clone());
        start(tasks, move || {
            while !stop.load(Ordering::SeqCst) {
                let _ = own.switch_to_task(WaitOption::NONE);
            }
        })
    };
    (0..4).map(|_| one()).collect()
}

fn until_done(tasks: &[HostTask]) {
    until("the tasks have ended", || tasks.iter().all(HostTask::is_done));
}

/// The VM's code comes by none of the crate's checkpoints: by the monitor's request its own safepoint finds its word.
#[test]
fn the_monitor_asks_by_the_vm_s_own_word() {
    each_mode(|_, host, clr, vm| {
        let tasks = host.task_manager();
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(AtomicBool::new(false));
        let (halves, vm, seen, ends) =
            (clr.task_manager(), vm.clone(), asked.clone(), stop.clone());
        let spins = start(&tasks, move || {
            halves.attach().unwrap();
            while !ends.load(Ordering::SeqCst) {
                if vm.is_asked() {
                    seen.store(true, Ordering::SeqCst);
                }
                std::hint::spin_loop();
            }
        });
        let others = ready(&tasks, &stop);
        until("the VM was asked", || asked.load(Ordering::SeqCst));
        stop.store(true, Ordering::SeqCst);
        until_done(&[spins]);
        until_done(&others);
        assert_eq!(host.forced_yields(), 0, "it has come by no checkpoint");
    });
}

/// What a task does at the crate's checkpoints settles the request, counts, and lets it be asked anew: also of one that
/// waits in place.
#[test]
fn a_forced_yield_counts_and_settles_the_request() {
    each_mode(|runtime, host, clr, _| {
        let tasks = host.task_manager();
        let stop = Arc::new(AtomicBool::new(false));
        let others = ready(&tasks, &stop);
        let half = Arc::new(Mutex::new(None));
        let (halves, own, ends) = (clr.task_manager(), half.clone(), stop.clone());
        let spins = start(&tasks, move || {
            *own.lock().unwrap() = Some(halves.attach().unwrap());
            while !ends.load(Ordering::SeqCst) {
                sortie::task::checkpoint();
            }
        });
        until("it was made to yield", || spins.forced_yields() > 0);
        let half = half.lock().unwrap().clone().unwrap();
        for _ in 0..2 {
            let before = spins.forced_yields();
            // It may sit out, or have been asked by the monitor just now.
            until("it is asked", || half.yield_task().is_success());
            until("it was made to yield once more", || spins.forced_yields() > before);
        }
        stop.store(true, Ordering::SeqCst);
        until_done(&others);
        until_done(std::slice::from_ref(&spins));
        assert!(host.forced_yields() >= spins.forced_yields());
        assert!(runtime.snapshot().forced_yields >= 3, "{:?}", runtime.snapshot());
    });
}
