//! Several closures at once.

/// Runs closures in parallel and returns their outputs in a tuple, in order: the last on the current task, the others
/// as tasks of a [`scope`](fn@crate::task::scope). All may borrow.
///
/// A suspension point: it waits for all. In native code the thread sleeps meanwhile.
///
/// # Abort
/// As of a [`scope`](fn@crate::task::scope): an abort of the current task is passed on to all, and raised here when they
/// have ended.
///
/// # Panics
/// With the panic of a closure, once all have ended: that of the last goes before others, then the first counts.
/// On a thread that runs no task. In debug builds, under a [`NoSuspend`](crate::task::NoSuspend) guard.
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let (least, most, sum) = runtime.run(|| {
///     let numbers = [3u64, 1, 2];
///     sortie::join!(
///         || numbers.iter().copied().min(),
///         || numbers.iter().copied().max(),
///         || numbers.iter().sum::<u64>(),
///     )
/// });
/// assert_eq!((least, most, sum), (Some(1), Some(3), 6));
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[macro_export]
macro_rules! join {
    // All but the last are spawned; each `handle` is another, by hygiene.
    (@ $scope:ident [$($handle:ident)*] $last:expr $(,)?) => {{
        let last = ($last)();
        ($($crate::task::ScopedJoinHandle::join_or_raise($handle),)* last,)
    }};
    (@ $scope:ident [$($handle:ident)*] $first:expr, $($rest:tt)+) => {{
        let handle = $crate::task::Scope::spawn($scope, $first);
        $crate::join!(@ $scope [$($handle)* handle] $($rest)+)
    }};
    ($($closures:tt)+) => {
        $crate::task::scope(|scope| $crate::join!(@ scope [] $($closures)+))
    };
}
