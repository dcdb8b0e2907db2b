//! What the ledger keeps of functions that are gone: of libraries that were unmapped, of targets that were dropped.
//!
//! A profile serves one function after another (`profile.rs`), and a row of the ledger its profile. So before a function
//! is forgotten its rows are *closed*, in all runtimes: what they have counted is kept here, by the function's name
//! and library, and they begin at nothing for whatever comes to the profile next. A function of the same name that
//! comes later goes on with what is kept.
//!
//! Names are few, mostly; of more than [`MOST`] the rest is kept together, without a name.

use super::Profile;
use super::histogram::Sum;
use super::ledger::Ledger;
use super::target_row::TargetRow;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// So many names are kept apart, in each runtime.
const MOST: usize = 4_096;

/// Library and name.
type Name = (Option<String>, Option<String>);

/// See the module.
#[derive(Default)]
pub(super) struct Gone(Mutex<BTreeMap<Name, (TargetRow, Sum)>>);

/// The ledgers of all runtimes.
static LEDGERS: Mutex<Vec<Weak<Ledger>>> = Mutex::new(Vec::new());

/// This one is to be told of functions that are forgotten.
pub(super) fn register(ledger: &Arc<Ledger>) {
    let mut ledgers = LEDGERS.lock();
    ledgers.retain(|it| it.strong_count() > 0);
    ledgers.push(Arc::downgrade(ledger));
}

/// These functions are about to be forgotten; nobody calls them any more. Under no lock.
pub(super) fn close(profiles: &[&'static Profile]) {
    if profiles.is_empty() {
        return;
    }
    let ledgers: Vec<_> = LEDGERS.lock().iter().filter_map(Weak::upgrade).collect();
    for ledger in ledgers {
        profiles.iter().for_each(|profile| ledger.close(profile));
    }
}

impl Gone {
    /// Keeps what was counted of a function.
    pub(super) fn keep(&self, row: TargetRow, times: Sum) {
        let mut gone = self.0.lock();
        let mut name = name_of(&row);
        if gone.len() >= MOST && !gone.contains_key(&name) {
            name = Name::default();
        }
        let (kept, kept_times) = gone.entry(name.clone()).or_insert_with(|| {
            let row = TargetRow::of_gone(name);
            (row, Sum::default())
        });
        kept.merge(&row);
        kept_times.merge(&times);
    }

    /// Adds what is kept to the functions of the same names, and gives the rest.
    pub(super) fn add_to<'a>(
        &self,
        live: impl Iterator<Item = (&'a mut TargetRow, &'a mut Sum)>,
    ) -> Vec<(TargetRow, Sum)> {
        let mut gone = self.0.lock().clone();
        if !gone.is_empty() {
            for (row, times) in live {
                if let Some((more, more_times)) = gone.remove(&name_of(row)) {
                    row.merge(&more);
                    times.merge(&more_times);
                }
            }
        }
        gone.into_values().collect()
    }
}

fn name_of(row: &TargetRow) -> Name {
    (row.library.clone(), row.symbol.clone())
}
