//! The crossing's files, over a carrier and a worker that are as small as they can be.
//!
//! `build.rs` makes a copy of this whole set for each mutant of one of its files.

pub(crate) use crate::sync::fence;

#[path = "carrier.rs"]
pub(crate) mod carrier;
#[path = "../../scheduler/src/crossing/proof.rs"]
pub(crate) mod proof;
#[path = "../../scheduler/src/crossing/request.rs"]
pub(crate) mod request;
#[path = "../../scheduler/src/crossing/retake.rs"]
pub(crate) mod retake;
#[path = "../../scheduler/src/crossing/word.rs"]
pub(crate) mod word;
