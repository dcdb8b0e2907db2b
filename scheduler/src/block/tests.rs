use super::*;
use crate::stack::page_bytes;
use std::collections::BTreeSet;

const CLASS: usize = 6;
const BYTES: usize = (CLASS + 1) * GRAIN;

fn take(blocks: &Blocks, count: usize) -> Vec<Block> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let left = count - taken.len();
        assert!(blocks.take(CLASS, left, &mut taken));
    }
    taken
}

fn addresses(blocks: &[Block]) -> BTreeSet<usize> {
    blocks.iter().map(Block::address).collect()
}

fn chunks(blocks: &Blocks) -> usize {
    blocks.classes[CLASS].lock().chunks.len()
}

/// How many of the pages are resident.
fn resident(range: std::ops::Range<usize>) -> usize {
    let page = page_bytes();
    let start = range.start / page * page;
    let mut pages = vec![0u8; (range.end - start).div_ceil(page)];
    let at = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: writes a byte for each page of the range, for which there is room.
    let result = unsafe { libc::mincore(at, range.end - start, pages.as_mut_ptr()) };
    assert_eq!(result, 0);
    pages.iter().filter(|page| **page & 1 == 1).count()
}

fn fill(taken: &[Block]) {
    for block in taken {
        // SAFETY: the block is ours, and has so many bytes.
        unsafe { block.0.as_ptr().write_bytes(0xAB, BYTES) };
    }
}

#[test]
fn blocks_are_apart_and_aligned() {
    let blocks = Blocks::new();
    let taken = take(&blocks, 20_000);
    fill(&taken);
    let all = addresses(&taken);
    assert_eq!(all.len(), taken.len());
    assert!(all.iter().all(|address| address % GRAIN == 0));
    let apart = |(a, b): (&usize, &usize)| b - a >= BYTES;
    assert!(all.iter().zip(all.iter().skip(1)).all(apart));
    assert!(!blocks.give(CLASS, [].into_iter()));
    assert!(blocks.give(CLASS, taken.into_iter()));
}

#[test]
fn what_was_given_back_last_is_taken_first() {
    let blocks = Blocks::new();
    let mut taken = take(&blocks, 100);
    let last = addresses(&taken[90..]);
    let _ = blocks.give(CLASS, taken.drain(..));
    assert_eq!(addresses(&take(&blocks, 10)), last);
}

#[test]
fn what_is_needed_again_stays_warm() {
    let blocks = Blocks::new();
    for _ in 0..5 {
        let taken = take(&blocks, 50_000);
        let chunks = chunks(&blocks);
        let _ = blocks.give(CLASS, taken.into_iter());
        assert_eq!(blocks.ebb(true), Outlook::NextTurn);
        assert_eq!(chunks, self::chunks(&blocks));
        assert!(blocks.classes[CLASS].lock().cold.is_empty());
    }
}

#[test]
fn a_peak_is_gone_after_two_ebbs() {
    let blocks = Blocks::new();
    let taken = take(&blocks, 50_000);
    fill(&taken);
    assert!(blocks.give(CLASS, taken.into_iter()), "somebody is to be told");
    let most = chunks(&blocks);
    assert_eq!(blocks.ebb(true), Outlook::NextTurn, "they came in this turn");
    assert_eq!(chunks(&blocks), most);
    assert_eq!(blocks.ebb(true), Outlook::NextTurn);
    assert_eq!(blocks.ebb(true), Outlook::Calm);
    assert_eq!(chunks(&blocks), 0, "of {most}");
    {
        let class = blocks.classes[CLASS].lock();
        assert_eq!((class.warm.len(), class.cold.len()), (0, 0));
        let room = class.warm.capacity().max(class.cold.capacity());
        assert!(room <= 2 * FEW, "the lists keep room for {room}");
    }
    let again = take(&blocks, 1000);
    fill(&again);
    assert_eq!(addresses(&again).len(), 1000);
}

#[test]
fn a_few_that_live_on_keep_their_pages_only() {
    let blocks = Blocks::new();
    let mut taken = take(&blocks, 60_000);
    fill(&taken);
    taken.sort();
    let kept: Vec<Block> = (0..20).map(|n| taken.remove(n * 2500)).collect();
    let _ = blocks.give(CLASS, taken.into_iter());
    while blocks.ebb(true) != Outlook::Calm {}
    let ranges: Vec<_> =
        blocks.classes[CLASS].lock().chunks.iter().map(|it| it.start()..it.end()).collect();
    let chunks = ranges.len();
    let pages: usize = ranges.into_iter().map(resident).sum();
    // Those at a chunk's end are whole no more, and the last chunk, of 512, is being cut.
    assert!(pages <= 2 * kept.len() + chunks + 512, "{pages} pages of {chunks} chunks");
    for block in &kept {
        // SAFETY: still ours.
        assert_eq!(unsafe { block.0.as_ptr().read() }, 0xAB);
    }
}

/// The first two chunks, cut to their ends.
fn two_chunks(blocks: &Blocks) -> (Vec<Block>, Vec<Block>) {
    let two = (take(blocks, (64 << 10) / BYTES), take(blocks, (128 << 10) / BYTES));
    assert_eq!(chunks(blocks), 2);
    two
}

fn give_and_cool(blocks: &Blocks, taken: Vec<Block>) {
    let _ = blocks.give(CLASS, taken.into_iter());
    (0..3).for_each(|_| assert!(blocks.ebb(true) <= Outlook::NextTurn));
    assert!(blocks.classes[CLASS].lock().warm.is_empty(), "they are cold");
}

#[test]
fn the_chunk_that_is_being_cut_goes_with_the_last_of_its_blocks() {
    let blocks = Blocks::new();
    let (first, second) = two_chunks(&blocks);
    let mut third = take(&blocks, 100);
    fill(&first);
    fill(&second);
    let left = third.pop().unwrap();
    fill(std::slice::from_ref(&left));
    give_and_cool(&blocks, third);
    assert_eq!(chunks(&blocks), 3, "one block is out");
    // It is cut further, once those that came back are used up.
    let again = take(&blocks, 200);
    fill(&again);
    assert_eq!(chunks(&blocks), 3);
    give_and_cool(&blocks, again.into_iter().chain([left]).collect());
    assert_eq!(chunks(&blocks), 2);
    give_and_cool(&blocks, second);
    assert_eq!(chunks(&blocks), 1);
    let more = take(&blocks, 2000);
    fill(&more);
    assert!(addresses(&more).is_disjoint(&addresses(&first)));
    give_and_cool(&blocks, more.into_iter().chain(first).collect());
    assert_eq!(chunks(&blocks), 0);
}

/// Is a chunk gone, once all its blocks are back and nobody has needed them, or with the store?
fn is_unmapped(in_the_end: bool) -> bool {
    let blocks = Blocks::new();
    let taken = take(&blocks, 10_000);
    let chunk = {
        let class = blocks.classes[CLASS].lock();
        class.chunks[5].start()..class.chunks[5].end()
    };
    if in_the_end {
        drop(blocks);
    } else {
        let _ = blocks.give(CLASS, taken.into_iter());
        while blocks.ebb(true) != Outlook::Calm {}
    }
    let mut pages = [0u8; 1 << 9];
    let at = std::ptr::with_exposed_provenance_mut(chunk.start);
    // SAFETY: a byte for each page is written to the array, or nothing.
    unsafe { libc::mincore(at, chunk.len(), pages.as_mut_ptr()) != 0 }
}

#[test]
fn what_nobody_needs_is_unmapped_and_in_the_end_all() {
    // Another thread may map something in the very place.
    assert!((0..20).any(|_| is_unmapped(false)));
    assert!((0..20).any(|_| is_unmapped(true)));
}

#[test]
fn what_is_taken_while_others_are_cooled_is_one_taker_s() {
    const TAKERS: u8 = 2;
    let blocks = Blocks::new();
    let takes = |mark: u8| {
        for round in 0..500 {
            // Now a few, now more than the first chunks have.
            let taken = take(&blocks, 1 + (round * 37 + usize::from(mark)) % 7 * 100);
            for block in &taken {
                // SAFETY: the block is ours, and has so many bytes.
                unsafe { block.0.as_ptr().write_bytes(mark, BYTES) };
            }
            std::thread::yield_now();
            for block in &taken {
                // SAFETY: as above, and they are written.
                let bytes = unsafe { std::slice::from_raw_parts(block.0.as_ptr(), BYTES) };
                assert!(bytes.iter().all(|byte| *byte == mark));
            }
            let _ = blocks.give(CLASS, taken.into_iter());
        }
    };
    std::thread::scope(|scope| {
        let takes = &takes;
        let takers: Vec<_> = (1..=TAKERS).map(|mark| scope.spawn(move || takes(mark))).collect();
        while takers.iter().any(|taker| !taker.is_finished()) {
            // A store in which nobody needs anything, most of the time.
            let _ = blocks.ebb(true);
        }
    });
    // The last few are not watched.
    (0..3).for_each(|_| assert!(blocks.ebb(true) <= Outlook::NextTurn));
    assert_eq!(chunks(&blocks), 0);
}
