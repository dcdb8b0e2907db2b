//! What the events say, told and checked.

use crate::record::Transition;
use crate::sort::{self, Sorted};
use crate::table::{count, table};
use sortie::Snapshot;
use std::fmt;

/// How many transitions are printed unless all are asked for: those of five comparisons.
const SHOWN: usize = 21;

/// The transitions of one `qsort`, and what else is known of the calls.
pub(crate) struct Story<'a> {
    /// From `qsort`'s leave to its enter.
    transitions: Vec<Transition>,
    sorted: &'a Sorted,
    functions: [Function; 2],
}

/// One of the two functions.
struct Function {
    name: &'static str,
    /// As `pinvoke!` found it.
    address: usize,
    /// As `dlsym` says.
    loader: usize,
    library: &'static str,
    calls: u64,
    callbacks: u64,
}

impl<'a> Story<'a> {
    /// Takes the stretch that belongs to `qsort` out of a task's transitions.
    pub(crate) fn new(all: Vec<Transition>, sorted: &'a Sorted, snapshot: &Snapshot) -> Story<'a> {
        let [qsort, strcmp] = sort::known();
        let functions = [(qsort, c"qsort"), (strcmp, c"strcmp")].map(|(target, symbol)| {
            let address = target.address();
            let row = snapshot.targets.iter().find(|row| row.address == address);
            Function {
                name: target.name().unwrap_or_default(),
                address,
                loader: sort::loader_address(symbol),
                library: target.library().unwrap_or_default(),
                calls: row.map_or(0, |row| row.calls),
                callbacks: row.map_or(0, |row| row.callbacks),
            }
        });
        let target = format!("{:#x}", functions[0].address);
        let is = |it: &Transition, name| it.name == name && it.target == target;
        let from = all.iter().position(|it| is(it, "leave"));
        let to = all.iter().position(|it| is(it, "enter"));
        let transitions = match (from, to) {
            (Some(from), Some(to)) if from < to => all[from..=to].to_vec(),
            _ => Vec::new(),
        };
        Story { transitions, sorted, functions }
    }

    /// How many of the events are `name` with exactly these layers after it.
    fn count(&self, name: &str, layers: &str) -> usize {
        let events = self.transitions.iter();
        events.filter(|it| it.name == name && it.layers == layers).count()
    }

    /// Pairs of a leave to `strcmp` and its enter.
    fn inner_pairs(&self) -> usize {
        let [.., strcmp] = &self.functions;
        let target = format!("{:#x}", strcmp.address);
        let pairs = self.transitions.windows(2);
        pairs
            .filter(|pair| {
                pair.iter().all(|it| it.target == target)
                    && pair[0].name == "leave"
                    && pair[1].name == "enter"
            })
            .count()
    }

    /// What does not fit: the events against the page's table, and all counts against each other.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let [qsort, strcmp] = &self.functions;
        let comparisons = self.sorted.comparisons;
        let outer = format!("R0 U({:#x})", qsort.address);
        let inner = format!("{outer} R U({:#x})", strcmp.address);
        let callback = format!("{outer} R");
        let mut wrong = Vec::new();
        let mut expect = |what: &str, found: usize, expected: usize| {
            if found != expected {
                wrong.push(format!("{what}: {found}, expected {expected}"));
            }
        };
        expect("strings in order", self.sorted.in_order.into(), 1);
        expect("address of qsort", qsort.address, qsort.loader);
        expect("address of strcmp", strcmp.address, strcmp.loader);
        expect("transitions", self.transitions.len(), 2 + 4 * comparisons);
        expect("leaves to qsort", self.count("leave", &outer), 1);
        expect("calls back", self.count("reverse_enter", &callback), comparisons);
        expect("leaves to strcmp", self.count("leave", &inner), comparisons);
        expect("returns of strcmp", self.count("enter", &callback), comparisons);
        expect("returns to qsort", self.count("reverse_leave", &outer), comparisons);
        expect("returns of qsort", self.count("enter", "R0"), 1);
        expect("inner pairs", self.inner_pairs(), comparisons);
        expect("the ledger's calls of strcmp", strcmp.calls as usize, comparisons);
        expect("the ledger's callbacks of qsort", qsort.callbacks as usize, comparisons);
        wrong
    }

    /// The story as it is printed.
    pub(crate) fn show(&self, all: bool) -> impl fmt::Display {
        let shown = if all { usize::MAX } else { SHOWN };
        let shown = shown.min(self.transitions.len());
        let mut text = format!("task {} calls qsort:\n\n{}\n", self.sorted.task, self.steps(shown));
        let left = self.transitions.len() - shown;
        if left > 0 {
            text += &format!("    and {} more, with --all\n", count(left as u64));
        }
        let comparisons = count(self.sorted.comparisons as u64);
        text += &format!(
            "\n{}\n\ntransitions: {}\ncomparisons: {comparisons}\ninner pairs: {}",
            self.addresses(),
            count(self.transitions.len() as u64),
            count(self.inner_pairs() as u64),
        );
        text
    }

    fn steps(&self, shown: usize) -> comfy_table::Table {
        let mut table =
            table(&["", "what happens", "transition", "target", "layers after it"], usize::MAX);
        for (n, it) in self.transitions.iter().take(shown).enumerate() {
            table.add_row([
                (n + 1).to_string(),
                meaning(&it.name).to_owned(),
                it.name.clone(),
                self.name_of(&it.target).into(),
                it.layers.clone(),
            ]);
        }
        table
    }

    fn addresses(&self) -> comfy_table::Table {
        let mut table =
            table(&["function", "library", "announced as", "dlsym says", ""], usize::MAX);
        for function in &self.functions {
            table.add_row([
                function.name.to_owned(),
                function.library.to_owned(),
                format!("{:#x}", function.address),
                format!("{:#x}", function.loader),
                if function.address == function.loader { "equal" } else { "NOT EQUAL" }.to_owned(),
            ]);
        }
        table
    }

    fn name_of(&self, target: &str) -> &str {
        let mut functions = self.functions.iter();
        functions.find(|it| format!("{:#x}", it.address) == target).map_or("", |it| it.name)
    }
}

/// An event in the words of the hosting interface's page.
fn meaning(transition: &str) -> &'static str {
    match transition {
        "leave" => "managed code calls C",
        "enter" => "C returns",
        "reverse_enter" => "C calls managed code",
        "reverse_leave" => "the callback returns",
        _ => "?",
    }
}
