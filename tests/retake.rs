//! A task in native code stalls nobody: its worker serves those who wait.

use sortie::native::{self, Target};
use sortie_natives::Gate;
use sortie_test::{MODES, Mode, each, each_of, until};
use std::sync::Arc;
use std::time::{Duration, Instant};

static NATIVE: Target = Target::named("natives_gate_wait");
static NANOSLEEP: Target = Target::named("natives_nanosleep");

#[test]
fn one_worker_goes_past_sixty_four_blocked_calls() {
    each_of(&[1, 2], &MODES, |runtime| {
        let gate = Arc::new(Gate::new());
        let blocked: Vec<_> = (0..64)
            .map(|_| {
                let gate = gate.clone();
                runtime.spawn(move || native::call(&NATIVE, || gate.wait()))
            })
            .collect();
        // All get in, one after the other, though none comes out.
        until("all are inside", || gate.inside() == 64);
        let ticks =
            runtime.run(|| (0..100).map(|_| sortie::sleep(Duration::from_micros(100))).count());
        assert_eq!(ticks, 100);
        let at_rest = runtime.snapshot();
        assert!(at_rest.retakes + at_rest.hand_offs + at_rest.workers as u64 >= 64, "{at_rest:?}");
        assert!(at_rest.carriers > 64, "{at_rest:?}");
        gate.open();
        blocked.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn a_thousand_sleeps_in_c_take_no_longer_than_a_few() {
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 200 });
    each_of(&[2], &[Mode::Migrating, Mode::Pinned], |runtime| {
        // The carriers' start is the machine's time, so the better of two.
        let best = (0..2)
            .map(|_| {
                let start = Instant::now();
                let tasks: Vec<_> = (0..1_000)
                    .map(|_| {
                        runtime.spawn(|| {
                            native::call(&NANOSLEEP, || sortie_natives::nanosleep(10_000_000))
                        })
                    })
                    .collect();
                tasks.into_iter().for_each(|task| task.join().unwrap());
                start.elapsed()
            })
            .min();
        assert!(best.unwrap() < limit, "{best:?}");
    });
}

#[test]
fn nothing_is_taken_that_nobody_needs() {
    each(|runtime| {
        runtime.run(|| {
            for _ in 0..5 {
                native::call(&NANOSLEEP, || sortie_natives::nanosleep(2_000_000));
            }
        });
        assert_eq!(runtime.snapshot().retakes, 0);
    });
}

#[test]
fn a_pipe_is_read_by_many_and_written_by_one() {
    static READ: Target = Target::named("natives_read_byte");
    each(|runtime| {
        let mut ends = [0; 2];
        // SAFETY: room for two descriptors.
        assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
        let [from, to] = ends;
        let readers: Vec<_> = (0..16)
            .map(|_| runtime.spawn(move || native::call(&READ, || sortie_natives::read_byte(from))))
            .collect();
        let writer = runtime.spawn(move || {
            for byte in 1..=16u8 {
                sortie::yield_now();
                // SAFETY: one byte.
                let count = unsafe { libc::write(to, (&raw const byte).cast(), 1) };
                assert_eq!(count, 1);
            }
        });
        writer.join().unwrap();
        let sum: i32 = readers.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(sum, 16 * 17 / 2);
        for end in ends {
            // SAFETY: our own descriptor, which nobody uses any more.
            unsafe { libc::close(end) };
        }
    });
}
