//! The search: pieces of the texts, side by side.

use crate::corpus::{Corpus, Text};
use sortie::Runtime;
use sortie::task::par;
use std::time::{Duration, Instant};

/// About how many bytes a piece has. Small, so that the last of them are spread over the workers.
const PIECE: usize = 64 << 10;

/// A line with the pattern. It borrows the corpus.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Match<'a> {
    pub(crate) text: &'a str,
    /// From 1.
    pub(crate) line: usize,
    pub(crate) content: &'a str,
}

/// One search.
pub(crate) struct Trial<'a> {
    pub(crate) workers: usize,
    pub(crate) matches: Vec<Match<'a>>,
    pub(crate) took: Duration,
}

/// Whole lines of a text.
struct Piece<'a> {
    text: &'a Text,
    lines: &'a str,
}

/// What was found in a piece: lines are counted from its beginning.
struct Found<'a> {
    matches: Vec<(usize, &'a str)>,
    lines: usize,
}

/// Looks for the lines with the pattern.
pub(crate) fn run<'a>(runtime: &Runtime, corpus: &'a Corpus, pattern: &str) -> Trial<'a> {
    let begun = Instant::now();
    let pieces: Vec<_> = corpus.texts.iter().flat_map(pieces).collect();
    // The tasks borrow the pieces and the pattern of this frame; what they return borrows the corpus.
    let found = runtime
        .scope(|s| s.spawn(|| par::map(&pieces, |piece| search(piece, pattern))).join_or_raise());
    let mut matches = Vec::new();
    let mut before = (std::ptr::null(), 0);
    for (piece, found) in pieces.iter().zip(found) {
        if !std::ptr::eq(before.0, piece.text) {
            before = (piece.text, 0);
        }
        matches.extend(found.matches.into_iter().map(|(line, content)| Match {
            text: &piece.text.name,
            line: before.1 + line,
            content,
        }));
        before.1 += found.lines;
    }
    Trial { workers: runtime.snapshot().workers, matches, took: begun.elapsed() }
}

/// Cuts a text between lines.
fn pieces(text: &Text) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text.content.as_str();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let from = rest.floor_char_boundary(PIECE);
        let end = rest[from..].find('\n').map_or(rest.len(), |at| from + at + 1);
        let (lines, others) = rest.split_at(end);
        rest = others;
        Some(Piece { text, lines })
    })
}

fn search<'a>(piece: &Piece<'a>, pattern: &str) -> Found<'a> {
    let mut found = Found { matches: Vec::new(), lines: 0 };
    for line in piece.lines.lines() {
        found.lines += 1;
        if line.contains(pattern) {
            found.matches.push((found.lines, line));
        }
    }
    found
}
