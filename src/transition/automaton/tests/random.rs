//! Long random walks, against a model that is as naive as can be: a plain list of layers, and the
//! table read literally over its end.

use super::{Event, Layer, Layers, TransitionError, apply, not_owner};

/// splitmix64: a walk is repeated by its seed alone.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }
}

/// Each layer with the marker that was in force when it was covered by a callback.
struct Model {
    stack: Vec<(Layer, Option<usize>)>,
    marker: Option<usize>,
    strict: bool,
    limit: usize,
    renewals: u64,
    unbalanced: [u64; 4],
    leaked: u64,
}

impl Model {
    fn new(base: Layer, limit: usize) -> Self {
        Self {
            stack: vec![(base, None)],
            marker: None,
            strict: false,
            limit,
            renewals: 0,
            unbalanced: [0; 4],
            leaked: 0,
        }
    }

    fn kinds(&self) -> Vec<Layer> {
        self.stack.iter().map(|&(layer, _)| layer).collect()
    }

    fn room(&self, count: usize) -> Result<(), TransitionError> {
        let depth = self.stack.len();
        if depth + count > self.limit {
            return Err(TransitionError::OutOfMemory { depth });
        }
        Ok(())
    }

    fn cover(&mut self) {
        let end = self.stack.len() - 1;
        self.stack[end].1 = self.marker.take();
        self.stack.push((Layer::Managed, None));
    }

    fn uncover(&mut self) -> Layer {
        self.stack.pop();
        let (layer, marker) = self.stack[self.stack.len() - 1];
        self.marker = marker;
        if matches!(layer, Layer::Unhooked { .. }) {
            self.stack.pop();
        }
        layer
    }

    fn apply(&mut self, event: Event, target: usize) -> Result<Option<Layer>, TransitionError> {
        use Layer::{Managed, ManagedBase, Native, NativeBase};
        let kinds = self.kinds();
        match (event, kinds.as_slice(), self.marker) {
            (Event::Leave, [ManagedBase] | [.., Managed], _) => {
                self.room(1)?;
                self.stack.push((Native { target }, None));
                Ok(None)
            }
            (Event::Enter, [.., top @ Native { .. }], _) => {
                self.stack.pop();
                Ok(Some(*top))
            }
            (Event::ReverseEnter, [NativeBase] | [.., Native { .. }], _) => {
                self.room(1)?;
                self.cover();
                Ok(None)
            }
            (Event::ReverseEnter, [ManagedBase] | [.., Managed], Some(target)) => {
                self.room(2)?;
                self.stack.push((Layer::Unhooked { target }, None));
                self.cover();
                Ok(Some(Layer::Unhooked { target }))
            }
            (Event::ReverseEnter, [NativeBase, Managed], None) if !self.strict => {
                self.renewals += 1;
                Ok(None)
            }
            (Event::ReverseLeave, [.., Managed], _) => Ok(Some(self.uncover())),
            (event, kinds, _) => {
                self.unbalanced[event as usize] += 1;
                Err(not_owner(event, kinds[kinds.len() - 1]))
            }
        }
    }

    fn end(&mut self) -> usize {
        let count = match self.kinds().as_slice() {
            [_] | [Layer::NativeBase, Layer::Managed] => 0,
            stack => stack.len() - 1,
        };
        self.leaked += count as u64;
        self.stack.truncate(1);
        self.marker = None;
        count
    }
}

fn walk(seed: u64, base: Layer, steps: usize) -> usize {
    let mut dice = Dice(seed);
    let limit = Layers::MIN_DEPTH_LIMIT + dice.below(40) as usize;
    let mut layers = match base {
        Layer::ManagedBase => Layers::managed(),
        _ => Layers::native(),
    };
    layers.set_depth_limit(limit);
    let mut model = Model::new(base, limit);
    let mut deepest = 0;
    // Changes of direction are rare, so that a walk sees both ends: the base and the limit.
    let mut deeper = true;
    for step in 0..steps {
        let at = || format!("seed {seed:#x}, base {base}, step {step}");
        if dice.below(60) == 0 {
            deeper = !deeper;
        }
        let target = dice.below(8) as usize;
        match dice.below(40) {
            0 => {
                let strict = dice.below(2) == 0;
                layers.set_strict(strict);
                model.strict = strict;
            }
            1..=4 => assert_eq!(layers.set_unhooked(target), model.marker.replace(target)),
            5 => {
                layers.clear_unhooked();
                model.marker = None;
            }
            6 => {
                let event = Event::ALL[dice.below(4) as usize];
                if event == Event::ReverseLeave && model.kinds().ends_with(&[Layer::Managed]) {
                    model.uncover();
                }
                assert_eq!(layers.refuse(event), TransitionError::ShutDown, "{}", at());
            }
            7 if dice.below(20) == 0 => {
                assert_eq!(layers.end().count, model.end(), "{}", at());
            }
            roll => {
                let native = layers.top_is_native();
                let event = match (roll < 14, native, deeper) {
                    (true, ..) => Event::ALL[dice.below(4) as usize],
                    (_, false, true) => Event::Leave,
                    (_, true, true) => Event::ReverseEnter,
                    (_, true, false) => Event::Enter,
                    (_, false, false) => Event::ReverseLeave,
                };
                let wanted = model.apply(event, target);
                if dice.below(4) == 0 {
                    let counted = layers.unbalanced(event);
                    let mut ahead = layers.clone();
                    assert_eq!(ahead.prepare(event), wanted.map(|_| ()), "{}", at());
                    assert!(ahead.unbalanced(event) >= counted, "{}", at());
                }
                assert_eq!(apply(&mut layers, event, target), wanted, "{event}, {}", at());
            }
        }
        assert!(layers.iter().eq(model.kinds()), "{layers:?}, {}", at());
        assert_eq!(layers.unhooked(), model.marker, "{}", at());
        assert_eq!(layers.renewals(), model.renewals, "{}", at());
        assert_eq!(Event::ALL.map(|event| layers.unbalanced(event)), model.unbalanced, "{}", at());
        assert_eq!(layers.leaked_layers(), model.leaked, "{}", at());
        deepest = deepest.max(layers.depth());
    }
    assert!(deepest <= limit, "seed {seed:#x}");
    usize::from(deepest == limit)
}

#[test]
fn long_random_walks_agree_with_a_naive_model() {
    let mut at_the_limit = 0;
    for seed in 0..40 {
        let base = if seed % 2 == 0 { Layer::ManagedBase } else { Layer::NativeBase };
        at_the_limit += walk(0x50e7_1e00 + seed, base, 10_000);
    }
    assert!(at_the_limit > 20, "only {at_the_limit} of 40 walks reached their limit");
}
