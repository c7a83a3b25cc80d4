//! Batches made ahead of the training by threads of their own.
//!
//! A thread takes the next batch that nobody works on, decodes, augments and normalises its images, and waits where it is
//! further ahead than [`AHEAD`] batches. What is random follows from the seed of the epoch and the place in it, so bits do not
//! depend on threads, nor on where the training began in the epoch.

mod make;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{DataError, Part, Prepared};

/// Batches that may be ready or in work, besides one for each thread.
const AHEAD: usize = 2;

/// The batches of an epoch, in their order.
pub struct Loader {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    next: usize,
    waited: Duration,
}

struct Shared {
    part: Part,
    order: Vec<usize>,
    batch: usize,
    batches: usize,
    /// Of the epoch; none for evaluation.
    seed: Option<u64>,
    /// Batches that may be ready or in work.
    room: usize,
    state: Mutex<State>,
    /// A batch is ready, or a thread has ended.
    ready: Condvar,
    /// A batch was taken, or all is over.
    taken: Condvar,
}

#[derive(Default)]
struct State {
    /// The next batch that nobody works on.
    begin: usize,
    /// The next batch to be taken.
    next: usize,
    ready: BTreeMap<usize, Result<Prepared, DataError>>,
    stop: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread's life.
    fn work(&self) {
        loop {
            let mut state = self.state();
            while !state.stop && state.begin < self.batches && state.begin >= state.next + self.room {
                state = self.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.stop || state.begin >= self.batches {
                return;
            }
            let number = state.begin;
            state.begin += 1;
            drop(state);
            let batch = self.guarded(number);
            self.state().ready.insert(number, batch);
            self.ready.notify_all();
        }
    }

    /// A mistake in here must not leave the training waiting.
    fn guarded(&self, number: usize) -> Result<Prepared, DataError> {
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.make(number)));
        made.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(DataError::Worker { reason: text.unwrap_or_default() })
        })
    }
}

impl Loader {
    /// The batches of an epoch in training, augmented, from batch `first` on; the last has what is left. `threads` work ahead;
    /// with none a batch is made when it is asked for.
    pub fn training(part: &Part, batch: usize, seed: u64, first: usize, threads: usize) -> Loader {
        Loader::new(part, part.order(seed), batch, Some(seed), first, threads)
    }

    /// All images once, first to last, as evaluation sees them.
    pub fn evaluation(part: &Part, batch: usize, threads: usize) -> Loader {
        Loader::new(part, (0..part.len()).collect(), batch, None, 0, threads)
    }

    fn new(part: &Part, order: Vec<usize>, batch: usize, seed: Option<u64>, first: usize, threads: usize) -> Loader {
        let batch = batch.max(1);
        let batches = order.len().div_ceil(batch);
        let threads = threads.min(batches.saturating_sub(first));
        let state = State { begin: first, next: first, ..State::default() };
        let shared = Arc::new(Shared {
            part: part.clone(),
            order,
            batch,
            batches,
            seed,
            room: threads + AHEAD,
            state: Mutex::new(state),
            ready: Condvar::new(),
            taken: Condvar::new(),
        });
        let start = |_| {
            let shared = shared.clone();
            // Where no thread is to be had, batches are made when they are asked for.
            std::thread::Builder::new().name("data".into()).spawn(move || shared.work()).ok()
        };
        let threads = (0..threads).filter_map(start).collect();
        Loader { shared, threads, next: first, waited: Duration::ZERO }
    }

    /// How long the training has waited for batches so far.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Iterator for Loader {
    type Item = Result<Prepared, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.shared.batches {
            return None;
        }
        let (number, began) = (self.next, Instant::now());
        self.next += 1;
        let batch = if self.threads.is_empty() {
            self.shared.guarded(number)
        } else {
            let mut state = self.shared.state();
            loop {
                if let Some(batch) = state.ready.remove(&number) {
                    break batch;
                }
                state = self.shared.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        };
        self.shared.state().next = self.next;
        self.shared.taken.notify_all();
        self.waited += began.elapsed();
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.shared.batches - self.next.min(self.shared.batches);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Loader {}

/// Threads end with their batch.
impl Drop for Loader {
    fn drop(&mut self) {
        self.shared.state().stop = true;
        self.shared.taken.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
