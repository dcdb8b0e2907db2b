//! Waits as a graph, and the part of it that has no end.
//!
//! A wait for one, or for each of several, does not end while any of them waits without end. A wait for any of several
//! ends as soon as one of them goes on. So what has no end is the greatest set of waits each of which waits for some,
//! or where any of several may end it for nobody but, waits of the set. It is what is left when those are taken out,
//! again and again, that somebody outside may end.
//!
//! A [`Knot`] is a least part of that: each of its waits leads to each other one. Without waits for any of several it is a
//! circle.

use crate::wait::blocked::Wait;
use crate::wait::owner::Owner;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

/// A wait, and those who have to go on before it ends.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) wait: Wait,
    /// Without doubles.
    pub(super) awaited: Vec<Owner>,
    /// Is one of them enough?
    pub(super) any: bool,
}

impl Node {
    pub(super) fn new(wait: Wait, mut awaited: Vec<Owner>, any: bool) -> Node {
        let mut seen = HashSet::with_capacity(awaited.len());
        awaited.retain(|owner| seen.insert(*owner));
        Node { wait, awaited, any }
    }
}

/// Waits that each keep the others from ending, in the order of a way through them.
pub(super) struct Knot(pub(super) Vec<Tied>);

/// One of them.
pub(super) struct Tied {
    pub(super) wait: Wait,
    /// Where in the knot those are for whom it waits: one, or all that could end it.
    pub(super) next: Vec<usize>,
}

/// See the module.
pub(super) struct Graph {
    nodes: HashMap<Owner, Node>,
    /// By whom each is awaited.
    waiters: HashMap<Owner, Vec<Owner>>,
}

/// Those of a graph that are looked at.
type Part = HashSet<Owner>;

impl Graph {
    /// The waits of these, and of all to whom they lead.
    pub(super) fn from(
        first: impl IntoIterator<Item = Owner>,
        node_of: impl Fn(Owner) -> Option<Node>,
    ) -> Graph {
        let mut graph = Graph { nodes: HashMap::new(), waiters: HashMap::new() };
        let mut left: Vec<Owner> = first.into_iter().collect();
        let mut seen = Part::new();
        while let Some(waiter) = left.pop() {
            if !seen.insert(waiter) {
                continue;
            }
            let Some(node) = node_of(waiter) else { continue };
            for awaited in &node.awaited {
                graph.waiters.entry(*awaited).or_default().push(waiter);
                left.push(*awaited);
            }
            graph.nodes.insert(waiter, node);
        }
        graph
    }

    /// Those that have no end.
    pub(super) fn endless(&self) -> Part {
        let mut part = self.nodes.keys().copied().collect();
        self.take_out_ending(&mut part);
        part
    }

    /// Leaves of a part those that nobody outside of it can end.
    fn take_out_ending(&self, part: &mut Part) {
        let stuck = |node: &Node, part: &Part| {
            let mut awaited = node.awaited.iter();
            match node.any {
                true => !node.awaited.is_empty() && awaited.all(|it| part.contains(it)),
                false => awaited.any(|it| part.contains(it)),
            }
        };
        let mut left: Vec<Owner> = part.iter().copied().collect();
        // Of those for each of several: how many of the part keep it.
        let mut keep: HashMap<Owner, usize> = HashMap::new();
        let ends = |waiter: &Owner| !stuck(&self.nodes[waiter], part);
        left.retain(ends);
        for waiter in part.iter() {
            let kept = self.nodes[waiter].awaited.iter().filter(|it| part.contains(it)).count();
            keep.insert(*waiter, kept);
        }
        while let Some(ended) = left.pop() {
            if !part.remove(&ended) {
                continue;
            }
            for waiter in self.waiters.get(&ended).into_iter().flatten() {
                let Some(keep) = keep.get_mut(waiter) else { continue };
                *keep -= 1;
                if *keep == 0 || self.nodes[waiter].any {
                    left.push(*waiter);
                }
            }
        }
    }

    /// How far each of a part is from this one, by the ways that lead there.
    fn distances(&self, part: &Part, first: Owner) -> HashMap<Owner, usize> {
        let mut distances = HashMap::from([(first, 0)]);
        let mut round = vec![first];
        for distance in 1.. {
            let mut next = Vec::new();
            for waiter in round.iter().flat_map(|it| self.waiters.get(it).into_iter().flatten()) {
                if part.contains(waiter) && !distances.contains_key(waiter) {
                    distances.insert(*waiter, distance);
                    next.push(*waiter);
                }
            }
            if next.is_empty() {
                break;
            }
            round = next;
        }
        distances
    }

    /// The knot of which this one is, of a part that has no end: a short one.
    pub(super) fn knot(&self, endless: &Part, first: Owner) -> Option<Knot> {
        let mut part = endless.clone();
        // Only those that lead back here.
        let distances = loop {
            if !part.contains(&first) {
                return None;
            }
            let distances = self.distances(&part, first);
            let before = part.len();
            part.retain(|waiter| distances.contains_key(waiter));
            self.take_out_ending(&mut part);
            if part.len() == before {
                break distances;
            }
        };
        // Where one of several is enough to keep a wait, the one that is nearest: so each leads back.
        let chosen = |node: &Node| -> Vec<Owner> {
            let stays = node.awaited.iter().copied().filter(|it| part.contains(it));
            match node.any {
                true => stays.collect(),
                false => stays.min_by_key(|it| distances[it]).into_iter().collect(),
            }
        };
        let (mut order, mut places) = (Vec::new(), HashMap::new());
        let mut left = vec![first];
        while let Some(waiter) = left.pop() {
            if let Entry::Vacant(place) = places.entry(waiter) {
                place.insert(order.len());
                order.push(waiter);
                left.extend(chosen(&self.nodes[&waiter]).into_iter().rev());
            }
        }
        let tied = order.iter().map(|waiter| {
            let node = &self.nodes[waiter];
            let next = chosen(node).iter().map(|it| places[it]).collect();
            Tied { wait: node.wait.clone(), next }
        });
        Some(Knot(tied.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::blocked::Ender;
    use std::panic::Location;

    const MOST: usize = 6;

    fn owner(n: usize) -> Owner {
        Owner::of((n + 1) * 64).expect("a number of an owner")
    }

    /// For whom each waits, and whether any of them is enough; `None`: it does not wait.
    type Waits = Vec<Option<(Vec<usize>, bool)>>;

    fn graph_of(waits: &Waits) -> Graph {
        let node_of = |waiter: Owner| {
            let n = waiter.get() / 64 - 1;
            let (awaited, any) = waits[n].clone()?;
            let wait = Wait {
                waiter,
                number: 1,
                reports: false,
                runtime: 0,
                id: None,
                name: None,
                what: "a test",
                place: Location::caller(),
                ender: Ender::Nobody,
            };
            Some(Node::new(wait, awaited.into_iter().map(owner).collect(), any))
        };
        Graph::from((0..waits.len()).map(owner), node_of)
    }

    /// Can nobody outside of these end one of them?
    fn is_stuck(waits: &Waits, part: usize) -> bool {
        let is_in = |n: &usize| part & 1 << n != 0;
        (0..waits.len()).filter(is_in).all(|n| match &waits[n] {
            None => false,
            Some((awaited, true)) => !awaited.is_empty() && awaited.iter().all(is_in),
            Some((awaited, false)) => awaited.iter().any(is_in),
        })
    }

    /// Does each of these lead to `first`?
    fn leads_to(waits: &Waits, part: usize, first: usize) -> bool {
        let mut lead = 1 << first;
        for _ in 0..waits.len() {
            for (n, wait) in waits.iter().enumerate() {
                let awaited = wait.iter().flat_map(|(awaited, _)| awaited);
                let leads = awaited.into_iter().any(|it| lead & 1 << it != 0);
                lead |= usize::from(leads && part & 1 << n != 0) << n;
            }
        }
        part & !lead == 0
    }

    #[test]
    fn it_finds_what_a_search_of_all_parts_finds() {
        let mut seed = 7u64;
        let mut random = move |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize % below
        };
        let mut found = 0;
        for _ in 0..3_000 {
            let count = 1 + random(MOST);
            let waits: Waits = (0..count)
                .map(|_| {
                    let some = (0..random(4)).map(|_| random(count)).collect();
                    (random(5) > 0).then(|| (some, random(2) == 0))
                })
                .collect();
            let graph = graph_of(&waits);
            let endless = graph.endless();
            let stuck: Vec<usize> =
                (1..1 << count).filter(|part| is_stuck(&waits, *part)).collect();
            // The union of such parts is one.
            let greatest = stuck.iter().fold(0, |all, part| all | part);
            for n in 0..count {
                assert_eq!(endless.contains(&owner(n)), greatest & 1 << n != 0, "{waits:?}");
                let is_tied = |part: &&usize| **part & 1 << n != 0 && leads_to(&waits, **part, n);
                let is_there = stuck.iter().any(|part| is_tied(&part));
                let knot = graph.knot(&endless, owner(n));
                assert_eq!(knot.is_some(), is_there, "{n} of {waits:?}");
                let Some(Knot(tied)) = knot else { continue };
                found += 1;
                let numbers = tied.iter().map(|it| it.wait.waiter.get() / 64 - 1);
                let part = numbers.fold(0, |part, n| part | 1 << n);
                assert!(is_tied(&&part) && is_stuck(&waits, part), "{n} of {waits:?}");
                for it in &tied {
                    let (awaited, any) = waits[it.wait.waiter.get() / 64 - 1].as_ref().unwrap();
                    let next = it.next.iter().map(|at| tied[*at].wait.waiter);
                    let next: HashSet<Owner> = next.collect();
                    let all: HashSet<Owner> = awaited.iter().copied().map(owner).collect();
                    assert!(next.is_subset(&all) && next.len() == if *any { all.len() } else { 1 });
                }
            }
        }
        assert!(found > 1_000, "{found}");
    }

    #[test]
    fn of_a_circle_each_waits_for_the_next() {
        // The last of them also for one who does not wait, and for a nearer one of the circle.
        let waits = vec![
            Some((vec![1], false)),
            Some((vec![2], true)),
            Some((vec![4, 3, 0], false)),
            None,
            Some((vec![0], false)),
        ];
        let graph = graph_of(&waits);
        let Knot(tied) = graph.knot(&graph.endless(), owner(1)).expect("a circle");
        let order: Vec<_> = tied.iter().map(|it| it.wait.waiter).collect();
        assert_eq!(order, [1, 2, 0].map(owner));
        let next: Vec<_> = tied.into_iter().map(|it| it.next).collect();
        assert_eq!(next, [[1], [2], [0]]);
    }

    #[test]
    fn a_long_way_is_gone_once() {
        // Two long ways, one of which ends: an end that is told along them, and one that is not there.
        const LENGTH: usize = 20_000;
        let mut waits: Waits = (0..LENGTH).map(|n| Some((vec![n + 1], n % 2 == 0))).collect();
        waits.push(None);
        assert!(graph_of(&waits).endless().is_empty());
        waits[LENGTH] = Some((vec![0], false));
        let graph = graph_of(&waits);
        let Knot(tied) = graph.knot(&graph.endless(), owner(7)).expect("a long circle");
        assert_eq!(tied.len(), LENGTH + 1);
    }
}
