//! The transition table, written down once as data, and every reachable state walked against it.

use std::collections::HashSet;

use super::{Event, Layer, Layers, TransitionError, X1, apply, not_owner, seen};

/// The states the rows of the table distinguish.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Top {
    R0,
    /// An `R` right above `U0`.
    RootR,
    /// Any other `R`.
    R,
    U0,
    U,
}

/// What a cell of the table says.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Does {
    PushU,
    PushR,
    PushUxR,
    PopU,
    /// Pops an `R`, and a `Ux` if that comes on top.
    PopR,
    Renew,
    NotOwner,
    /// Answers `ShutDown`.
    Refuse,
    /// Pops an `R` if there is one on top, and answers `ShutDown`.
    RefuseAndPopR,
}

/// What a condition of a row says, where it says something.
type Given = Option<bool>;
const ANY: Given = None;
const YES: Given = Some(true);
const NO: Given = Some(false);

struct Row {
    tops: &'static [Top],
    event: Event,
    marker: Given,
    strict: Given,
    running: Given,
    does: Does,
}

const fn row(
    tops: &'static [Top],
    event: Event,
    (marker, strict, running): (Given, Given, Given),
    does: Does,
) -> Row {
    Row { tops, event, marker, strict, running, does }
}

#[rustfmt::skip]
const TABLE: &[Row] = {
    use Event::{Enter, Leave, ReverseEnter, ReverseLeave};
    use Does::{NotOwner, PopR, PopU, PushR, PushU, PushUxR, Refuse, RefuseAndPopR, Renew};
    const EVERY: &[Top] = &[Top::R0, Top::RootR, Top::R, Top::U0, Top::U];
    const MANAGED: &[Top] = &[Top::R0, Top::RootR, Top::R];
    const NATIVE: &[Top] = &[Top::U0, Top::U];
    const ROOT_R: &[Top] = &[Top::RootR];
    const OTHER_MANAGED: &[Top] = &[Top::R0, Top::R];
    const ALL_BUT_U: &[Top] = &[Top::R0, Top::RootR, Top::R, Top::U0];
    const ALL_BUT_R: &[Top] = &[Top::R0, Top::U0, Top::U];
    const SOME_R: &[Top] = &[Top::RootR, Top::R];
    &[
        //                          marker strict running
        row(MANAGED,       Leave,        (ANY, ANY, YES), PushU),
        row(NATIVE,        Leave,        (ANY, ANY, YES), NotOwner),
        row(&[Top::U],     Enter,        (ANY, ANY, YES), PopU),
        row(ALL_BUT_U,     Enter,        (ANY, ANY, YES), NotOwner),
        row(NATIVE,        ReverseEnter, (ANY, ANY, YES), PushR),
        row(MANAGED,       ReverseEnter, (YES, ANY, YES), PushUxR),
        row(ROOT_R,        ReverseEnter, (NO,  NO,  YES), Renew),
        row(ROOT_R,        ReverseEnter, (NO,  YES, YES), NotOwner),
        row(OTHER_MANAGED, ReverseEnter, (NO,  ANY, YES), NotOwner),
        row(SOME_R,        ReverseLeave, (ANY, ANY, YES), PopR),
        row(ALL_BUT_R,     ReverseLeave, (ANY, ANY, YES), NotOwner),
        row(EVERY,         Leave,        (ANY, ANY, NO),  Refuse),
        row(EVERY,         Enter,        (ANY, ANY, NO),  Refuse),
        row(EVERY,         ReverseEnter, (ANY, ANY, NO),  Refuse),
        row(EVERY,         ReverseLeave, (ANY, ANY, NO),  RefuseAndPopR),
    ]
};

/// A state as the page tells it: the stack, and the markers, innermost last. Each callback under
/// way keeps one saved marker below the one in force.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Page {
    stack: Vec<Layer>,
    markers: Vec<Option<usize>>,
}

impl Page {
    fn top(&self) -> Top {
        match *self.stack {
            [Layer::ManagedBase] => Top::R0,
            [Layer::NativeBase] => Top::U0,
            [Layer::NativeBase, Layer::Managed] => Top::RootR,
            [.., Layer::Managed] => Top::R,
            [.., Layer::Native { .. }] => Top::U,
            _ => panic!("not a state of the table: {:?}", self.stack),
        }
    }

    fn marker(&mut self) -> &mut Option<usize> {
        self.markers.last_mut().expect("one is always in force")
    }

    fn pop_r(&mut self) -> Option<Layer> {
        self.stack.pop();
        self.markers.pop();
        let back_to = self.stack.last().copied();
        if let Some(Layer::Unhooked { .. }) = back_to {
            self.stack.pop();
        }
        back_to
    }

    /// Does what the table says. Returns what the automaton must answer.
    fn step(
        &mut self,
        event: Event,
        target: usize,
        does: Does,
    ) -> Result<Option<Layer>, TransitionError> {
        let top = self.stack[self.stack.len() - 1];
        match does {
            Does::PushU => {
                self.stack.push(Layer::Native { target });
                Ok(None)
            }
            Does::PushR => {
                self.stack.push(Layer::Managed);
                self.markers.push(None);
                Ok(None)
            }
            Does::PushUxR => {
                let target = self.marker().expect("the row asks for a marker");
                self.stack.extend([Layer::Unhooked { target }, Layer::Managed]);
                self.markers.push(None);
                Ok(Some(Layer::Unhooked { target }))
            }
            Does::PopU => Ok(self.stack.pop()),
            Does::PopR => Ok(self.pop_r()),
            Does::Renew => Ok(None),
            Does::NotOwner => Err(not_owner(event, top)),
            Does::Refuse => Err(TransitionError::ShutDown),
            Does::RefuseAndPopR => {
                if top == Layer::Managed {
                    self.pop_r();
                }
                Err(TransitionError::ShutDown)
            }
        }
    }
}

fn holds(given: Given, is: bool) -> bool {
    given.is_none_or(|wanted| wanted == is)
}

/// The one row that applies.
fn find(top: Top, event: Event, marker: bool, strict: bool, running: bool) -> Does {
    let found: Vec<_> = TABLE
        .iter()
        .filter(|row| {
            row.tops.contains(&top)
                && row.event == event
                && holds(row.marker, marker)
                && holds(row.strict, strict)
                && holds(row.running, running)
        })
        .collect();
    assert_eq!(found.len(), 1, "{event} at {top:?}: the table must say one thing");
    found[0].does
}

/// One event in one state, checked in all it may and may not change. Returns the state after.
fn check(
    before: &(Layers, Page),
    event: Event,
    target: usize,
    strict: bool,
    running: bool,
) -> (Layers, Page) {
    let (mut layers, mut page) = before.clone();
    layers.set_strict(strict);
    let marker = page.marker().is_some();
    let does = find(page.top(), event, marker, strict, running);
    let wanted = page.step(event, target, does);
    let case = format!("{event} at {before:?}, strict {strict}, running {running}: {does:?}");

    let unbalanced = Event::ALL.map(|event| layers.unbalanced(event));
    let renewals = layers.renewals();
    let answer =
        if running { apply(&mut layers, event, target) } else { Err(layers.refuse(event)) };
    assert_eq!(answer, wanted, "{case}");
    assert_eq!(layers.to_vec(), page.stack, "{case}");
    assert_eq!(layers.unhooked(), *page.marker(), "{case}");
    for (other, before) in Event::ALL.into_iter().zip(unbalanced) {
        let misused = other == event && does == Does::NotOwner;
        assert_eq!(layers.unbalanced(other) - before, u64::from(misused), "{case}");
    }
    assert_eq!(layers.renewals() - renewals, u64::from(does == Does::Renew), "{case}");
    assert_views(&layers);
    if does == Does::NotOwner || does == Does::Refuse {
        assert_eq!(seen(&layers), seen(&before.0), "{case}");
    }

    let (mut ahead, _) = before.clone();
    ahead.set_strict(strict);
    if running {
        assert_eq!(ahead.prepare(event), wanted.map(|_| ()), "{case}");
        assert_eq!(seen(&ahead), seen(&before.0), "{case}");
    }
    if running && event == Event::Leave {
        let denied = match does {
            Does::NotOwner => not_owner(event, before.0.top()),
            _ => TransitionError::Denied { target },
        };
        assert_eq!(ahead.leave_denied(target), denied, "{case}");
        assert_eq!(seen(&ahead), seen(&before.0), "{case}");
    }
    if !running && event == Event::ReverseLeave {
        let back_to = before.1.clone().pop_r();
        let was_callback = before.0.top() == Layer::Managed;
        assert_eq!(ahead.reverse_leave_shut_down(), back_to.filter(|_| was_callback), "{case}");
        assert_eq!(seen(&ahead), seen(&layers), "{case}");
    }
    (layers, page)
}

/// The other ways to look at a stack agree with the list of its layers, and the kinds alternate.
fn assert_views(layers: &Layers) {
    let stack = layers.to_vec();
    assert_eq!(layers.depth(), stack.len());
    assert_eq!(layers.iter().len(), stack.len());
    assert_eq!(Some(&layers.top()), stack.last());
    assert_eq!(layers.top_is_native(), layers.top().is_native());
    assert_eq!(layers.native_depth(), stack.iter().filter(|layer| layer.is_native()).count());
    assert!(stack.windows(2).all(|pair| pair[0].is_native() != pair[1].is_native()));
}

/// Everything that can be reached with stacks of up to seven layers, with every setting of marker,
/// strict mode and availability on the way.
#[test]
fn every_reachable_state_answers_every_event_as_the_table_says() {
    const DEPTH: usize = 7;
    let base = |layers: Layers| {
        let stack = layers.to_vec();
        (layers, Page { stack, markers: vec![None] })
    };
    let mut todo = vec![base(Layers::managed()), base(Layers::native())];
    let mut known: HashSet<Page> = todo.iter().map(|state| state.1.clone()).collect();
    let mut checks = 0;
    let mut outcomes = HashSet::new();
    while let Some(state) = todo.pop() {
        let mut next = Vec::new();
        for event in Event::ALL {
            for (strict, running) in [(false, true), (true, true), (false, false), (true, false)] {
                let target = 0x100 + state.1.stack.len();
                next.push(check(&state, event, target, strict, running));
                let marker = state.0.unhooked().is_some();
                outcomes.insert(find(state.1.top(), event, marker, strict, running) as u8);
                checks += 1;
            }
        }
        let (mut layers, mut page) = state;
        let flipped = match *page.marker() {
            None => Some(X1 + page.stack.len()),
            Some(_) => None,
        };
        layers.restore_unhooked(flipped);
        *page.marker() = flipped;
        next.push((layers, page));
        for state in next {
            if state.1.stack.len() <= DEPTH && known.insert(state.1.clone()) {
                todo.push(state);
            }
        }
    }
    // A walk that reaches little would pass as well: 2 bases, up to 7 layers, markers at each R.
    assert!(known.len() > 200, "only {} states", known.len());
    assert_eq!(checks, known.len() * 16);
    assert_eq!(outcomes.len(), 9, "each kind of outcome must have been seen");
}
