//! A runtime that is stopped, or disabled for good, answers each method of the hosting API so, and calls that close
//! something have closed it.

use sortie::Runtime;
use sortie::hosting::method::{Interface, Method};
use sortie::hosting::{
    ActionOnClrEvent, Call, ClrControl, ClrEvent, ClrEventData, ClrFailure, ClrManager,
    ClrRuntimeHost, ClrSyncManager, GcStatTypes, HResult, Host, HostAutoEvent, HostControl,
    HostCrst, HostManualEvent, HostSemaphore, HostTask, Observer, PolicyAction,
    RuntimeDebugManager, RuntimeTask, WaitOption, WorkItemFlags,
};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::thread;

/// Each call that was made, with what it returned.
#[derive(Default)]
struct Calls(Mutex<Vec<(Method, HResult)>>);

impl Observer for Calls {
    fn call(&self, call: &Call<'_>) {
        self.0.lock().unwrap().push((call.method, call.result));
    }
}

struct Silent;

impl ActionOnClrEvent for Silent {
    fn on_event(&self, _: ClrEvent, _: ClrEventData) -> HResult {
        HResult::S_OK
    }
}

/// A VM whose only reader-writer lock is held by this task.
#[derive(Default)]
struct Held(Mutex<Option<HostTask>>);

impl ClrSyncManager for Held {
    fn rw_lock_owners(&self, _: usize) -> Result<Vec<HostTask>, HResult> {
        Ok(self.0.lock().unwrap().clone().into_iter().collect())
    }
}

/// A host and a runtime that is hosted, with all that methods are called on, made while it was there.
struct Stage {
    _runtime: Runtime,
    host: Host,
    clr: ClrRuntimeHost,
    calls: Arc<Calls>,
    control: ClrControl,
    debug: RuntimeDebugManager,
    crst: HostCrst,
    auto: HostAutoEvent,
    manual: HostManualEvent,
    semaphore: HostSemaphore,
    /// Never started.
    other: HostTask,
    held: Arc<Held>,
}

impl Stage {
    fn new() -> Stage {
        let runtime = Runtime::builder().workers(1).build().unwrap();
        let (calls, held) = (Arc::new(Calls::default()), Arc::new(Held::default()));
        let host = Host::builder(&runtime.handle()).observer(calls.clone()).build();
        let clr = ClrRuntimeHost::builder().observer(calls.clone()).locks(held.clone()).build();
        let control = clr.get_clr_control().unwrap();
        let debug = control.get_clr_manager(Interface::ClrDebugManager.iid());
        let Ok(ClrManager::Debug(debug)) = debug else { unreachable!() };
        assert_eq!(clr.set_host_control(Some(Arc::new(host.clone()))), HResult::S_OK);
        assert_eq!(clr.start(), HResult::S_OK);
        let sync = host.sync_manager();
        Stage {
            _runtime: runtime,
            control,
            debug,
            crst: sync.create_crst().unwrap(),
            auto: sync.create_auto_event().unwrap(),
            manual: sync.create_manual_event(false).unwrap(),
            semaphore: sync.create_semaphore(1, 2).unwrap(),
            other: host.task_manager().create_task(0, || 0).unwrap(),
            host,
            clr,
            calls,
            held,
        }
    }

    /// Opens what calls can close, on an adopted thread in managed code.
    fn open(&self) -> (RuntimeTask, usize) {
        let tasks = self.host.task_manager();
        let half = self.clr.task_manager().attach().unwrap();
        *self.held.0.lock().unwrap() = HostTask::current();
        let iterator = self.clr.sync_manager().create_rw_lock_owner_iterator(9).unwrap();
        assert_ne!(iterator, 0);
        let opened = [
            tasks.reverse_enter_runtime(),
            tasks.begin_delay_abort(),
            tasks.begin_thread_affinity(),
            half.begin_prevent_async_abort(),
            self.crst.enter(WaitOption::NONE),
        ];
        assert_eq!(opened, [HResult::S_OK; 5]);
        (half, iterator)
    }

    /// Calls each method, `ExitTask` the last.
    fn call_all(&self, half: &RuntimeTask, iterator: usize, starts: bool) {
        let Stage { host, clr, control, debug, crst, other, .. } = self;
        let tasks = host.task_manager();
        let _ = (tasks.get_current_task(), tasks.create_task(0, || 0));
        let _ = (tasks.sleep(0, WaitOption::NONE), tasks.switch_to_task(WaitOption::NONE));
        let _ = (tasks.set_locale(1), tasks.set_ui_locale(1), tasks.call_needs_host_hook(1));
        let _ = (tasks.leave_runtime(1), tasks.enter_runtime(), tasks.reverse_enter_runtime());
        let _ = (tasks.begin_delay_abort(), tasks.begin_thread_affinity());
        let _ = (tasks.set_stack_guarantee(1), tasks.get_stack_guarantee());
        let _ = tasks.set_clr_task_manager(&clr.task_manager());
        let _ = (tasks.end_delay_abort(), tasks.end_thread_affinity());

        let _ = (other.start(), other.alert(), other.join(0, WaitOption::NONE));
        let _ = (other.set_priority(0), other.get_priority(), other.set_clr_task(None));

        let _ = (half.switch_out(), half.get_mem_stats(), half.reset(true), half.abort());
        let _ = (half.rude_abort(), half.needs_priority_scheduling(), half.yield_task());
        let _ = (half.locks_held(), half.set_task_identifier(1));
        let _ = (half.begin_prevent_async_abort(), half.end_prevent_async_abort());

        let of_clr = clr.task_manager();
        let _ = (of_clr.create_task(), of_clr.get_current_task(), of_clr.get_current_task_type());
        let _ = (of_clr.set_locale(1), of_clr.set_ui_locale(1));

        let sync = host.sync_manager();
        let _ = (sync.create_crst(), sync.create_crst_with_spin_count(1), sync.create_auto_event());
        let _ = (sync.create_manual_event(true), sync.create_monitor_event(1));
        let _ = (sync.create_rw_lock_writer_event(1), sync.create_rw_lock_reader_event(true, 1));
        let _ = (sync.create_semaphore(1, 1), sync.set_clr_sync_manager(&clr.sync_manager()));
        let _ = (crst.enter(WaitOption::NONE), crst.try_enter(WaitOption::NONE));
        let _ = (crst.set_spin_count(1), crst.leave());
        let _ = (self.auto.set(), self.auto.wait(0, WaitOption::NONE));
        let _ = (self.manual.set(), self.manual.reset(), self.manual.wait(0, WaitOption::NONE));
        let _ = (self.semaphore.wait(0, WaitOption::NONE), self.semaphore.release_semaphore(1));
        let owners = clr.sync_manager();
        let _ = (owners.get_monitor_owner(1), owners.create_rw_lock_owner_iterator(1));
        let _ = owners.get_rw_lock_owner_next(iterator);
        let _ = owners.delete_rw_lock_owner_iterator(iterator);

        let pool = host.thread_pool_manager();
        let _ = (pool.queue_user_work_item(WorkItemFlags::NONE, || ()), pool.set_max_threads(1));
        let _ = (pool.get_max_threads(), pool.get_available_threads());
        let _ = (pool.set_min_threads(0), pool.get_min_threads());

        let policies = clr.policy_manager();
        let _ = (policies.set_default_action(0, 2), policies.set_timeout(0, 1));
        let _ = (policies.set_action_on_timeout(0, 3), policies.set_timeout_and_action(0, 1, 3));
        let _ = (policies.set_action_on_failure(0, 1), policies.set_unhandled_exception_policy(0));
        let (of_host, gc) = (host.gc_manager(), clr.gc_manager());
        let _ = (of_host.thread_is_blocking_for_suspension(), of_host.suspension_starting());
        let _ = (of_host.suspension_ending(0), gc.collect(0), gc.get_stats(GcStatTypes::COUNTS));
        let _ = gc.set_gc_startup_limits(4 << 20, 1 << 16);

        let _ = control.get_clr_manager(Interface::ClrTaskManager.iid()).map(drop);
        let _ = control.set_app_domain_manager_type("assembly", "type");
        let _ = (clr.unload_app_domain(7, false), clr.get_current_app_domain_id());
        let action: Arc<dyn ActionOnClrEvent> = Arc::new(Silent);
        let events = clr.on_event_manager();
        let _ = events.register_action_on_event(ClrEvent::ClrDisabled, action.clone());
        let _ = events.unregister_action_on_event(ClrEvent::ClrDisabled, &action);
        let _ = (debug.begin_connection(1, Some("a")), debug.set_connection_tasks(1, &[]));
        let _ = debug.end_connection(1);
        if starts {
            let _ = clr.start();
        }
        let manager = host.get_host_manager(Interface::HostTaskManager.iid());
        assert_eq!(manager.err(), Some(HResult::HOST_E_CLRNOTAVAILABLE));
        let _ = tasks.reverse_leave_runtime();
        let _ = (half.exit_task(), half.switch_in(sortie::hosting::CarrierHandle(1)));
    }

    /// That each of these calls was refused as it has to be.
    fn check(&self, starts: bool) {
        let calls = std::mem::take(&mut *self.calls.0.lock().unwrap());
        for (method, result) in &calls {
            // Its page allows nothing but `S_OK` and `E_FAIL`.
            let own_codes = method.to_string() == "IHostTask::Start";
            assert!(
                own_codes || *result == HResult::HOST_E_CLRNOTAVAILABLE,
                "{method}: {result:?}"
            );
        }
        let called: HashSet<Method> = calls.into_iter().map(|(method, _)| method).collect();
        let not_called = Interface::ALL.iter().flat_map(|of| of.methods());
        let not_called: Vec<_> =
            not_called.filter(|method| !called.contains(method)).map(|it| it.to_string()).collect();
        // What the runtime calls; what has codes of its own by the rule; what makes it available again.
        let mut expected = vec![
            "IHostPolicyManager::OnDefaultAction",
            "IHostPolicyManager::OnTimeout",
            "IHostPolicyManager::OnFailure",
            "IHostControl::GetHostManager",
            "IHostControl::SetAppDomainManager",
            "ICLRRuntimeHost::Start",
            "ICLRRuntimeHost::Stop",
            "ICLRRuntimeHost::SetHostControl",
            "ICLRRuntimeHost::GetCLRControl",
            "IActionOnCLREvent::OnEvent",
        ];
        expected.retain(|name| !starts || *name != "ICLRRuntimeHost::Start");
        assert_eq!(not_called, expected);
    }
}

fn on_thread(body: impl FnOnce() + Send + 'static) {
    thread::spawn(body).join().unwrap();
}

#[test]
fn each_method_of_a_stopped_runtime_says_so_and_what_closes_has_closed() {
    let stage = Stage::new();
    on_thread(move || {
        let (half, iterator) = stage.open();
        assert_eq!(stage.clr.stop(), HResult::S_OK);
        stage.calls.0.lock().unwrap().clear();
        stage.call_all(&half, iterator, false);
        stage.check(false);

        assert_eq!(stage.clr.start(), HResult::S_OK);
        let tasks = stage.host.task_manager();
        assert_eq!(tasks.reverse_leave_runtime(), HResult::HOST_E_NOT_OWNER);
        assert_eq!(tasks.end_delay_abort(), HResult::E_UNEXPECTED);
        assert_eq!(tasks.end_thread_affinity(), HResult::E_UNEXPECTED);
        assert_eq!(stage.crst.leave(), HResult::HOST_E_NOT_OWNER);
        assert_eq!(half.exit_task(), HResult::HOST_E_INVALIDOPERATION, "it has exited");
        assert_eq!(stage.clr.sync_manager().get_rw_lock_owner_next(iterator), Ok(None));
        assert_eq!(stage.auto.wait(0, WaitOption::NONE), HResult::HOST_E_TIMEOUT, "it was not set");
    });
}

#[test]
fn each_method_of_a_disabled_runtime_says_so() {
    let stage = Stage::new();
    on_thread(move || {
        let (half, iterator) = stage.open();
        let (fatal, disable) = (ClrFailure::FatalRuntime, PolicyAction::DisableRuntime);
        let policies = stage.clr.policy_manager();
        let set = policies.set_action_on_failure(fatal.number(), disable.number());
        assert_eq!(set, HResult::S_OK);
        assert_eq!(stage.clr.report_failure(fatal), Err(HResult::E_FAIL));
        stage.calls.0.lock().unwrap().clear();
        stage.call_all(&half, iterator, true);
        stage.check(true);
    });
}
