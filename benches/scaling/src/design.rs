//! What could be otherwise: the shared places of the runtime as they are, and with a change to each.

/// How the shared places are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Design {
    /// How many tasks a worker takes from the injector at once.
    pub(crate) injector_batch: usize,
    /// How many workers share a lobby.
    pub(crate) workers_a_lobby: usize,
    /// How many may be on their way to search at once.
    pub(crate) callers: usize,
}

impl Design {
    /// As the scheduler is.
    pub(crate) const AS_IT_IS: Design =
        Design { injector_batch: 1, workers_a_lobby: usize::MAX, callers: 1 };

    /// As it would be changed for machines of that size.
    pub(crate) const CHANGED: Design =
        Design { injector_batch: 16, workers_a_lobby: 16, callers: 4 };
}
