//! Threads for workers: a worker that is free goes to one that can use it, or a new one is started; and their ends.

use super::Shared;
use crate::carrier::Carrier;
use crate::idle::Placed;
use crate::metrics::Counter;
use crate::monitor::standstill::Crowds;
use crate::native_stack;
use crate::overflow;
use crate::queue::Ring;
use crate::shutdown;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::worker::Worker;
use crate::worker::run::carrier_main;
use std::thread;

impl Shared {
    /// How many workers are neither idle nor held back.
    pub(crate) fn active_workers(&self) -> usize {
        (self.workers_out() + self.extras.out()).saturating_sub(self.lobby.idle())
    }

    /// Are so many workers at work that one more thread only waits for a processor?
    #[inline]
    pub(crate) fn is_crowded(&self) -> bool {
        self.config.workers > 2 * self.processors
            && self.workers_out().saturating_sub(self.lobby.idle()) > 2 * self.processors
    }

    /// How many workers there are beside those that are held back.
    #[inline]
    pub(crate) fn workers_out(&self) -> usize {
        self.config.workers.saturating_sub(self.lobby.reserve())
    }

    /// A worker is free and its carrier will not run it: it goes to whoever can use it.
    pub(crate) fn hand_on(&self, mut worker: Box<Worker>) {
        if std::mem::take(&mut worker.searching) {
            self.lobby.stop_searching();
        }
        worker.serves_timers = false;
        if worker.is_extra() {
            self.hand_on_extra(worker);
            return;
        }
        // On the only processor nothing is elsewhere.
        let ahead = (self.processors > 1).then(|| worker.ahead());
        // Its owner's look needs no fence; while it is idle nobody queues anything there.
        let (index, has_queued) = (worker.index, !worker.queues.is_empty());
        match self.lobby.place(worker, || self.work_is_queued()) {
            Placed::Given(worker, carrier) => carrier.give(worker),
            Placed::NoSpare(worker) => drop(self.start_carrier_for(worker)),
            Placed::Idle => {
                self.look_again_for(ahead.as_ref(), || has_queued || self.work_waits_beside(index))
            }
        }
    }

    /// Starts a thread for a worker; if none can be had the worker goes to the idle ones, where a
    /// carrier that comes back will find it, and its queued work stays stealable. An extra one goes back.
    /// True if there was one.
    pub(crate) fn start_carrier_for(&self, worker: Box<Worker>) -> bool {
        let Err((worker, why)) = self.start_carrier(Some(worker)) else {
            return true;
        };
        let mut worker = worker.expect("given back with the error");
        let was_searching = std::mem::take(&mut worker.searching);
        if worker.is_extra() {
            self.take_back(worker);
        } else if let Placed::Given(worker, carrier) = self.lobby.put_idle(worker) {
            carrier.give(worker);
        }
        if was_searching {
            self.lobby.stop_searching();
        }
        // A carrier may have become a spare while this worker was nobody's.
        if self.lobby.spares() > 0 {
            self.look_again();
        }
        self.say_saturated(&why);
        false
    }

    /// Work waits, and a carrier for it was refused: once until the next that was not.
    fn say_saturated(&self, why: &std::io::Error) {
        // Whoever asks in vain is not the last to do so: the monitor asks again.
        if self.gate.is_closed() {
            self.gate.kick();
        }
        // ORDERING: Relaxed, it only keeps the event from being repeated.
        if self.saturated.swap(true, Ordering::Relaxed) {
            return;
        }
        self.metrics.add(Counter::Saturations);
        // ORDERING: Relaxed, a count for the record.
        let carriers = self.threads.load(Ordering::Relaxed);
        tracing::warn!(
            target: "sortie::carrier",
            carriers,
            cap = self.config.carrier_cap(),
            targets = %Crowds::new(self),
            %why,
            "saturated: work waits and no carrier can be had for it"
        );
    }

    /// Starts a carrier without a worker, so that the next worker that is taken back finds a thread. Unless there is
    /// a spare, or one is on its way: however late threads come, one is ahead.
    pub(crate) fn start_spare(&self) {
        if !self.offloaded.begin_start(1) {
            return;
        }
        // Behind the count: who was on it and is not any more is seen here (backlog.starting).
        if self.lobby.spares() == 0 {
            self.start_counted();
            return;
        }
        self.offloaded.end_start();
        // Somebody may have counted on the thread that is not started.
        self.hurry_calls();
    }

    /// Starts a carrier without a worker that is counted as on its way. False: there is none.
    pub(crate) fn start_counted(&self) -> bool {
        let refused = self.start_carrier(None).err();
        if let Some((_, why)) = &refused {
            self.offloaded.end_start();
            if !self.offloaded.is_empty() {
                self.say_saturated(why);
            }
        }
        refused.is_none()
    }

    /// Would a burst not help where no carrier can be had?
    pub(crate) fn is_beyond_bursts(&self) -> bool {
        // ORDERING: Relaxed, a look.
        let threads = self.threads.load(Ordering::Relaxed);
        threads < self.config.carrier_cap() || threads >= self.config.burst_cap()
    }

    /// Are there more carriers than there may be in the long run?
    pub(crate) fn is_beyond_cap(&self) -> bool {
        // ORDERING: Relaxed, a look.
        self.threads.load(Ordering::Relaxed) > self.config.carrier_cap()
    }

    /// Starts a thread, with a worker or as a spare.
    ///
    /// # Errors
    /// The worker, given back, and why the thread was refused.
    pub(crate) fn start_carrier(
        &self,
        worker: Option<Box<Worker>>,
    ) -> Result<(), (Option<Box<Worker>>, std::io::Error)> {
        // ORDERING: Relaxed, a count with a limit; the thread itself is what matters.
        let limit = self.thread_limit.load(Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        let room = self.threads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |threads| {
            (threads < limit).then_some(threads + 1)
        });
        let Ok(before) = room else {
            return Err((worker, std::io::Error::other("max_carriers is reached")));
        };
        let carrier = self.arena.acquire(self, false);
        // SAFETY: `self` is inside an `Arc`: a `Shared` is made by `start` only.
        unsafe { Arc::increment_strong_count(self) };
        // SAFETY: takes over the count of the line above.
        let shared = unsafe { Arc::from_raw(self) };
        // The worker travels by the gift, so that a refused thread does not swallow it.
        let is_spare = worker.is_none();
        if let Some(worker) = worker {
            carrier.give(worker);
        }
        // Held over the start, so that the thread finds its own handle when it ends.
        let mut handle = carrier.thread.lock();
        let started = thread::Builder::new()
            .name(self.config.thread_name.clone())
            .stack_size(self.config.native_stack_bytes)
            .spawn(move || {
                // It has that of whoever starts it, perhaps a task that has changed it.
                shared.environment.restore();
                let _stack = overflow::on_carrier(&shared.signal_stacks);
                // At the end of the runtime it may be taken back before this.
                let worker = carrier.take_gift();
                carrier_main(&shared, carrier, worker, is_spare);
            });
        match started {
            Ok(thread) => {
                *handle = Some(thread);
                drop(handle);
                // ORDERING: Relaxed, it publishes nothing.
                self.saturated.store(false, Ordering::Relaxed);
                self.metrics.add(Counter::CarriersStarted);
                tracing::debug!(target: "sortie::carrier", carrier = carrier.index, "start");
                if before >= self.config.carrier_cap() {
                    self.metrics.add(Counter::Bursts);
                    tracing::info!(
                        target: "sortie::carrier",
                        carriers = before + 1,
                        cap = self.config.carrier_cap(),
                        "burst: everything stands still at the cap, so one more carrier starts"
                    );
                }
                Ok(())
            }
            Err(error) => {
                let worker = carrier.take_gift();
                // ORDERING: Relaxed, as above.
                self.threads.fetch_sub(1, Ordering::Relaxed);
                drop(handle);
                self.arena.release(carrier);
                Err((worker, error))
            }
        }
    }

    /// A carrier's thread has left its loop.
    pub(crate) fn end_carrier(&self, carrier: &Carrier) {
        let had_worker = carrier.word.is_run();
        carrier.word.wait();
        if had_worker
            // SAFETY: this is the carrier's own thread, out of its loop.
            && let Some(mut worker) = unsafe { carrier.take_worker() }
        {
            // It may be idle for good, and must not keep the runtime.
            worker.supply.clear(self);
            if worker.is_extra() {
                self.take_back(worker);
            } else if let Placed::Given(worker, first) = self.lobby.put_idle(worker) {
                first.give(worker);
            }
        }
        // SAFETY: as above.
        while let Some(task) = unsafe { carrier.with_ring(Ring::pop_any) } {
            shutdown::refuse_or_keep(self, task);
        }
        carrier.take_recall();
        if carrier.take_call() {
            self.lobby.stop_searching();
        }
        if let Some(task) = carrier.take_job() {
            shutdown::refuse_or_keep(self, task);
        }
        native_stack::give_all(carrier, self);
        self.metrics.add(Counter::CarriersEnded);
        tracing::debug!(target: "sortie::carrier", carrier = carrier.index, "end");
        let mut ended = self.ended.lock();
        let gone: Vec<_> = ended.extract_if(.., |thread| thread.is_finished()).collect();
        ended.extend(carrier.thread.lock().take());
        drop(ended);
        for thread in gone {
            let _ = thread.join();
        }
        self.arena.release(carrier.as_ref());
        // ORDERING(shared.threads): Release, pairs with the Acquire in the shutdown: who finds none
        // left finds all their handles.
        self.threads.fetch_sub(1, Ordering::Release);
        self.closer.unpark();
    }

    /// Takes the fibers back from workers that nobody will run again: idle ones, and such as were
    /// given to a carrier that ended before it took them in.
    pub(crate) fn recover(&self) {
        let gifts = self.arena.all().into_iter().filter_map(|carrier| carrier.take_gift());
        for worker in self.lobby.close().into_iter().chain(gifts) {
            self.dispose(worker);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;
    use crate::sync::atomic::Ordering;
    use std::sync::mpsc;
    use std::time::Duration;

    /// However late a thread comes, and whenever it is asked for.
    #[test]
    fn one_spare_is_ahead() {
        for _ in 0..50 {
            let scheduler = Config::new().workers(1).start().expect("threads for a runtime");
            let (enter, inside) = mpsc::channel();
            let (end, ended) = mpsc::channel::<()>();
            // So that the first thread is none of the spares.
            let task = scheduler.spawn(move || {
                enter.send(()).expect("somebody waits for it");
                ended.recv().expect("somebody lets it go on");
            });
            inside.recv().expect("it runs");
            let shared = &scheduler.shared;
            let threads = || shared.threads.load(Ordering::Relaxed);
            assert!(shared.offloaded.begin_start(1));
            shared.start_spare();
            assert_eq!(threads(), 1, "one is on its way");
            shared.offloaded.end_start();
            while shared.lobby.spares() == 0 {
                shared.start_spare();
            }
            shared.start_spare();
            assert_eq!(threads(), 2);
            end.send(()).expect("it waits for it");
            task.join().expect("a task that ends");
            scheduler.shutdown(Duration::from_secs(10));
        }
    }
}
