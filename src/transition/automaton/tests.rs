//! The automaton by itself. Here: traces step by step, ends, limits, messages. Beside: the table
//! walked exhaustively, random walks against a naive model, the grammar of whole words, and layers that
//! nobody closes.

use super::super::error::TransitionError;
use super::super::layer::{Event, Layer};
use super::{Layers, Leaked, ReverseEntered};

mod abandoned;
mod grammar;
mod random;
mod table;

const C1: usize = 0xc1;
const C2: usize = 0xc2;
const X1: usize = 0xe1;

/// Any of the four events, with a return value that two implementations can be compared by: the
/// layer popped by `enter`, or gone back to by `reverse_leave`.
fn apply(
    layers: &mut Layers,
    event: Event,
    target: usize,
) -> Result<Option<Layer>, TransitionError> {
    match event {
        Event::Leave => layers.leave(target).map(|()| None),
        Event::Enter => layers.enter().map(Some),
        Event::ReverseEnter => layers.reverse_enter().map(|done| match done {
            ReverseEntered::Unhooked { target } => Some(Layer::Unhooked { target }),
            ReverseEntered::Nested | ReverseEntered::Renewed => None,
        }),
        Event::ReverseLeave => layers.reverse_leave().map(Some),
    }
}

/// All that can be seen of a stack and may not change when an event fails.
fn seen(layers: &Layers) -> (Vec<Layer>, Option<usize>, u64, u64) {
    (layers.to_vec(), layers.unhooked(), layers.renewals(), layers.leaked_layers())
}

fn not_owner(event: Event, found: Layer) -> TransitionError {
    TransitionError::NotOwner { event, found: Some(found) }
}

/// `R0 U(0) R U(2) R ...`, `depth` layers high.
fn tower(depth: usize) -> Layers {
    let mut layers = Layers::managed();
    while layers.depth() < depth {
        if layers.top_is_native() {
            assert_eq!(layers.reverse_enter(), Ok(ReverseEntered::Nested));
        } else {
            assert_eq!(layers.leave(layers.depth() - 1), Ok(()));
        }
    }
    layers
}

#[test]
fn managed_calls_native_calls_managed_calls_native() {
    use Event::{Enter, Leave, ReverseEnter, ReverseLeave};
    let (c1, c2) = (Layer::Native { target: C1 }, Layer::Native { target: C2 });
    let trace = [
        (Leave, C1, None, "R0 U(0xc1)", 1),
        (ReverseEnter, 0, None, "R0 U(0xc1) R", 1),
        (Leave, C2, None, "R0 U(0xc1) R U(0xc2)", 2),
        (Enter, 0, Some(c2), "R0 U(0xc1) R", 1),
        (ReverseLeave, 0, Some(c1), "R0 U(0xc1)", 1),
        (Enter, 0, Some(c1), "R0", 0),
    ];
    let mut layers = Layers::managed();
    assert_eq!((layers.to_string().as_str(), layers.depth()), ("R0", 1));
    for (event, target, answer, after, native) in trace {
        assert_eq!(apply(&mut layers, event, target), Ok(answer), "{event}");
        assert_eq!(layers.to_string(), after, "{event}");
        assert_eq!(layers.native_depth(), native, "{event}");
        assert_eq!(layers.depth(), after.split(' ').count(), "{event}");
        // Each layer can be named at any step, the innermost first.
        let targets: Vec<_> = layers.iter().rev().filter_map(Layer::target).collect();
        assert_eq!(targets, [C2, C1][2 - native..], "{event}");
    }
    assert!(Event::ALL.iter().all(|&event| layers.unbalanced(event) == 0));
    assert_eq!(layers.renewals(), 0);
}

#[test]
fn native_calls_managed_calls_native() {
    use Event::{Enter, Leave, ReverseEnter, ReverseLeave};
    let c1 = Layer::Native { target: C1 };
    let trace = [
        (ReverseEnter, 0, None, "U0 R", 1),
        (Leave, C1, None, "U0 R U(0xc1)", 2),
        (Enter, 0, Some(c1), "U0 R", 1),
        (ReverseLeave, 0, Some(Layer::NativeBase), "U0", 1),
    ];
    let mut layers = Layers::native();
    assert_eq!((layers.to_string().as_str(), layers.native_depth()), ("U0", 1));
    for (event, target, answer, after, native) in trace {
        assert_eq!(apply(&mut layers, event, target), Ok(answer), "{event}");
        assert_eq!(layers.to_string(), after, "{event}");
        assert_eq!(layers.native_depth(), native, "{event}");
    }
}

#[test]
fn callbacks_that_never_leave_are_renewals() {
    let mut layers = Layers::native();
    assert_eq!(layers.reverse_enter(), Ok(ReverseEntered::Nested));
    for renewals in 1..=3 {
        assert_eq!(layers.reverse_enter(), Ok(ReverseEntered::Renewed));
        assert_eq!((layers.depth(), layers.renewals()), (2, renewals));
    }
    layers.set_strict(true);
    assert_eq!(layers.reverse_enter(), Err(not_owner(Event::ReverseEnter, Layer::Managed)));
    assert_eq!((layers.depth(), layers.renewals()), (2, 3));
    assert_eq!(layers.unbalanced(Event::ReverseEnter), 1);
}

#[test]
fn a_callback_saves_clears_and_restores_the_marker() {
    let mut layers = Layers::managed();
    assert_eq!(layers.set_unhooked(X1), None);
    assert_eq!(layers.reverse_enter(), Ok(ReverseEntered::Unhooked { target: X1 }));
    assert_eq!(layers.to_string(), "R0 Ux(0xe1) R");
    // The callback is no unannounced call: another one is misuse, until it makes its own.
    assert_eq!(layers.unhooked(), None);
    assert_eq!(layers.reverse_enter(), Err(not_owner(Event::ReverseEnter, Layer::Managed)));
    // Address 0 is a target like any other.
    let outer = layers.set_unhooked(0);
    assert_eq!(layers.reverse_enter(), Ok(ReverseEntered::Unhooked { target: 0 }));
    assert_eq!(layers.to_string(), "R0 Ux(0xe1) R Ux(0x0) R");
    assert_eq!(layers.native_depth(), 2);
    assert_eq!(layers.reverse_leave(), Ok(Layer::Unhooked { target: 0 }));
    assert_eq!((layers.to_string(), layers.unhooked()), ("R0 Ux(0xe1) R".into(), Some(0)));
    layers.restore_unhooked(outer);
    assert_eq!(layers.reverse_leave(), Ok(Layer::Unhooked { target: X1 }));
    assert_eq!((layers.to_string(), layers.unhooked()), ("R0".into(), Some(X1)));
    layers.clear_unhooked();
    assert_eq!(layers.unhooked(), None);
}

#[test]
fn an_unannounced_call_within_another_restores_the_outer_one() {
    let mut layers = Layers::managed();
    assert_eq!(layers.set_unhooked(X1), None);
    let outer = layers.set_unhooked(C1);
    assert_eq!(outer, Some(X1));
    layers.restore_unhooked(outer);
    assert_eq!(layers.unhooked(), Some(X1));
}

#[test]
fn clean_ends() {
    let clean = |top| Leaked { count: 0, top };
    assert_eq!(Layers::managed().end(), clean(Layer::ManagedBase));
    assert_eq!(Layers::native().end(), clean(Layer::NativeBase));
    let mut layers = Layers::native();
    assert_eq!(layers.reverse_enter(), Ok(ReverseEntered::Nested));
    assert_eq!(layers.end(), clean(Layer::Managed));
    assert_eq!((layers.to_string().as_str(), layers.leaked_layers()), ("U0", 0));
}

#[test]
fn unbalanced_ends_are_counted_and_leave_the_base() {
    // From the first layer to some that need memory.
    for depth in 2..=9 {
        let mut layers = tower(depth);
        layers.set_unhooked(X1);
        let leaked = Leaked { count: depth - 1, top: layers.top() };
        assert_eq!(layers.end(), leaked);
        assert_eq!(seen(&layers), (vec![Layer::ManagedBase], None, 0, depth as u64 - 1));
        // The value serves the next task; its counters go on.
        assert_eq!(layers.leave(C1), Ok(()));
        assert_eq!(layers.end().count, 1);
        assert_eq!(layers.leaked_layers(), depth as u64);
    }

    let mut layers = Layers::native();
    assert_eq!(layers.reverse_enter(), Ok(ReverseEntered::Nested));
    assert_eq!(layers.leave(C1), Ok(()));
    let top = Layer::Native { target: C1 };
    assert_eq!(layers.end(), Leaked { count: 2, top });
    assert_eq!((layers.to_string().as_str(), layers.leaked_layers()), ("U0", 2));

    // Like `U0 R` in depth and kind of top, but not a clean end.
    let mut layers = Layers::managed();
    layers.set_unhooked(X1);
    assert!(layers.reverse_enter().is_ok());
    assert_eq!(layers.end(), Leaked { count: 2, top: Layer::Managed });
    assert_eq!((layers.to_string().as_str(), layers.unhooked()), ("R0", None));
}

#[test]
fn the_depth_limit_refuses_and_changes_nothing() {
    for limit in [0, 5, 6, 7, 8, 40] {
        let allowed = limit.max(Layers::MIN_DEPTH_LIMIT);
        let mut layers = tower(allowed);
        layers.set_depth_limit(limit);
        let full = Err(TransitionError::OutOfMemory { depth: allowed });
        let event = if layers.top_is_native() { Event::ReverseEnter } else { Event::Leave };
        for marker in [None, Some(X1)] {
            layers.restore_unhooked(marker);
            let before = seen(&layers);
            assert_eq!(layers.prepare(event), full, "limit {limit}");
            assert_eq!(apply(&mut layers, event, C1), full.map(|()| None), "limit {limit}");
            assert_eq!(seen(&layers), before, "limit {limit}");
            assert_eq!(layers.unbalanced(event), 0, "no room is not misuse");
        }
        // The wrong layer is found before the lack of memory, and denial before it too.
        let other = match event {
            Event::Leave => Event::Enter,
            _ => Event::Leave,
        };
        assert_eq!(apply(&mut layers, other, C1), Err(not_owner(other, layers.top())));
        if event == Event::Leave {
            assert_eq!(layers.leave_denied(C1), TransitionError::Denied { target: C1 });
        }
        // One more layer, and not two.
        layers.set_depth_limit(allowed + 1);
        assert!(apply(&mut layers, event, C1).is_ok());
        assert_eq!(layers.depth(), allowed + 1);
    }
}

#[test]
fn an_unhooked_layer_and_its_callback_fit_together_or_not_at_all() {
    // The odd depths have managed code on top.
    for depth in [3, 5, 7, 21] {
        let mut layers = tower(depth);
        layers.set_unhooked(X1);
        layers.set_depth_limit(depth + 1);
        let before = seen(&layers);
        if depth + 2 > Layers::MIN_DEPTH_LIMIT {
            let full = TransitionError::OutOfMemory { depth };
            assert_eq!(layers.prepare(Event::ReverseEnter), Err(full));
            assert_eq!(layers.reverse_enter(), Err(full));
            assert_eq!(seen(&layers), before);
            assert_eq!(layers.iter().len(), depth);
            layers.set_depth_limit(depth + 2);
        }
        assert!(layers.reverse_enter().is_ok());
        assert_eq!(layers.depth(), depth + 2);
        assert_eq!(layers.reverse_leave(), Ok(Layer::Unhooked { target: X1 }));
        assert_eq!(seen(&layers), before);
    }
}

#[test]
fn a_deep_stack_comes_back_layer_by_layer() {
    let depth = Layers::DEFAULT_DEPTH_LIMIT;
    let mut layers = tower(depth);
    assert_eq!(layers.native_depth(), depth / 2);
    assert_eq!(layers.reverse_enter(), Err(TransitionError::OutOfMemory { depth }));
    while layers.depth() > 1 {
        let target = (layers.depth() - 1) / 2 * 2;
        if layers.top_is_native() {
            assert_eq!(layers.enter(), Ok(Layer::Native { target }));
        } else {
            let target = target - 2;
            assert_eq!(layers.reverse_leave(), Ok(Layer::Native { target }));
        }
    }
    assert_eq!(layers.to_vec(), [Layer::ManagedBase]);
}

#[test]
fn a_prepared_event_has_changed_nothing_yet_and_cannot_fail() {
    for depth in 1..=9 {
        for event in Event::ALL {
            for marker in [None, Some(X1)] {
                let mut layers = tower(depth);
                layers.restore_unhooked(marker);
                let before = seen(&layers);
                let mut unprepared = layers.clone();
                let prepared = layers.prepare(event);
                assert_eq!(seen(&layers), before);
                let answer = apply(&mut unprepared, event, C1);
                assert_eq!(prepared, answer.map(|_| ()), "{event} on {before:?}");
                assert_eq!(layers.unbalanced(event), unprepared.unbalanced(event));
                if prepared.is_ok() {
                    assert_eq!(apply(&mut layers, event, C1), answer);
                    assert_eq!(seen(&layers), seen(&unprepared));
                }
            }
        }
    }
}

#[test]
fn messages_say_what_was_expected_and_what_to_do() {
    let text = |error: TransitionError| error.to_string();
    assert_eq!(
        text(not_owner(Event::Leave, Layer::Native { target: C1 })),
        "`leave` expects managed code, and the innermost layer of the task is U(0xc1); call \
         `enter` first if the native call has returned, or `reverse_enter` if it calls back"
    );
    assert_eq!(
        text(not_owner(Event::Enter, Layer::ManagedBase)),
        "`enter` expects native code that was called with `leave`, and the innermost layer of the \
         task is R0; call `leave` before the native call, or remove this `enter`"
    );
    let found = None;
    let event = Event::ReverseLeave;
    assert!(text(TransitionError::NotOwner { event, found }).contains("carries none"));
    assert!(text(TransitionError::OutOfMemory { depth: 7 }).contains("the 7 of this task"));
    assert!(text(TransitionError::Denied { target: C2 }).contains("0xc2"));
    assert!(!text(TransitionError::Denied { target: 0 }).contains("0x0"));
    let debug = format!("{:?}", tower(3));
    assert!(debug.contains("layers: R0 U(0x0) R"), "{debug}");
}
