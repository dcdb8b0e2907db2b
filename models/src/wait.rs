//! The lines of those who wait, and what is made of them.

#[path = "../../scheduler/src/wait/due.rs"]
pub(crate) mod due;
#[path = "../../scheduler/src/wait/line.rs"]
pub(crate) mod line;
#[path = "../../scheduler/src/wait/list.rs"]
pub(crate) mod list;
#[path = "../../scheduler/src/wait/order.rs"]
pub(crate) mod order;
#[path = "../../scheduler/src/wait/seat.rs"]
pub(crate) mod seat;
#[path = "../../scheduler/src/wait/sparse.rs"]
pub(crate) mod sparse;
