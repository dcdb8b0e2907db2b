//! Each wrong transition returns the error that the table says, changes nothing, and says what to do.

use sortie::native::{self, Target};
use sortie::transition::{
    self, Event, Layer, TransitionError, enter, layers, leave, reverse_enter, reverse_leave,
};
use sortie_test::each;

const TARGET: usize = 0x5017;

/// Calls `event`, which must be refused because of `found`, and change nothing.
#[track_caller]
fn refused(event: Event, found: Layer, words: &str) {
    let before = layers();
    let result = match event {
        Event::Leave => leave(TARGET),
        Event::Enter => enter(),
        Event::ReverseEnter => reverse_enter(),
        Event::ReverseLeave => reverse_leave(),
    };
    let error = result.unwrap_err();
    let found = Some(found);
    assert_eq!(error, TransitionError::NotOwner { event, found });
    let text = error.to_string();
    assert!(text.starts_with(&format!("`{event}` expects ")), "{text}");
    assert!(text.contains(words), "{words:?} is missing in {text:?}");
    assert_eq!(layers(), before);
}

#[test]
fn in_managed_code_at_the_base() {
    each(|runtime| {
        runtime.run(|| {
            let top = Layer::ManagedBase;
            refused(Event::Enter, top, "call `leave` before the native call");
            refused(Event::ReverseEnter, top, "call `leave` before the native call");
            refused(Event::ReverseLeave, top, "call `reverse_enter` when the callback starts");
            sortie::yield_now();
            assert_eq!(layers(), [top]);
        });
    });
}

#[test]
fn in_native_code() {
    each(|runtime| {
        runtime.run(|| {
            let top = Layer::Native { target: TARGET };
            leave(TARGET).unwrap();
            refused(Event::Leave, top, "call `enter` first if the native call has returned");
            refused(Event::ReverseLeave, top, "close the native call with `enter` first");
            enter().unwrap();
            assert_eq!(layers(), [Layer::ManagedBase]);
        });
    });
}

#[test]
fn in_a_callback() {
    each(|runtime| {
        runtime.run(|| {
            leave(TARGET).unwrap();
            reverse_enter().unwrap();
            refused(Event::Enter, Layer::Managed, "close the callback with `reverse_leave` first");
            refused(Event::ReverseEnter, Layer::Managed, "call `leave` before the native call");
            sortie::yield_now();
            reverse_leave().unwrap();
            enter().unwrap();
            assert_eq!(layers(), [Layer::ManagedBase]);
        });
    });
}

#[test]
fn on_a_thread_without_a_task() {
    each(|_runtime| {
        type Call = fn() -> Result<(), TransitionError>;
        let calls: [(Event, Call); 4] = [
            (Event::Leave, || leave(TARGET)),
            (Event::Enter, enter),
            (Event::ReverseEnter, reverse_enter),
            (Event::ReverseLeave, reverse_leave),
        ];
        for (event, call) in calls {
            let error = call().unwrap_err();
            let found = None;
            assert_eq!(error, TransitionError::NotOwner { event, found });
            let text = error.to_string();
            assert!(text.contains("this thread carries none"), "{text}");
            assert!(text.contains("attach this thread"), "{text}");
        }
    });
}

#[test]
fn on_an_attached_thread() {
    each(|runtime| {
        let handle = runtime.handle();
        std::thread::spawn(move || {
            handle.reverse_enter().unwrap();
            assert_eq!(layers(), [Layer::NativeBase, Layer::Managed]);
            refused(Event::Enter, Layer::Managed, "close the callback");
            reverse_leave().unwrap();
            refused(Event::Leave, Layer::NativeBase, "call `reverse_enter` first");
            refused(Event::Enter, Layer::NativeBase, "use `reverse_enter`");
            refused(Event::ReverseLeave, Layer::NativeBase, "call `reverse_enter` when");
            // A renewal: entered again without having left.
            reverse_enter().unwrap();
            reverse_enter().unwrap();
            assert_eq!(layers(), [Layer::NativeBase, Layer::Managed]);
            reverse_leave().unwrap();
        })
        .join()
        .unwrap();
    });
}

#[test]
fn layers_left_open_are_closed_at_the_end_of_the_task() {
    each(|runtime| {
        let leak: [fn(); 4] = [
            || leave(TARGET).unwrap(),
            || {
                leave(TARGET).unwrap();
                reverse_enter().unwrap();
            },
            || {
                leave(TARGET).unwrap();
                reverse_enter().unwrap();
                leave(TARGET + 1).unwrap();
                sortie_natives::nanosleep(300_000);
            },
            || {
                leave(TARGET).unwrap();
                panic!("in native code");
            },
        ];
        for _ in 0..5 {
            let tasks = leak.map(|leak| runtime.spawn(leak));
            for (n, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.join().is_err(), n == 3);
            }
        }
        // All workers are there still.
        let workers = runtime.case.workers;
        runtime.run(move || {
            assert_eq!(layers(), [Layer::ManagedBase]);
            let tasks: Vec<_> =
                (0..4 * workers).map(|_| sortie::spawn(sortie::yield_now)).collect();
            tasks.into_iter().for_each(|task| task.join().unwrap());
        });
    });
}

#[test]
fn a_raw_leave_in_a_native_call_is_refused_and_the_call_goes_on() {
    static CALL: Target = Target::named("a call");
    each(|runtime| {
        let answer = runtime.run(|| {
            native::call_here(&CALL, || {
                assert!(transition::leave(TARGET).is_err());
                5
            })
        });
        assert_eq!(answer, 5);
    });
}
