//! Threads that work on one study, each with its own connection and its share of the processors.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::program::failure::Failure;
use crate::program::study::Opened;
use crate::search::{SearchError, Storage, Study};

/// Whether a worker should end.
pub(super) type Stopped<'s> = &'s (dyn Fn() -> bool + Sync);

/// Threads to compute on for each of so many workers.
pub(super) fn pool(workers: u16, path: &Path) -> Result<ThreadPool, SearchError> {
    let threads = (rayon::current_num_threads() / usize::from(workers)).max(1);
    ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| SearchError::Storage {
        action: "start threads for",
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// What each of the workers comes to. `work` ends soon after it is told to stop: by the user, or since another worker
/// or `meanwhile`, which is called ten times a second, failed.
pub(super) fn run<T: Send>(
    opened: &Opened,
    workers: u16,
    stop: &AtomicBool,
    work: impl Fn(&mut Study, &ThreadPool, Stopped<'_>) -> Result<T, SearchError> + Sync,
    mut meanwhile: impl FnMut() -> Result<(), Failure>,
) -> Result<Vec<T>, Failure> {
    let failed = AtomicBool::new(false);
    let stopped = || stop.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
    // A study is one thread's.
    let (networks, path) = (&opened.networks, &opened.path);
    let one = |storage: Box<dyn Storage>| {
        let mut study = Study::new(networks.clone(), storage)?;
        work(&mut study, &pool(workers, path)?, &stopped)
    };
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for _ in 0..workers {
            let storage = opened.study.storage()?;
            let (one, failed) = (&one, &failed);
            threads.push(scope.spawn(move || {
                let done = one(storage);
                if done.is_err() {
                    failed.store(true, Ordering::Relaxed);
                }
                done
            }));
        }
        while !threads.iter().all(|thread| thread.is_finished()) {
            std::thread::sleep(Duration::from_millis(100));
            if let Err(error) = meanwhile() {
                // Nobody reads: end in order.
                failed.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(done) => Ok(done?),
            Err(_) => Err(Failure::Failed("a worker broke off".to_owned())),
        };
        threads.into_iter().map(join).collect()
    })
}
