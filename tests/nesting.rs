//! Managed and native code call each other twenty levels deep, and every layer ends in turn.

use sortie::native::{self, Target};
use sortie::transition::{self, Layer};
use sortie_natives::{with_callback, with_callback_between};
use sortie_test::{each, panic_text};

static CALL_BACK: Target = Target::named("natives_call_back");
const DEPTH: i32 = 20;

fn descend(depth: i32, at_the_bottom: &(dyn Fn() -> i32 + Sync)) -> i32 {
    if depth == 0 {
        return at_the_bottom();
    }
    native::call_here(&CALL_BACK, || {
        with_callback(1, |_| {
            native::callback(-1, || {
                let below = descend(depth - 1, at_the_bottom);
                if depth % 5 == 0 {
                    sortie::yield_now();
                }
                let layers = transition::layers().len() as i32;
                assert_eq!(layers, 1 + 2 * (DEPTH - depth + 1));
                below + 1
            })
        })
    })
}

#[test]
fn values_come_up_again() {
    each(|runtime| {
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                runtime.spawn(|| {
                    let sum = descend(DEPTH, &|| {
                        let layers = transition::layers();
                        assert_eq!(layers.len() as i32, 1 + 2 * DEPTH);
                        assert_eq!(layers[0], Layer::ManagedBase);
                        assert!(layers[1..].chunks(2).all(|pair| {
                            matches!(pair, [Layer::Native { .. }, Layer::Managed])
                        }));
                        sortie::sleep(std::time::Duration::from_micros(100));
                        sortie::spawn(|| 1000).join().unwrap()
                    });
                    assert_eq!(transition::layers(), [Layer::ManagedBase]);
                    sum
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.join().unwrap(), 1000 + DEPTH);
        }
    });
}

#[test]
fn a_panic_comes_up_through_all_of_them() {
    each(|runtime| {
        runtime.run(|| {
            let text = panic_text(|| descend(DEPTH, &|| panic!("from the bottom")));
            assert_eq!(text, "from the bottom");
            assert_eq!(transition::layers(), [Layer::ManagedBase]);
        });
    });
}

#[test]
fn nested_calls_block_at_every_level() {
    fn descend(depth: i32) -> i32 {
        if depth == 0 {
            return 0;
        }
        native::call_here(&CALL_BACK, || {
            with_callback_between(100_000, |_| native::callback(-1, || descend(depth - 1) + 1))
        })
    }
    each(|runtime| {
        let tasks: Vec<_> = (0..8).map(|_| runtime.spawn(|| descend(5))).collect();
        for task in tasks {
            assert_eq!(task.join().unwrap(), 5);
        }
    });
}
