//! No more tasks than the policy says are in a native function at once, and the others take no thread.

use sortie::native::{self, Policy, Target, policy};
use sortie::time::timeout;
use sortie_natives::Gate;
use sortie_test::{Mode, Running, each, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

static FEW: Target = Target::named("few").with_policy(Policy::new().max_concurrent(3));

#[test]
fn tasks_queue_and_threads_do_not() {
    each(|runtime| {
        let inside = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..60)
            .map(|_| {
                let (inside, most) = (inside.clone(), most.clone());
                runtime.spawn(move || {
                    native::call(&FEW, || {
                        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        sortie_natives::nanosleep(200_000);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    });
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        let most = most.load(Ordering::SeqCst);
        assert!((1..=3).contains(&most), "{most} at once");
        let snapshot = runtime.snapshot();
        // Workers, three calls, and a spare for each of them.
        assert!(snapshot.carriers_started <= snapshot.workers as u64 + 8, "{snapshot:?}");
    });
}

#[test]
fn a_panic_inside_gives_the_place_back() {
    each(|runtime| {
        let tasks: Vec<_> = (0..20)
            .map(|_| runtime.spawn(|| native::call(&FEW, || std::panic::panic_any(()))))
            .collect();
        for task in tasks {
            assert!(task.join().unwrap_err().is_panic());
        }
        runtime.run(|| native::call(&FEW, || ()));
    });
}

const ONE: Policy = Policy::new().max_concurrent(1);

/// So many tasks that are to be inside until the gate opens.
fn visit(
    runtime: &Running<'_>,
    target: &'static Target,
    gate: &Arc<Gate>,
    count: usize,
) -> Vec<sortie::JoinHandle<()>> {
    let visit = |gate: Arc<Gate>| runtime.spawn(move || native::call_here(target, || gate.wait()));
    (0..count).map(|_| visit(gate.clone())).collect()
}

/// One of three tasks is inside, and the others wait.
fn one_of_three(
    runtime: &Running<'_>,
    target: &'static Target,
    gate: &Arc<Gate>,
) -> Vec<sortie::JoinHandle<()>> {
    let tasks = visit(runtime, target, gate, 3);
    until("one is inside", || gate.inside() == 1);
    // They come one after the other, and each has looked at the limit before the next does.
    runtime.run(sortie::yield_now);
    tasks
}

fn end(gate: &Gate, tasks: Vec<sortie::JoinHandle<()>>) {
    gate.open();
    tasks.into_iter().for_each(|task| task.join().unwrap());
}

#[test]
fn who_waits_goes_by_the_limit_that_is_set_now() {
    static CHANGED: Target = Target::named("changed");
    static BY_DEFAULT: Target = Target::named("changed by default");
    static IN_RANGE: Target = Target::named("changed in a range");
    let here = (libc::getppid as *const ()).addr();
    IN_RANGE.resolve(here, "libc.so.6");
    type Set = Box<dyn Fn(Option<Policy>)>;
    fn by(scope: policy::Scope) -> Set {
        Box::new(move |policy| match policy {
            Some(policy) => scope.set(policy).unwrap(),
            None => assert!(scope.clear()),
        })
    }
    let of_target: Set = Box::new(|policy| match policy {
        Some(policy) => CHANGED.set_policy(policy).unwrap(),
        None => assert!(CHANGED.clear_policy()),
    });
    let ways = [
        (&CHANGED, of_target),
        (&BY_DEFAULT, by(policy::by_default())),
        (&IN_RANGE, by(policy::for_range(here..here + 1))),
        (&IN_RANGE, by(policy::for_address(here))),
    ];
    // One that is pinned would stay behind the call that is on its thread.
    each_of(&[1, 2], &[Mode::Migrating], |runtime| {
        for (target, set) in &ways {
            let target: &'static Target = target;
            set(Some(ONE));
            let gate = Arc::new(Gate::new());
            let tasks = one_of_three(runtime, target, &gate);
            set(Some(Policy::new().max_concurrent(2)));
            until("another is inside", || gate.inside() == 2);
            set(None);
            until("all are inside", || gate.inside() == 3);
            end(&gate, tasks);
        }
    });
}

#[test]
fn who_waits_when_calls_are_refused_is_refused() {
    static REFUSED: Target = Target::named("refused later");
    each_of(&[1, 2], &[Mode::Migrating], |runtime| {
        REFUSED.set_policy(ONE).unwrap();
        let gate = Arc::new(Gate::new());
        let tasks = one_of_three(runtime, &REFUSED, &gate);
        REFUSED.set_policy(Policy::new().deny()).unwrap();
        until("two have ended", || tasks.iter().filter(|task| task.is_finished()).count() == 2);
        gate.open();
        let refused = tasks.into_iter().filter_map(|task| task.join().err());
        let texts: Vec<_> = refused.map(|error| error.to_string()).collect();
        assert_eq!(texts.len(), 2);
        assert!(texts.iter().all(|text| text.contains("refused later is not called")), "{texts:?}");
        REFUSED.clear_policy();
    });
}

/// It would wait for itself.
#[test]
fn a_call_from_a_callback_of_the_same_function_goes_with_the_tasks_place() {
    static NESTED: Target = Target::named("nested").with_policy(ONE);
    fn nested(depth: u32, call: fn(&Target, &(dyn Fn() -> u32 + Sync)) -> u32) -> u32 {
        call(&NESTED, &|| {
            native::callback(0, || if depth > 0 { 1 + nested(depth - 1, call) } else { 1 })
        })
    }
    each(|runtime| {
        for call in [
            (|target, f| native::call_here(target, f))
                as fn(&Target, &(dyn Fn() -> u32 + Sync)) -> u32,
            |target, f| native::call(target, f),
            |target, f| native::offload(target, f),
        ] {
            let tasks: Vec<_> = (0..3).map(|_| runtime.spawn(move || nested(3, call))).collect();
            tasks.into_iter().for_each(|task| assert_eq!(task.join().unwrap(), 4));
        }
    });
}

#[test]
fn who_gives_up_in_the_line_leaves_the_place_to_others() {
    static LEFT: Target = Target::named("left").with_policy(ONE);
    each(|runtime| {
        let gate = Arc::new(Gate::new());
        let first = visit(runtime, &LEFT, &gate, 1);
        until("one is inside", || gate.inside() == 1);
        let aborted: Vec<_> =
            (0..4).map(|_| runtime.spawn(|| native::call(&LEFT, || ()))).collect();
        let late: Vec<_> = (0..4)
            .map(|_| {
                let call = || native::call(&LEFT, || ());
                runtime.spawn(move || timeout(Duration::from_millis(1), call).is_err())
            })
            .collect();
        aborted.iter().for_each(|task| {
            task.abort();
        });
        for task in aborted {
            assert!(task.join().unwrap_err().is_aborted());
        }
        for task in late {
            assert!(task.join().unwrap(), "the time limit ends the wait");
        }
        end(&gate, first);
        runtime.run(|| native::call(&LEFT, || ()));
    });
}
