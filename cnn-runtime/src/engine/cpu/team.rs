//! Threads that share the tasks of one run.
//!
//! A run has hundreds of short loops; to wake a thread for each would cost more than many of them take. So helpers join once,
//! when the run begins, and watch for tasks until it ends. The leader waits for tasks that helpers have taken, never for the
//! helpers: where the pool is busy with something else, it does all of them itself.

use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::simd::Isa;

/// A loop's body: the number of the task and of the thread.
type Body<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Those who work on a run.
pub(super) struct Team {
    lanes: usize,
    isa: Isa,
    /// Number of the loop in the upper half, tasks not yet taken in the lower: taken together, so that nobody takes a task of
    /// one loop for another's.
    open: AtomicU64,
    /// Tasks of this loop that are done.
    done: AtomicUsize,
    over: AtomicBool,
    /// There is a loop.
    busy: AtomicBool,
    /// A task panicked; the leader says so.
    broken: AtomicBool,
    /// The body of this loop, and how many tasks it has.
    body: UnsafeCell<Option<(Body<'static>, usize)>>,
}

// SAFETY: `body` is written by who holds `busy` while no task is open, and read by whoever has taken one: the store that opens
// tasks releases it, taking one acquires it, and `done` hands it back.
unsafe impl Sync for Team {}

thread_local! {
    /// Runs that this thread leads now.
    static LEADS: Cell<usize> = const { Cell::new(0) };
}

impl Team {
    /// Runs `work` with as many threads of rayon's pool as `lanes` says and are free.
    pub fn run<R: Send>(lanes: usize, isa: Isa, work: impl FnOnce(&Team) -> R + Send) -> R {
        let team = Team {
            lanes,
            isa,
            open: AtomicU64::new(0),
            done: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            body: UnsafeCell::new(None),
        };
        /// Lets helpers go, whatever happens.
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Release);
                LEADS.set(LEADS.get() - 1);
            }
        }
        if lanes == 1 {
            return work(&team);
        }
        let lead = || {
            LEADS.set(LEADS.get() + 1);
            let _over = Over(&team.over);
            work(&team)
        };
        rayon::join(lead, || team.helpers(1)).0
    }

    /// Those who help, from this lane on: jobs within jobs, because these take no memory.
    fn helpers(&self, lane: usize) {
        if lane + 1 == self.lanes {
            self.help(lane);
        } else {
            rayon::join(|| self.help(lane), || self.helpers(lane + 1));
        }
    }

    /// The vectors that they use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// How many threads there may be.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// `body(task, lane)` for every task below `count`; which lane takes which is left to chance. No task begins a loop itself.
    pub fn each(&self, count: usize, body: impl Fn(usize, usize) + Sync) {
        if count <= 1 || self.lanes == 1 {
            (0..count).for_each(|task| body(task, 0));
            return;
        }
        assert!(u32::try_from(count).is_ok(), "{count} tasks are more than can be counted");
        assert!(!self.busy.swap(true, Ordering::Acquire), "a loop within a loop");
        let body: Body<'_> = &body;
        // SAFETY: nobody else is here, as `busy` says, and no task is open, so nobody reads it. What it borrows lives as long as
        // anybody uses it, because this function does not return before all tasks are done: panics in tasks are caught.
        unsafe { *self.body.get() = Some((std::mem::transmute::<Body<'_>, Body<'static>>(body), count)) };
        self.done.store(0, Ordering::Relaxed);
        let number = (self.open.load(Ordering::Relaxed) >> 32).wrapping_add(1) & 0xffff_ffff;
        self.open.store(number << 32 | count as u64, Ordering::Release);
        while self.take(0) {}
        let mut waited = 0u32;
        while self.done.load(Ordering::Acquire) < count {
            pause(&mut waited);
        }
        self.busy.store(false, Ordering::Release);
        assert!(!self.broken.load(Ordering::Relaxed), "a task of the engine panicked; this is a bug in it");
    }

    /// Does some tasks, if any are open: a share of what is left, so that many short ones cost few ways from processor to
    /// processor, and the last of all are taken one by one (Polychronopoulos & Kuck 1987).
    fn take(&self, lane: usize) -> bool {
        let mut open = self.open.load(Ordering::Acquire);
        loop {
            let left = (open & 0xffff_ffff) as usize;
            if left == 0 {
                return false;
            }
            let share = (left / (2 * self.lanes)).max(1);
            match self.open.compare_exchange_weak(open, open - share as u64, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    // SAFETY: a task that is taken and not done keeps the leader from writing this.
                    if let Some((body, count)) = unsafe { *self.body.get() } {
                        let first = count - left;
                        let run = || (first..first + share).for_each(|task| body(task, lane));
                        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
                            self.broken.store(true, Ordering::Relaxed);
                        }
                    }
                    self.done.fetch_add(share, Ordering::Release);
                    return true;
                }
                Err(now) => open = now,
            }
        }
    }

    /// Not where a run is led: its leader comes here when it waits for a loop of rayon's and takes whatever job there is. It would
    /// wait for the end of a run, perhaps its own.
    fn help(&self, lane: usize) {
        if LEADS.get() > 0 {
            return;
        }
        let mut waited = 0;
        while !self.over.load(Ordering::Acquire) {
            match self.take(lane) {
                true => waited = 0,
                false => pause(&mut waited),
            }
        }
    }
}

/// Spins for a while, then lets others have the processor now and then.
fn pause(waited: &mut u32) {
    *waited = waited.saturating_add(1);
    match *waited < 2_000 {
        true => std::hint::spin_loop(),
        false => std::thread::yield_now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An interpreter takes its time.
    const LOOPS: usize = if cfg!(miri) { 3 } else { 50 };

    /// While it waits for another loop, rayon may hand a leader the jobs of helpers: of its own run, or of another's.
    #[test]
    fn a_leader_does_not_wait_for_itself() {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            Team::run(3, Isa::Portable, |team| {
                team.helpers(1);
                Team::run(3, Isa::Portable, |other| {
                    team.helpers(2);
                    other.helpers(2);
                });
            });
            sender.send(()).expect("somebody waits");
        });
        let ended = receiver.recv_timeout(std::time::Duration::from_secs(60));
        assert!(ended.is_ok(), "a leader helps itself and never ends");
    }

    #[test]
    fn every_task_is_done_once() {
        for lanes in [1, 2, 3] {
            let sums: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
            Team::run(lanes, Isa::Portable, |team| {
                for _ in 0..LOOPS {
                    team.each(sums.len(), |task, lane| {
                        assert!(lane < lanes);
                        sums[task].fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
            assert!(sums.iter().all(|sum| sum.load(Ordering::Relaxed) == LOOPS), "{lanes} lanes");
        }
    }

    #[test]
    fn runs_within_the_pool_do_not_wait_for_each_other() {
        use rayon::prelude::*;
        let sums: Vec<usize> = (0..16usize)
            .into_par_iter()
            .map(|run| {
                Team::run(4, Isa::Portable, |team| {
                    let sum = AtomicUsize::new(0);
                    (0..2 * LOOPS).for_each(|_| {
                        team.each(10, |task, _| {
                            sum.fetch_add(task * run, Ordering::Relaxed);
                        });
                    });
                    sum.into_inner()
                })
            })
            .collect();
        assert!(sums.iter().enumerate().all(|(run, &sum)| sum == 90 * LOOPS * run));
    }

    /// Another loop's body would take the place of the first one's.
    #[test]
    #[should_panic(expected = "a task of the engine panicked")]
    fn no_loop_begins_within_another() {
        Team::run(2, Isa::Portable, |team| team.each(8, |_, _| team.each(8, |_, _| ())));
    }

    #[test]
    #[should_panic(expected = "a task of the engine panicked")]
    fn a_panic_is_told() {
        Team::run(2, Isa::Portable, |team| team.each(8, |task, _| assert!(task != 3)));
    }
}
