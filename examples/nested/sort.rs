//! The calls: `qsort`, whose comparator is managed code and calls `strcmp`.

use sortie::native;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

sortie::pinvoke! {
    #[library = "c"]
    unsafe extern "C" {
        fn qsort(
            base: *mut c_void,
            count: usize,
            bytes: usize,
            compare: extern "C" fn(*const c_void, *const c_void) -> c_int,
        );
        fn strcmp(left: *const c_char, right: *const c_char) -> c_int;
    }
}

/// How often the comparator ran. A static, for `qsort` passes it nothing of ours.
static COMPARISONS: AtomicUsize = AtomicUsize::new(0);

/// What the task did.
#[derive(Debug)]
pub(crate) struct Sorted {
    /// The task's number.
    pub(crate) task: u64,
    pub(crate) comparisons: usize,
    pub(crate) in_order: bool,
}

/// Sorts `elements` strings that stand in the opposite order. To be run as a task.
pub(crate) fn sort(elements: u32) -> Sorted {
    let texts: Vec<CString> = (0..elements)
        .rev()
        .map(|n| CString::new(format!("text {n:07}")).expect("no NUL in it"))
        .collect();
    let mut sorted: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
    // SAFETY: the pointer and the sizes are those of the vector, and `compare` reads its elements.
    unsafe {
        qsort(sorted.as_mut_ptr().cast(), sorted.len(), size_of::<*const c_char>(), compare);
    }
    let in_order = texts.iter().rev().map(|text| text.as_ptr()).eq(sorted);
    Sorted {
        task: sortie::task::current().expect("this is a task").id().get(),
        // ORDERING: Relaxed, the same task counted.
        comparisons: COMPARISONS.load(Ordering::Relaxed),
        in_order,
    }
}

/// Called by `qsort`: into managed code, and out again to `strcmp`.
extern "C" fn compare(left: *const c_void, right: *const c_void) -> c_int {
    native::callback(0, || {
        // ORDERING: Relaxed, read by the same task.
        COMPARISONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: `qsort` hands out pointers to elements, which are pointers to C strings.
        let left = unsafe { left.cast::<*const c_char>().read() };
        // SAFETY: as above.
        let right = unsafe { right.cast::<*const c_char>().read() };
        // SAFETY: both point to strings of `sort`, which outlive the call of `qsort`.
        unsafe { strcmp(left, right) }
    })
}

/// What the runtime knows the two functions by: `qsort`, then `strcmp`.
pub(crate) fn known() -> [&'static native::Target; 2] {
    let [qsort, strcmp] = targets() else { unreachable!("two functions are declared") };
    [qsort, strcmp]
}

/// What the loader says when it is asked directly; 0 if it knows no such function.
pub(crate) fn loader_address(symbol: &CStr) -> usize {
    // SAFETY: the name is a C string, and the default scope is always there.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, symbol.as_ptr()) }.addr()
}
