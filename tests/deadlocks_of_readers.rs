//! Who waits to write waits for each who reads, and who wants to read for the writers before it: circles through these are
//! found in a process of which a runtime reports deadlocks, and nothing else is taken for one.

use sortie::sync::{Event, Mutex, RwLock, RwLockWriteGuard};
use sortie::{Handle, JoinHandle, Runtime, task};
use sortie_test::deadlocks::{self, told};
use sortie_test::{each_setting, events, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

const READ: &str = "a wait to read";
const WRITE: &str = "a wait to write";
const LOCK: &str = "a wait for a lock";

/// On runtimes that report deadlocks.
fn each_reporting(test: impl Fn(&Runtime)) {
    each_setting(|case| {
        events::record();
        let runtime = case.watched(case.builder().report_deadlocks(true).build().unwrap());
        test(&runtime);
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}

fn named(runtime: &Handle, name: &str, f: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    task::Builder::new().name(name).spawn_on(runtime, f)
}

/// The only deadlock, once it is there: who waits in what, by name.
fn the_waits(runtime: &Runtime) -> Vec<(String, &'static str)> {
    let deadlock = deadlocks::the_only(runtime);
    let mut waits = Vec::new();
    for wait in deadlock.waits() {
        assert!(wait.place().file().ends_with("deadlocks_of_readers.rs"), "{deadlock}");
        waits.push((wait.name().unwrap().to_owned(), wait.what()));
    }
    waits.sort_unstable();
    waits
}

fn expect(runtime: &Runtime, waits: &[(&str, &'static str)]) {
    let expected: Vec<_> = waits.iter().map(|(name, what)| ((*name).to_owned(), *what)).collect();
    assert_eq!(the_waits(runtime), expected);
}

fn is_aborted(task: JoinHandle<()>) {
    assert!(task.join().unwrap_err().is_aborted());
}

/// A table that one reads who wants the lock of one who wants to write; another who reads goes on.
#[test]
fn a_writer_waits_for_each_who_reads() {
    each_reporting(|runtime| {
        for downgrades in [false, true] {
            events::record();
            let (table, lock) = (Arc::new(RwLock::new(())), Arc::new(Mutex::new(())));
            let [reads, locked, go_on] = [(); 3].map(|()| Arc::new(Event::manual()));
            let reader = {
                let (table, lock) = (table.clone(), lock.clone());
                let (reads, locked) = (reads.clone(), locked.clone());
                named(&runtime.handle(), "reader", move || {
                    let _held = match downgrades {
                        true => RwLockWriteGuard::downgrade(table.write()),
                        false => table.read(),
                    };
                    reads.set();
                    locked.wait();
                    drop(lock.lock());
                })
            };
            // Another reads, and goes on.
            reads.wait();
            let other = {
                let (table, go_on) = (table.clone(), go_on.clone());
                let reads_too = Arc::new(Event::manual());
                let told = reads_too.clone();
                let other = named(&runtime.handle(), "other", move || {
                    let _held = table.try_read().unwrap();
                    told.set();
                    go_on.wait();
                });
                reads_too.wait();
                other
            };
            let writer = {
                let (table, lock) = (table.clone(), lock.clone());
                named(&runtime.handle(), "writer", move || {
                    let _held = lock.lock();
                    locked.set();
                    drop(table.write());
                })
            };
            expect(runtime, &[("reader", LOCK), ("writer", WRITE)]);
            until("it is told", || !told().is_empty());
            assert_eq!(told().len(), 1, "{:?}", told());
            go_on.set();
            other.join().unwrap();
            assert_eq!(runtime.deadlocks().len(), 1);
            writer.abort();
            is_aborted(writer);
            reader.join().unwrap();
            assert!(runtime.deadlocks().is_empty());
        }
    });
}

/// A thread without a task reads.
#[test]
fn a_thread_that_reads() {
    each_reporting(|runtime| {
        let (table, lock) = (Arc::new(RwLock::new(())), Arc::new(Mutex::new(())));
        let [reads, locked] = [(); 2].map(|()| Arc::new(Event::manual()));
        let reader = {
            let (table, lock) = (table.clone(), lock.clone());
            let (reads, locked) = (reads.clone(), locked.clone());
            let body = move || {
                let _held = table.try_read_for(Duration::from_secs(60)).unwrap();
                reads.set();
                locked.wait();
                drop(lock.lock());
            };
            thread::Builder::new().name("reader".into()).spawn(body).unwrap()
        };
        let writer = named(&runtime.handle(), "writer", move || {
            reads.wait();
            let _held = lock.lock();
            locked.set();
            drop(table.write());
        });
        expect(runtime, &[("reader", LOCK), ("writer", WRITE)]);
        writer.abort();
        is_aborted(writer);
        reader.join().unwrap();
    });
}

/// Reads, says so, and wants to read again once a writer stands in line.
fn reads_again_behind(
    table: &Arc<RwLock<()>>,
    reads: &Arc<Event>,
) -> impl FnOnce() + Send + 'static {
    let (table, reads) = (table.clone(), reads.clone());
    move || {
        let _held = table.read();
        reads.set();
        while table.try_read().is_some() {
            sortie::yield_now();
        }
        drop(table.read());
    }
}

/// It stands behind the writer, who waits for it.
#[test]
fn who_reads_and_wants_to_read_again_behind_a_writer() {
    each_reporting(|runtime| {
        let busy = deadlocks::no_rest(runtime);
        for writer_is_a_thread in [false, true] {
            events::record();
            let table = Arc::new(RwLock::new(()));
            let reads = Arc::new(Event::manual());
            let reader = named(&runtime.handle(), "reader", reads_again_behind(&table, &reads));
            let write = move || {
                reads.wait();
                drop(table.write());
            };
            let (task, thread) = match writer_is_a_thread {
                true => {
                    let thread = thread::Builder::new().name("writer".into());
                    (None, Some(thread.spawn(write).unwrap()))
                }
                false => (Some(named(&runtime.handle(), "writer", write)), None),
            };
            expect(runtime, &[("reader", READ), ("writer", WRITE)]);
            // The last of the waits was a task's.
            until("it is told", || !told().is_empty());
            assert_eq!(told().len(), 1, "{:?}", told());
            reader.abort();
            is_aborted(reader);
            task.into_iter().for_each(|task| task.join().unwrap());
            thread.into_iter().for_each(|thread| thread.join().unwrap());
        }
        busy.end();
    });
}

#[test]
fn who_reads_and_wants_to_write_waits_for_itself() {
    each_reporting(|runtime| {
        let task = named(&runtime.handle(), "both", || {
            let table = RwLock::new(());
            let _held = table.read();
            drop(table.write());
        });
        expect(runtime, &[("both", WRITE)]);
        until("it is told", || told().len() == 1);
        task.abort();
        is_aborted(task);
    });
}

/// A reader behind two writers, the first of whom gives up: it may wait for the second, who waits for nobody.
#[test]
fn a_writer_that_gives_up_keeps_nobody() {
    each_reporting(|runtime| {
        let table = Arc::new(RwLock::new(()));
        let (reads, go_on) = (Arc::new(Event::manual()), Arc::new(Event::manual()));
        let reader = named(&runtime.handle(), "reader", reads_again_behind(&table, &reads));
        let writer = {
            let go_on = go_on.clone();
            named(&runtime.handle(), "writer", move || {
                reads.wait();
                assert!(table.try_write_for(Duration::from_millis(20)).is_none());
                go_on.set();
            })
        };
        while !go_on.is_set() {
            assert!(runtime.deadlocks().is_empty());
        }
        reader.join().unwrap();
        writer.join().unwrap();
        assert!(told().is_empty(), "{:?}", told());
    });
}

/// A thread that comes attached to one runtime, and goes attached to another, reads no more: a writer does not wait for
/// it, nor for the tasks one of which has its memory now.
#[test]
fn who_goes_as_somebody_else_reads_no_more() {
    each_reporting(|runtime| {
        let (table, lock) = (Arc::new(RwLock::new(())), Arc::new(Mutex::new(())));
        let [reads, locked, go_on] = [(); 3].map(|()| Arc::new(Event::manual()));
        let elsewhere = Runtime::builder().workers(1).thread_name("elsewhere").build().unwrap();
        let reader = {
            let (table, reads, go_on) = (table.clone(), reads.clone(), go_on.clone());
            named(&runtime.handle(), "reader", move || {
                let _held = table.read();
                reads.set();
                go_on.wait();
            })
        };
        reads.wait();
        let thread = {
            let (table, here, there) = (table.clone(), runtime.handle(), elsewhere.handle());
            thread::spawn(move || {
                here.reverse_enter().unwrap();
                let held = table.read();
                sortie::transition::reverse_leave().unwrap();
                there.reverse_enter().unwrap();
                drop(held);
                sortie::transition::reverse_leave().unwrap();
            })
        };
        thread.join().unwrap();
        let writer = {
            let (lock, locked) = (lock.clone(), locked.clone());
            named(&runtime.handle(), "writer", move || {
                let _held = lock.lock();
                locked.set();
                drop(table.write());
            })
        };
        locked.wait();
        // They wait for the writer, who waits for the reader, who is about to go on.
        let want = |_| {
            let lock = lock.clone();
            runtime.spawn(move || drop(lock.lock()))
        };
        let tasks: Vec<_> = (0..100).map(want).collect();
        for _ in 0..10 {
            let found = runtime.deadlocks();
            assert!(found.is_empty(), "{}", found[0]);
            thread::sleep(Duration::from_micros(200));
        }
        go_on.set();
        reader.join().unwrap();
        writer.join().unwrap();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert!(elsewhere.shutdown(Duration::from_secs(10)).is_clean());
        assert!(told().is_empty(), "{:?}", told());
    });
}

/// Locks that are taken in order by all, read and written, let go, made readers', and given up.
#[test]
fn what_ends_is_no_deadlock() {
    each_reporting(|runtime| {
        let stop = Arc::new(AtomicBool::new(false));
        let tables = Arc::new([(); 3].map(|()| RwLock::new(0)));
        let work = |n: usize| {
            let (tables, stop) = (tables.clone(), stop.clone());
            move || {
                for round in n.. {
                    if stop.load(SeqCst) {
                        break;
                    }
                    let first = tables[0].read();
                    match round % 4 {
                        0 => *tables[1].write() += 1,
                        1 => drop(RwLockWriteGuard::downgrade(tables[1].write())),
                        2 => drop(tables[1].try_write_for(Duration::from_micros(100))),
                        _ => drop((tables[1].read(), tables[2].read())),
                    }
                    if round % 16 == 0 {
                        drop(first);
                        *tables[0].write() += 1;
                    }
                    sortie::yield_now();
                }
            }
        };
        let tasks: Vec<_> = (0..8).map(|n| runtime.spawn(work(n))).collect();
        let thread = thread::spawn(work(9));
        deadlocks::are_none(runtime);
        stop.store(true, SeqCst);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        thread.join().unwrap();
        assert!(told().is_empty(), "{:?}", told());
    });
}
