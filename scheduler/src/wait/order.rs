//! In what order those who wait in a line have their turns: as they came, or by level and then as they came.
//!
//! Whose turn it is, is looked for from a ticket on before which nobody waits. That moves forward only, but for those who
//! wait again at their old place: a million that were handed what they want one by one are not looked at a million times. A
//! line that goes by levels has such a ticket for each, so an entry is passed over once for each level at most.
//!
//! - INVARIANT(order.from): nobody with a lower ticket waits; of a level, nobody of that level.
//!
//! Must not: cost a line that goes by arrival more than a look at a null pointer.

/// So many levels there are: one for each [`Priority`](crate::task::priority::Priority).
pub(crate) const LEVELS: u8 = 7;

/// Of those who wait, or of those of one level.
#[derive(Clone, Copy)]
struct Turns {
    waiting: usize,
    /// See INVARIANT(order.from).
    from: u64,
}

impl Turns {
    const NOBODY: Turns = Turns { waiting: 0, from: 0 };

    fn add(&mut self, number: u64) {
        self.from = if self.waiting == 0 { number } else { self.from.min(number) };
        self.waiting += 1;
    }
}

/// See the module.
pub(crate) struct Order {
    all: Turns,
    /// Where the line goes by levels.
    levels: Option<Box<[Turns; LEVELS as usize]>>,
}

impl Order {
    /// As they come.
    pub(crate) const fn by_arrival() -> Order {
        Order { all: Turns::NOBODY, levels: None }
    }

    /// The highest level first, and of a level as they come.
    pub(crate) fn by_level() -> Order {
        Order { all: Turns::NOBODY, levels: Some(Box::new([Turns::NOBODY; LEVELS as usize])) }
    }

    /// Is it asked of what level they are?
    pub(crate) fn is_by_level(&self) -> bool {
        self.levels.is_some()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.all.waiting
    }

    /// One waits, for the first time or again.
    pub(crate) fn add(&mut self, number: u64, level: u8) {
        self.all.add(number);
        if let Some(levels) = &mut self.levels {
            levels[usize::from(level)].add(number);
        }
    }

    /// One waits no more.
    pub(crate) fn remove(&mut self, level: u8) {
        self.all.waiting -= 1;
        if let Some(levels) = &mut self.levels {
            levels[usize::from(level)].waiting -= 1;
        }
    }

    /// Nobody waits any more.
    pub(crate) fn clear(&mut self) {
        self.all = Turns::NOBODY;
        if let Some(levels) = &mut self.levels {
            levels.fill(Turns::NOBODY);
        }
    }

    /// Of what level the one is whose turn it is (`None`: it does not matter), and from which ticket on it is found. `None`:
    /// nobody waits.
    pub(crate) fn next(&self) -> Option<(Option<u8>, u64)> {
        match &self.levels {
            None => (self.all.waiting > 0).then_some((None, self.all.from)),
            Some(levels) => (0..LEVELS)
                .rev()
                .find(|level| levels[usize::from(*level)].waiting > 0)
                .map(|level| (Some(level), levels[usize::from(level)].from)),
        }
    }

    /// The one that [`Order::next`] says was found, with this ticket.
    pub(crate) fn found(&mut self, level: Option<u8>, number: u64) {
        match (level, &mut self.levels) {
            (Some(level), Some(levels)) => levels[usize::from(level)].from = number,
            _ => self.all.from = number,
        }
    }

    /// The levels by which all are to be looked at, one after the other; `None`: at once.
    pub(crate) fn rounds(&self) -> impl Iterator<Item = Option<u8>> + use<> {
        let levels = if self.is_by_level() { LEVELS } else { 0 };
        (0..levels).rev().map(Some).chain((levels == 0).then_some(None))
    }
}

#[cfg(test)]
mod tests {
    use super::LEVELS;
    use crate::wait::due::{Due, Waiting};
    use crate::wait::line::{Line, Ticket};
    use std::cell::Cell;
    use std::rc::Rc;

    /// One who waits, with a level that may change.
    #[derive(Clone)]
    struct Somebody(Rc<Cell<u8>>);

    impl Waiting for Somebody {
        fn wake(&self) {}
        fn is_lost(&self) -> bool {
            false
        }
        fn home(&self) -> usize {
            1
        }
        fn holds(&self) -> usize {
            0
        }
        fn level(&self) -> u8 {
            self.0.get()
        }
    }

    /// One in the list that the line is compared with.
    struct Entry {
        ticket: Ticket,
        who: Somebody,
        handed: bool,
    }

    /// Over random steps, against a list that is searched from its beginning.
    fn does_what_a_search_does(by_level: bool) {
        let mut seed = 7u64;
        let mut random = move |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize % below
        };
        let mut line = Line::new();
        if by_level {
            line.order_by_level();
        }
        let mut all: Vec<Entry> = Vec::new();
        for step in 0..20_000 {
            let mut due = Due::new();
            let grows = step / 500 % 2 == 0;
            let one = (!all.is_empty()).then(|| random(all.len()));
            match (random(10), one) {
                (0..4, _) if grows || all.is_empty() => {
                    let who = Somebody(Rc::new(Cell::new(random(LEVELS.into()) as u8)));
                    all.push(Entry { ticket: line.push(who.clone(), 1), who, handed: false });
                }
                (0..4, Some(one)) => {
                    let gone = all.remove(one);
                    assert_eq!(line.remove(gone.ticket, &mut due), u32::from(gone.handed));
                }
                (4 | 5, Some(one)) => {
                    all[one].who.0.set(random(LEVELS.into()) as u8);
                    line.rank_anew(all[one].ticket);
                    // One that was handed something is ranked when it waits again.
                    if std::mem::take(&mut all[one].handed) {
                        line.take_back_of(all[one].ticket);
                        line.rank_anew(all[one].ticket);
                    }
                }
                (6, _) if step % 50 == 0 => {
                    let handed = all.iter().filter(|it| it.handed).count();
                    assert_eq!(line.take_back(1) as usize, handed);
                    for it in &mut all {
                        it.handed = false;
                        line.rank_anew(it.ticket);
                    }
                }
                _ => {
                    let waiting = all.iter_mut().filter(|it| !it.handed);
                    let level = |it: &Entry| if by_level { it.who.0.get() } else { 0 };
                    let next = waiting.rev().max_by_key(|it| level(it));
                    let handed = line.hand_one(&mut due);
                    let as_rc = |it: &Entry| it.who.0.clone();
                    match (next, handed) {
                        (Some(next), Some(handed)) => {
                            assert!(Rc::ptr_eq(&as_rc(next), &handed.0), "at step {step}");
                            next.handed = true;
                        }
                        (None, None) => {}
                        (next, _) => panic!("step {step}: there is one: {}", next.is_some()),
                    }
                }
            }
            assert_eq!(line.waiting(), all.iter().filter(|it| !it.handed).count());
        }
    }

    #[test]
    fn by_level_it_does_what_a_search_does() {
        does_what_a_search_does(true);
    }

    #[test]
    fn by_arrival_it_does_what_a_search_does() {
        does_what_a_search_does(false);
    }

    #[test]
    fn all_are_woken_by_level_and_then_as_they_came() {
        let mut line = Line::new();
        line.order_by_level();
        let levels = [3, 6, 0, 3, 6];
        let who = levels.map(|level| Somebody(Rc::new(Cell::new(level))));
        who.iter().for_each(|who| _ = line.push(who.clone(), 1));
        let mut due = Due::new();
        assert_eq!(line.hand_all(&mut due), 5);
        let woken: Vec<_> = std::iter::from_fn(|| due.wake.pop()).collect();
        let expected = [1, 4, 0, 3, 2];
        assert!(woken.iter().zip(expected).all(|(woken, at)| Rc::ptr_eq(&woken.0, &who[at].0)));
        assert_eq!(line.waiting(), 0);
    }
}
