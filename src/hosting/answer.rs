//! Answers through a place that the caller names: the one way in which calls of the C interface give values back.

use super::HResult;

/// Makes a call that has an answer, and puts that into `place`.
///
/// The place is looked at before the call is made: without one it is [`E_POINTER`](HResult::E_POINTER), whatever else
/// is wrong. If the call fails, the place has the default: null, 0 or false.
///
/// ```
/// use sortie::hosting::{HResult, answer_into};
///
/// let mut place = 1;
/// assert_eq!(answer_into(Some(&mut place), || Ok(5)), HResult::S_OK);
/// assert_eq!(place, 5);
/// assert_eq!(answer_into(Some(&mut place), || Err(HResult::E_NOTIMPL)), HResult::E_NOTIMPL);
/// assert_eq!(place, 0);
/// assert_eq!(answer_into(None::<&mut i32>, || unreachable!()), HResult::E_POINTER);
/// ```
pub fn answer_into<T: Default>(
    place: Option<&mut T>,
    call: impl FnOnce() -> Result<T, HResult>,
) -> HResult {
    let Some(place) = place else { return HResult::E_POINTER };
    match call() {
        Ok(value) => {
            *place = value;
            HResult::S_OK
        }
        Err(error) => {
            *place = T::default();
            error
        }
    }
}
