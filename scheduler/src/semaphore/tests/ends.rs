//! Waits that end early: aborts, shutdowns, and runtimes that leave tasks behind.

use super::*;

#[test]
fn an_aborted_waiter_leaves_the_line() {
    each(|runtime| {
        let semaphore = leak(1);
        semaphore.acquire().forget();
        let (first, to_abort) = queue(runtime, semaphore, || unreachable!("aborted"));
        let (second, _second) = queue(runtime, semaphore, || semaphore.release());
        to_abort.abort();
        assert!(first.join().unwrap_err().is_aborted());
        assert_eq!((semaphore.waiting(), semaphore.in_use()), (1, 1));
        semaphore.release();
        second.join().unwrap();
        is_unused(semaphore);
    });
}

#[test]
fn an_aborted_waiter_passes_on_what_it_was_handed() {
    each(|runtime| {
        let semaphore = leak(1);
        semaphore.acquire().forget();
        let (first, to_abort) = queue(runtime, semaphore, || semaphore.release());
        let (second, _second) = queue(runtime, semaphore, || semaphore.release());
        // Handed the permit, and aborted before or while it goes on.
        semaphore.release();
        to_abort.abort();
        let _ = first.join();
        second.join().unwrap();
        is_unused(semaphore);
    });
    // One worker, kept busy: the first is aborted between the hand-over and its next step.
    let runtime = start(1, false);
    let semaphore = leak(1);
    semaphore.acquire().forget();
    let (first, to_abort) = queue(&runtime, semaphore, || unreachable!("aborted"));
    let (second, _second) = queue(&runtime, semaphore, || semaphore.release());
    let busy = runtime.spawn(move || {
        semaphore.release();
        assert_eq!((semaphore.in_use(), semaphore.waiting()), (1, 1));
        to_abort.abort();
    });
    busy.join().unwrap();
    assert!(first.join().unwrap_err().is_aborted());
    second.join().unwrap();
    is_unused(semaphore);
    end(&runtime);
}

#[test]
fn a_shutdown_takes_its_waiters_out_of_the_line() {
    for workers in WORKERS {
        let [one, two] = [start(workers, false), start(workers % 3 + 1, true)];
        let semaphore = leak(1);
        semaphore.acquire().forget();
        let ending: Vec<_> =
            (0..10).map(|_| queue(&one, semaphore, || unreachable!("aborted"))).collect();
        let other = queue(&two, semaphore, || semaphore.release());
        end(&one);
        for (task, _) in ending {
            assert!(task.join().unwrap_err().is_aborted());
        }
        assert_eq!((semaphore.waiting(), semaphore.in_use()), (1, 1));
        semaphore.release();
        other.0.join().unwrap();
        is_unused(semaphore);
        end(&two);
    }
}

#[test]
fn a_runtime_that_leaves_tasks_behind_keeps_no_permit() {
    for migrating in [false, true] {
        let [one, two] = [start(1, migrating), start(1, false)];
        let semaphore = leak(1);
        semaphore.acquire().forget();
        // Two that will never go on: one was handed the permit by then, the other waits.
        let handed = queue(&one, semaphore, || unreachable!("its runtime has ended"));
        let waiting = queue(&one, semaphore, || unreachable!("its runtime has ended"));
        let go_on = Arc::new(AtomicBool::new(false));
        let (tell, told) = channel();
        let straggler = {
            let go_on = go_on.clone();
            one.spawn(move || {
                semaphore.release();
                tell.send(()).unwrap();
                // ORDERING: Relaxed, a flag.
                while !go_on.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        };
        told.recv().unwrap();
        assert_eq!((semaphore.in_use(), semaphore.waiting()), (1, 1));
        let patient = queue(&two, semaphore, || semaphore.release());
        let report = one.shutdown(Duration::ZERO).unwrap();
        assert_eq!(report.stragglers().len(), 3, "{report}");
        semaphore.reclaim();
        patient.0.join().unwrap();
        is_unused(semaphore);
        go_on.store(true, Ordering::Relaxed);
        straggler.join().unwrap();
        drop((handed, waiting));
        end(&two);
    }
}
