//! Whole words of events. The accepted ones, without unannounced calls, are
//!
//! ```text
//! TaskR ::= Man                     over R0
//! TaskU ::= Fgn Tail?               over U0
//! Man   ::= ( L Fgn E )*
//! Fgn   ::= ( RE Man RL )*
//! Tail  ::= ( RE Man )+             renewals: the last callback is open at the end
//! ```
//!
//! and one thing more, which follows from the table: a callback that was renewed may be closed
//! after all. In strict mode a Tail has one callback, and neither renewal exists.

use super::{Event, Layers, apply};
use Event::{Enter, Leave, ReverseEnter, ReverseLeave};

/// Reads a word by the grammar, knowing nothing of stacks.
struct Reader<'a> {
    rest: &'a [Event],
    /// Whether a callback stood renewed when it was closed.
    closed_after_renewal: bool,
    renewed: bool,
}

impl Reader<'_> {
    fn take(&mut self, event: Event) -> bool {
        let taken = self.rest.first() == Some(&event);
        if taken {
            self.rest = &self.rest[1..];
        }
        taken
    }

    fn man(&mut self) -> bool {
        while self.take(Leave) {
            if !(self.fgn() && self.take(Enter)) {
                return false;
            }
        }
        true
    }

    fn fgn(&mut self) -> bool {
        while self.take(ReverseEnter) {
            if !(self.man() && self.take(ReverseLeave)) {
                return false;
            }
        }
        true
    }

    /// `Fgn Tail?`, and the closing of renewed callbacks.
    fn task_u(&mut self) -> bool {
        while self.take(ReverseEnter) {
            let mut renewed = false;
            if !self.man() {
                return false;
            }
            while self.take(ReverseEnter) {
                renewed = true;
                if !self.man() {
                    return false;
                }
            }
            self.renewed |= renewed;
            self.closed_after_renewal |= self.take(ReverseLeave) && renewed;
        }
        true
    }
}

/// Whether the automaton takes the whole word and ends clean.
fn taken(mut layers: Layers, word: &[Event]) -> bool {
    word.iter().all(|&event| apply(&mut layers, event, 0).is_ok()) && layers.end().count == 0
}

fn strict() -> Layers {
    let mut layers = Layers::native();
    layers.set_strict(true);
    layers
}

#[test]
fn the_automaton_takes_the_words_of_the_grammar_and_no_others() {
    const LENGTH: u32 = 8;
    let (mut of_r, mut of_u, mut of_strict, mut extra) = (0, 0, 0, 0);
    for length in 0..=LENGTH {
        for number in 0..4_usize.pow(length) {
            let word: Vec<_> =
                (0..length).map(|place| Event::ALL[number >> (2 * place) & 3]).collect();
            let mut reader = Reader { rest: &word, closed_after_renewal: false, renewed: false };
            let is_r = reader.man() && reader.rest.is_empty();
            reader.rest = &word;
            let is_u = reader.task_u() && reader.rest.is_empty();
            assert_eq!(taken(Layers::managed(), &word), is_r, "over R0: {word:?}");
            assert_eq!(taken(Layers::native(), &word), is_u, "over U0: {word:?}");
            let is_strict = is_u && !reader.renewed;
            assert_eq!(taken(strict(), &word), is_strict, "strict, over U0: {word:?}");
            of_r += usize::from(is_r);
            of_u += usize::from(is_u && !reader.closed_after_renewal);
            extra += usize::from(is_u && reader.closed_after_renewal);
            of_strict += usize::from(is_strict);
        }
    }
    // Balanced words of n pairs number as the Catalan numbers: 1 + 1 + 2 + 5 + 14 up to length 8.
    assert_eq!(of_r, 23);
    assert!(of_strict > of_r && of_u > of_strict && extra > 0);
}

#[test]
fn a_cut_word_is_legal_until_the_task_ends() {
    let word = [Leave, ReverseEnter, Leave, Enter, ReverseLeave, ReverseEnter, ReverseLeave, Enter];
    for cut in 0..=word.len() {
        let mut layers = Layers::managed();
        for &event in &word[..cut] {
            assert!(apply(&mut layers, event, 0).is_ok());
        }
        let open = layers.depth() - 1;
        assert_eq!(layers.end().count, open, "cut at {cut}");
    }
}
