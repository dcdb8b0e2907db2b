//! Where callbacks live: places that are never freed, so that a late call finds one and not a wild address.
//!
//! A place serves one callback after the other, all of one signature. Native code reaches it in two ways:
//! by the place's own function ([`Code`], whose user data is the place), or by one of the signature's two
//! trampolines and a user pointer, which is no address but a *ticket*: the number of the place and the
//! generation of its callback.
//!
//! 1. INVARIANT(place.kept): a place, its code and its number stay until the process ends.
//! 2. INVARIANT(place.body): the body is written and taken only by who is alone with the place: before
//!    [`Word::open`], and after the word has named somebody the last (INVARIANT(word.last)). Between, it is
//!    read by calls that were let in.
//! 3. INVARIANT(place.quarantine): a vacant place is used again only after [`QUARANTINE`] others of its
//!    signature became vacant later. Until then each late call ends the process with a message. Afterwards
//!    a late call with a ticket still does, for its generation is not the place's; one by the place's own
//!    function cannot be told from a call of the callback that is there now, which has the same signature.
//!
//! There are as many places of a signature as callbacks of it ever lived at once, and [`QUARANTINE`].
//!
//! Rejected: to free code when its callback is dropped (libffi gives it to the next closure of any
//! signature), and a user pointer that is the address of the closure (a late call could only be found by
//! luck).

use super::code::{Code, CodeError};
use super::signature::sealed::Signature;
use super::word::{Refusal, Word};
use crate::native::{callback, try_callback};
use crate::task::local;
use crate::transition::trace;
use parking_lot::Mutex;
use sortie_scheduler::crossing::Errno;
use std::any::{Any, TypeId, type_name};
use std::cell::UnsafeCell;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::c_void;
use std::fmt;
use std::io::Write;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::Relaxed;

/// How many vacant places of a signature are kept so at least.
pub(super) const QUARANTINE: usize = 1024;

/// Places come in buckets, each twice as large as the one before, and never move.
const FIRST_BUCKET: u64 = 64;
/// As many as 32 bits number.
const BUCKETS: usize = 26;

static PLACES: [OnceLock<Box<[Place]>>; BUCKETS] = [const { OnceLock::new() }; BUCKETS];

static VACANT: Mutex<Vacant> = Mutex::new(Vacant { unused: 0, by_signature: BTreeMap::new() });

struct Vacant {
    /// The number of the first place that was never used.
    unused: u32,
    /// The oldest first. A place has one signature for good.
    by_signature: BTreeMap<TypeId, VecDeque<u32>>,
}

/// What a callback is: what native code gets, and from whom.
pub(super) struct Body<S: Signature> {
    fallback: Fallback<S::Return>,
    closure: Box<S::Closure>,
}

/// Handed to native code as it is.
struct Fallback<R>(R);

// SAFETY: a value that is only copied. If it is a pointer, whoever follows it is responsible for that.
unsafe impl<R: Copy> Send for Fallback<R> {}
// SAFETY: as above.
unsafe impl<R: Copy> Sync for Fallback<R> {}

/// Where one callback is at a time.
pub(super) struct Place {
    number: u32,
    word: Word,
    /// A [`Body`] of this place's signature. See INVARIANT(place.body).
    body: UnsafeCell<Option<Box<dyn Any + Send + Sync>>>,
    /// Where the callback was made that is here, or was the last.
    made: AtomicPtr<Location<'static>>,
    signature: OnceLock<Kind>,
    /// Made when it is first asked for.
    code: OnceLock<Code>,
}

// SAFETY: all fields are `Sync` but the body, which is only read while others may: INVARIANT(place.body).
unsafe impl Sync for Place {}

struct Kind {
    id: TypeId,
    name: &'static str,
}

impl Place {
    fn unused(number: u32) -> Place {
        Place {
            number,
            word: Word::new(),
            body: UnsafeCell::new(None),
            made: AtomicPtr::default(),
            signature: OnceLock::new(),
            code: OnceLock::new(),
        }
    }

    /// Puts a callback into a place. Returns the place, and the generation.
    ///
    /// # Panics
    /// If there are four thousand million.
    pub(super) fn settle<S: Signature>(
        fallback: S::Return,
        closure: Box<S::Closure>,
        made: &'static Location<'static>,
    ) -> (&'static Place, u32) {
        let place = vacant::<S>();
        let body: Box<dyn Any + Send + Sync> =
            Box::new(Body::<S> { fallback: Fallback(fallback), closure });
        // SAFETY: the place was vacant, and is now this function's alone: INVARIANT(place.body).
        unsafe { *place.body.get() = Some(body) };
        // ORDERING: Relaxed, for messages and `Debug`; what it points to is constant.
        place.made.store(std::ptr::from_ref(made).cast_mut(), Relaxed);
        (place, place.word.open())
    }

    /// The place's own function, made if it is not there yet.
    pub(super) fn code<S: Signature>(&'static self) -> Result<*const (), CodeError> {
        debug_assert!(self.signature.get().is_some_and(|kind| kind.id == TypeId::of::<S>()));
        if self.code.get().is_none() {
            // If another thread was faster, this one's code is freed again: nobody has seen its address.
            let _ = self.code.set(Code::new::<S>(self)?);
        }
        Ok(self.code.get().expect("it was made").address())
    }

    /// The user pointer for a callback of this place.
    pub(super) fn ticket(&self, generation: u32) -> *mut c_void {
        let ticket = u64::from(generation) << 32 | u64::from(self.number);
        std::ptr::without_provenance_mut(ticket as usize)
    }

    /// How many calls are inside now.
    pub(super) fn calls(&self) -> u64 {
        self.word.calls()
    }

    /// Ends the callback for its owner. Returns how many calls are inside; the last of them drops the
    /// closure.
    pub(super) fn close(&self) -> u64 {
        let inside = self.word.close();
        if inside == 0 {
            // SAFETY: nobody is inside, and nobody enters: this is the last.
            drop(unsafe { self.take() });
        }
        inside
    }

    /// Native code called the place's own function.
    pub(super) fn called<S: Signature>(&self, arguments: S::Arguments) -> S::Return {
        self.enter(None).run::<S>(arguments)
    }

    fn enter(&self, generation: Option<u32>) -> Inside<'_> {
        match self.word.enter(generation) {
            Ok(()) => Inside { place: self },
            Err(Refusal::Dropped) => abort(format_args!(
                "native code called a callback that was dropped: {self}. A `Callback` must be kept until \
                 native code has forgotten it"
            )),
            Err(Refusal::Another) => abort(format_args!(
                "native code called a callback that was dropped long ago: at its place is now, or was the last, \
                 {self}. A `Callback` must be kept until native code has forgotten it"
            )),
        }
    }

    /// Takes the body out, and gives the place back.
    ///
    /// # Safety
    ///
    /// The word has named the caller the last.
    unsafe fn take(&self) -> Option<Box<dyn Any + Send + Sync>> {
        // SAFETY: INVARIANT(place.body): the caller is alone with the place.
        let body = unsafe { (*self.body.get()).take() };
        // A place whose generations are used up is not used again.
        if self.word.generation() < u32::MAX
            && let Some(kind) = self.signature.get()
        {
            VACANT.lock().by_signature.entry(kind.id).or_default().push_back(self.number);
        }
        body
    }
}

/// Native code called a trampoline of signature `S`, with this user pointer.
pub(super) fn called_with<S: Signature>(user: *mut c_void, arguments: S::Arguments) -> S::Return {
    let ticket = user.addr() as u64;
    let generation = (ticket >> 32) as u32;
    match at(ticket as u32) {
        Some(place) if (1..=place.word.generation()).contains(&generation) => {
            place.enter(Some(generation)).run::<S>(arguments)
        }
        _ => abort(format_args!(
            "native code called a callback `{}` with the user pointer {user:p}, which is that of no callback",
            type_name::<S>()
        )),
    }
}

/// A call inside a callback: the body stays.
struct Inside<'a> {
    place: &'a Place,
}

impl Inside<'_> {
    fn run<S: Signature>(self, arguments: S::Arguments) -> S::Return {
        // SAFETY: INVARIANT(place.body): this call was let in, so that the body is only read until it is out.
        let body = unsafe { &*self.place.body.get() };
        match body.as_ref().and_then(|body| body.downcast_ref::<Body<S>>()) {
            Some(body) => callback(body.fallback.0, || S::apply(&body.closure, arguments)),
            None => abort(format_args!(
                "native code called a callback as `{}`, with the user pointer of another: {}",
                type_name::<S>(),
                self.place
            )),
        }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if self.place.word.exit() {
            let errno = Errno::save();
            // SAFETY: the callback was dropped, and this was its last call.
            let mut body = unsafe { self.place.take() };
            // The closure's values are dropped as managed code, if possible: they may do all that it may.
            let _ = try_callback(|| drop(body.take()));
            // Else here: the closure has panicked, which is kept, or nothing can be entered any more.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(body))) {
                trace::tell(|| {
                    tracing::error!(
                        target: "sortie::crossing",
                        "the values of a callback's closure panicked when its last call dropped them, and cannot be heard: \
                         it had panicked before, or managed code could not be entered"
                    );
                });
                local::discard(payload);
            }
            errno.restore();
        }
    }
}

/// A place for a callback of this signature, alone with the caller.
fn vacant<S: Signature>() -> &'static Place {
    let kind = Kind { id: TypeId::of::<S>(), name: type_name::<S>() };
    let mut vacant = VACANT.lock();
    let queue = vacant.by_signature.entry(kind.id).or_default();
    // See INVARIANT(place.quarantine).
    if queue.len() > QUARANTINE
        && let Some(place) = queue.pop_front().and_then(at)
    {
        return place;
    }
    let number = vacant.unused;
    vacant.unused = number.checked_add(1).expect("there is memory for fewer callbacks");
    drop(vacant);
    let (bucket, index) = position(number);
    let bucket = &PLACES[bucket];
    let first = number - index as u32;
    let places = bucket.get_or_init(|| {
        let end = first as u64 + first as u64 + FIRST_BUCKET;
        (u64::from(first)..end).map(|number| Place::unused(number as u32)).collect()
    });
    let place = &places[index];
    let _ = place.signature.set(kind);
    place
}

/// The place of this number, if there ever was one.
fn at(number: u32) -> Option<&'static Place> {
    let (bucket, index) = position(number);
    PLACES.get(bucket)?.get()?.get(index)
}

/// The bucket that a place is in, and where in it.
fn position(number: u32) -> (usize, usize) {
    let shifted = u64::from(number) + FIRST_BUCKET;
    let bucket = shifted.ilog2() - FIRST_BUCKET.ilog2();
    (bucket as usize, (shifted - (FIRST_BUCKET << bucket)) as usize)
}

const _: () = assert!(usize::BITS == 64, "a ticket is a number of 64 bits");

impl fmt::Display for Place {
    /// What is here, or was the last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.signature.get().map_or("nothing", |kind| kind.name);
        // ORDERING: Relaxed, see `settle`.
        let made = self.made.load(Relaxed);
        // SAFETY: null, or what `settle` stored: a reference that is good for ever.
        match unsafe { made.as_ref() } {
            Some(made) => write!(f, "the `{kind}` made at {made}"),
            None => write!(f, "a `{kind}`"),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("number", &self.number)
            .field("word", &self.word)
            .finish_non_exhaustive()
    }
}

/// Ends the process with one line: there are native frames below, which nothing may unwind.
pub(super) fn abort(message: fmt::Arguments<'_>) -> ! {
    // Standard error may be closed, and there is nobody else to tell.
    let _ = writeln!(std::io::stderr(), "sortie: {message}");
    std::process::abort();
}
