//! The versions of the lobby, behind one trait.

/// A worker that moves by value, as the scheduler's box does.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) searching: bool,
}

pub(super) type Carrier = usize;

/// Where a worker went, in one type for all versions.
pub(super) enum Placed {
    Given(Worker, Carrier),
    Idle,
    NoSpare(Worker),
}

/// Who is to have a worker first, in one type for all versions.
pub(super) enum Next {
    Carrier(Carrier),
    NoSpare,
}

/// Who is to search, in one type for all versions.
pub(super) enum Roused {
    Spare(Carrier),
    NoSpare(Worker),
}

/// A version of the lobby.
pub(super) trait Lobby: 'static {
    fn new() -> Self;
    fn idle(&self) -> usize;
    fn in_line(&self) -> usize;
    fn searching(&self) -> usize;
    fn start_searching(&self);
    fn start_searching_alone(&self) -> bool;
    fn stop_searching(&self) -> bool;
    fn retire(&self, worker: Worker, carrier: Carrier) -> Placed;
    fn add_spare(&self, carrier: Carrier);
    fn place(&self, worker: Worker, queued: bool) -> Placed;
    fn put_idle(&self, worker: Worker) -> Placed;
    fn rouse(&self) -> Option<Roused>;
    fn take_idle(&self) -> Option<Worker>;
    fn request(&self, carrier: Carrier) -> Option<Worker>;
    fn step_back(&self, carrier: Carrier, queued: bool) -> Option<Next>;
    fn reclaim(&self, carrier: Carrier) -> Option<Worker>;
    fn spares(&self) -> usize;
    fn reserve(&self) -> usize;
    fn has_surplus(&self) -> bool;
    fn hold_back(&self, workers: usize);
    fn recruit(&self) -> Option<Worker>;
}

macro_rules! versions {
    ($($($module:ident)::+),* $(,)?) => {$(
        impl From<$($module)::+::Placed<Worker, Carrier>> for Placed {
            fn from(placed: $($module)::+::Placed<Worker, Carrier>) -> Placed {
                match placed {
                    $($module)::+::Placed::Given(worker, carrier) => Placed::Given(worker, carrier),
                    $($module)::+::Placed::Idle => Placed::Idle,
                    $($module)::+::Placed::NoSpare(worker) => Placed::NoSpare(worker),
                }
            }
        }

        impl Lobby for $($module)::+::Lobby<Worker, Carrier> {
            fn new() -> Self {
                Self::new()
            }
            fn idle(&self) -> usize {
                self.idle()
            }
            fn in_line(&self) -> usize {
                self.in_line()
            }
            fn searching(&self) -> usize {
                self.searching()
            }
            fn start_searching(&self) {
                self.start_searching();
            }
            fn start_searching_alone(&self) -> bool {
                self.start_searching_alone()
            }
            fn stop_searching(&self) -> bool {
                self.stop_searching()
            }
            fn retire(&self, worker: Worker, carrier: Carrier) -> Placed {
                self.retire(worker, carrier).into()
            }
            fn add_spare(&self, carrier: Carrier) {
                self.add_spare(carrier);
            }
            fn place(&self, worker: Worker, queued: bool) -> Placed {
                self.place(worker, || queued).into()
            }
            fn put_idle(&self, worker: Worker) -> Placed {
                self.put_idle(worker).into()
            }
            fn rouse(&self) -> Option<Roused> {
                self.rouse().map(|roused| match roused {
                    $($module)::+::Roused::Spare(carrier) => Roused::Spare(carrier),
                    $($module)::+::Roused::NoSpare(worker) => Roused::NoSpare(worker),
                })
            }
            fn take_idle(&self) -> Option<Worker> {
                self.take_idle()
            }
            fn request(&self, carrier: Carrier) -> Option<Worker> {
                self.request(carrier).expect("the lobby is open")
            }
            fn step_back(&self, carrier: Carrier, queued: bool) -> Option<Next> {
                self.step_back(carrier, queued).map(|next| match next {
                    $($module)::+::Next::Carrier(carrier) => Next::Carrier(carrier),
                    $($module)::+::Next::NoSpare => Next::NoSpare,
                })
            }
            fn reclaim(&self, carrier: Carrier) -> Option<Worker> {
                self.reclaim(carrier)
            }
            fn spares(&self) -> usize {
                self.spares()
            }
            fn reserve(&self) -> usize {
                self.reserve()
            }
            fn has_surplus(&self) -> bool {
                self.has_surplus()
            }
            fn hold_back(&self, workers: usize) {
                self.hold_back(workers);
            }
            fn recruit(&self) -> Option<Worker> {
                self.recruit()
            }
        }
    )*};
}

versions!(
    crate::idle,
    crate::mutants::lobby_place_leaves_a_spare,
    crate::mutants::lobby_settle_overlooks_the_line,
    crate::mutants::lobby_reclaim_leaves_a_spare,
    crate::mutants::lobby_retire_holds_one_more_back,
    crate::mutants::lobby_recruit_leaves_a_worker,
    crate::mutants::lobby_step_back_leaves_a_spare,
    crate::mutants::lobby_step_back_stands_in_no_line,
);
