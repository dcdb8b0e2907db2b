//! Layers that a jump has left.

use super::{C1, C2, Layer, Layers, ReverseEntered, X1};

#[test]
fn notes_are_found_and_go_with_their_callbacks() {
    let mut layers = Layers::managed();
    assert_eq!(layers.notes().next_back(), None);
    layers.leave(C1).unwrap();
    assert_eq!(layers.notes().next_back(), None);
    for note in 1..=20 {
        assert_eq!(layers.reverse_enter_noting(note), Ok(ReverseEntered::Nested));
        assert_eq!(layers.notes().next_back(), Some(note));
        layers.leave(C2).unwrap();
        assert_eq!(layers.notes().next_back(), Some(note), "the one below a native layer");
    }
    assert!(layers.notes().eq(1..=20));
    for note in (1..=20).rev() {
        assert_eq!(layers.abandon(), Some((Layer::Native { target: C2 }, 0)));
        assert_eq!(layers.abandon(), Some((Layer::Managed, note)));
    }
    assert_eq!(layers.leaked_layers(), 40);
    assert_eq!(layers.to_vec(), [Layer::ManagedBase, Layer::Native { target: C1 }]);
    assert_eq!(layers.enter(), Ok(Layer::Native { target: C1 }));
    assert_eq!((layers.abandon(), layers.leaked_layers()), (None, 40), "the base stays");
}

#[test]
fn a_foreign_task_has_its_notes_too() {
    let mut layers = Layers::native();
    assert_eq!((layers.notes().next_back(), layers.notes().count()), (None, 0));
    let _ = layers.reverse_enter_noting(7).unwrap();
    layers.leave(C1).unwrap();
    let _ = layers.reverse_enter_noting(8).unwrap();
    assert!(layers.notes().eq([7, 8]));
}

/// As if the callback had ended: the call that is not announced is under way again.
#[test]
fn the_marker_is_put_back() {
    let mut layers = Layers::managed();
    assert_eq!(layers.set_unhooked(X1), None);
    assert_eq!(layers.reverse_enter_noting(5), Ok(ReverseEntered::Unhooked { target: X1 }));
    assert_eq!((layers.unhooked(), layers.notes().next_back()), (None, Some(5)));
    assert_eq!(layers.abandon(), Some((Layer::Managed, 5)));
    assert_eq!(layers.abandon(), Some((Layer::Unhooked { target: X1 }, 0)));
    assert_eq!(layers.unhooked(), Some(X1));
}

#[test]
fn the_place_of_a_call_tells_which_are_left() {
    let mut layers = Layers::managed();
    for (place, note) in [(900, 1), (0, 2), (700, 3), (500, 4)] {
        layers.leave(C1).unwrap();
        if place > 0 {
            layers.set_place(place);
        }
        let _ = layers.reverse_enter_noting(note).unwrap();
    }
    layers.leave(C2).unwrap();
    layers.set_place(400);
    let found = [400, 401, 500, 501, 700, 701, 900, 901].map(|at| layers.depth_called_from(at));
    let (own, next) = (Some(10), Some(8));
    assert_eq!(found, [own, next, next, Some(6), Some(6), Some(2), Some(2), None]);
}
