//! A task that the VM waits for is dispatched to a safepoint while a collection begins, though who begins it keeps its worker,
//! and be that the only one.

use sortie::hosting::{ClrRuntimeHost, ClrTask, ClrTaskManager, HResult, Host, TaskMode};
use sortie_test::{MODES, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

/// A VM whose tasks keep collections from starting while this is set.
#[derive(Clone, Default)]
struct Vm(Arc<AtomicBool>);

impl ClrTask for Vm {
    fn needs_priority_scheduling(&self) -> Result<bool, HResult> {
        Ok(self.0.load(SeqCst))
    }
}

impl ClrTaskManager for Vm {
    fn create_task(&self) -> Result<Arc<dyn ClrTask>, HResult> {
        Ok(Arc::new(self.clone()))
    }
}

#[test]
fn a_collection_begins_though_its_task_has_the_only_worker() {
    for mode in [TaskMode::Fibers, TaskMode::ThreadPerTask] {
        each_of(&[1, 2], &MODES, |runtime| {
            let vm = Vm::default();
            let host = Host::builder(&runtime.handle()).mode(mode).build();
            let clr = ClrRuntimeHost::builder().tasks(Arc::new(vm.clone())).build();
            assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
            assert_eq!(clr.start(), HResult::S_OK);
            let (is_over, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
            let (over, taken, halves) = (is_over.clone(), turns.clone(), clr.task_manager());
            let gc = clr.gc_manager();
            let mutator = host.task_manager().create_task(0, move || {
                let _half = halves.attach().unwrap();
                while !over.load(SeqCst) {
                    taken.fetch_add(1, SeqCst);
                    vm.0.store(true, SeqCst);
                    // A scheduling point in the midst of managed code.
                    sortie::yield_now();
                    vm.0.store(false, SeqCst);
                    gc.safepoint();
                }
                0
            });
            let mutator = mutator.unwrap();
            assert_eq!(mutator.start(), HResult::S_OK);
            until("it runs", || turns.load(SeqCst) > 0);
            let (gc, ends) = (clr.gc_manager(), is_over.clone());
            let collector = host.task_manager().create_task(0, move || {
                for _ in 0..20 {
                    gc.suspend().unwrap().resume(0);
                    sortie::yield_now();
                }
                ends.store(true, SeqCst);
                0
            });
            let collector = collector.unwrap();
            assert_eq!(collector.start(), HResult::S_OK);
            until("the collections are over", || collector.is_done());
            until("the mutator has ended", || mutator.is_done());
        });
    }
}
