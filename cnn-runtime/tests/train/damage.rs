//! Files of a run that were cut off, changed or come from elsewhere: refused by name, or an older checkpoint stands in.

use std::fs;
use std::path::{Path, PathBuf};

use cnn_runtime::train::{Observer, Outcome, Progress, Run, Settings, fit};
use cnn_runtime::weights::StateDict;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{StopAfter, TINY, copy_folder, create, folder, same_results, settings};

/// Every file below a folder, relative to it, in order.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(dir.join(&inner)).unwrap() {
            let entry = entry.unwrap();
            let name = inner.join(entry.file_name());
            if entry.path().is_dir() { folders.push(name) } else { found.push(name) }
        }
    }
    found.sort();
    found
}

/// Keeps what it is warned of.
#[derive(Default)]
struct Warned(Vec<String>);

impl Observer for Warned {
    fn warn(&mut self, warning: &str) {
        self.0.push(warning.to_owned());
    }
}

/// Checkpoints after steps 2, 4, 5 (an epoch), 6 and 8, of which three are kept; weights of the first epoch, metrics of steps, pretrained
/// weights: a run that has every file.
fn half_done(dir: &Path, whole: &Path) {
    let run = |dir: &Path| {
        let graph = cnn_lang::load(TINY, None).unwrap();
        let weights = StateDict::<f32>::init(&graph, 5).unwrap();
        Run::create_from(dir, settings(), TINY, &weights).unwrap()
    };
    assert!(matches!(fit(&run(whole), &mut ()).unwrap(), Outcome::Done(_)));
    let run = run(dir);
    for _ in 0..4 {
        assert!(matches!(fit(&run, &mut StopAfter(2)).unwrap(), Outcome::Stopped(_)));
    }
    assert_eq!(fs::read_dir(dir.join("checkpoints")).unwrap().count(), 3);
}

#[test]
fn no_damage_to_any_file_ever_leads_to_a_wrong_resume() {
    let folder = folder();
    let (whole, dir) = (folder.path().join("whole"), folder.path().join("run"));
    half_done(&dir, &whole);
    let mut rng = StdRng::seed_from_u64(1);
    let (mut refused, mut resumed, mut tries) = (0, 0, 0);
    let names = files(&dir);
    for name in &names {
        let bytes = fs::read(dir.join(name)).unwrap();
        let cuts = (0..6).map(|_| rng.gen_range(0..bytes.len().max(1))).collect::<Vec<_>>();
        let cuts = cuts.into_iter().chain([0, bytes.len().saturating_sub(1)]);
        let flips = (0..4).map(|_| rng.gen_range(0..bytes.len().max(1))).collect::<Vec<_>>();
        let cut = cuts.map(|len| (format!("cut to {len} bytes"), bytes[..len.min(bytes.len())].to_vec()));
        let flipped = flips.into_iter().filter(|&at| at < bytes.len()).map(|at| {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            (format!("byte {at} changed"), changed)
        });
        for (damage, changed) in cut.chain(flipped).collect::<Vec<_>>() {
            tries += 1;
            let copy = folder.path().join(format!("copy-{tries}"));
            copy_folder(&dir, &copy);
            fs::write(copy.join(name), changed).unwrap();
            let mut warned = Warned::default();
            match Run::open(&copy).and_then(|run| fit(&run, &mut warned)) {
                Ok(Outcome::Done(_)) => {
                    same_results(&whole, &copy);
                    let newest = name.ends_with("step-0000000008.safetensors") || name.ends_with("metrics.jsonl");
                    assert!(!newest || !warned.0.is_empty(), "{} {damage}: no warning", name.display());
                    resumed += 1;
                }
                Ok(Outcome::Stopped(_)) => panic!("nobody stopped it"),
                Err(error) => {
                    let (error, file) = (error.to_string(), name.file_name().unwrap().to_string_lossy().into_owned());
                    // A run is opened by its settings; what is wrong with them may be said by their name.
                    let named = error.contains(&file) || (file == "settings.json" && error.contains("must be"));
                    assert!(named && !error.contains('\n'), "{} {damage}: {error}", name.display());
                    refused += 1;
                }
            }
            fs::remove_dir_all(copy).unwrap();
        }
    }
    println!(
        "{} files, {tries} kinds of damage: {refused} refused by name, {resumed} resumed to the same bits",
        names.len()
    );
    assert!(refused > 20 && resumed > 20);
}

#[test]
fn older_checkpoints_stand_in_for_damaged_ones_until_none_is_left() {
    let folder = folder();
    let (whole, dir) = (folder.path().join("whole"), folder.path().join("run"));
    half_done(&dir, &whole);
    let other = create(&folder.path().join("other"), Settings { seed: 99, ..settings() });
    fit(&other, &mut StopAfter(8)).unwrap();
    let of = |dir: &Path, step: u64| dir.join(format!("checkpoints/step-{step:010}.safetensors"));
    let (foreign, good) = (fs::read(of(other.dir(), 8)).unwrap(), fs::read(of(&dir, 6)).unwrap());
    fs::write(of(&dir, 8), foreign).unwrap();
    fs::write(of(&dir, 6), &good[..good.len() / 2]).unwrap();

    let copy = folder.path().join("none-left");
    copy_folder(&dir, &copy);
    fs::write(of(&copy, 5), "nonsense").unwrap();
    let message = fit(&Run::open(&copy).unwrap(), &mut ()).unwrap_err().to_string();
    assert!(message.contains("step-0000000008") && message.contains("belongs to another run"), "{message}");

    let mut warned = Warned::default();
    let run = Run::open(&dir).unwrap();
    assert_eq!(run.checkpoint().unwrap().unwrap().0.steps, 5);
    fit(&run, &mut warned).unwrap();
    let [first, second] = &warned.0[..] else { panic!("{:?}", warned.0) };
    assert!(first.contains("step-0000000008") && first.contains("(it belongs to another run)"), "{first}");
    assert!(
        second.contains("step-0000000006")
            && second.contains("(it is cut off")
            && second.ends_with("step-0000000005.safetensors"),
        "{second}"
    );
    same_results(&whole, &dir);
    // What was refused is still there, under another name, and in nobody's way.
    assert!(of(&dir, 8).with_added_extension("refused").is_file());
    assert!(fit(&Run::open(&dir).unwrap(), &mut ()).is_ok());
}

#[test]
fn as_many_checkpoints_are_kept_as_asked() {
    struct Keep(usize, PathBuf);
    impl Observer for Keep {
        fn step(&mut self, _: &Progress, _: f64) {
            let count = fs::read_dir(&self.1).map_or(0, Iterator::count);
            assert!(count <= self.0, "{count}");
        }
        fn keep(&self) -> usize {
            self.0
        }
        fn checkpoint_every(&self) -> std::time::Duration {
            std::time::Duration::ZERO
        }
    }
    let folder = folder();
    for keep in [1, 4] {
        let dir = folder.path().join(keep.to_string());
        fit(&create(&dir, settings()), &mut Keep(keep, dir.join("checkpoints"))).unwrap();
        let names: Vec<_> = files(&dir.join("checkpoints"));
        let newest = (16 - keep as u64..=15).map(|step| PathBuf::from(format!("step-{step:010}.safetensors")));
        assert_eq!(names, newest.collect::<Vec<_>>());
    }
}
