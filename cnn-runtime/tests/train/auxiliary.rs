//! Networks with auxiliary outputs: what their loss is made of is told apart.

use std::fs;

use cnn_runtime::train::{Outcome, Record, Run, Settings, fit};

use super::{StopAfter, create, folder, records, same_results, settings};

const AUXILIARY: &str = "
    Auxiliary(classes = 10): 1x12x12 -> classes;
    stem conv(4, 3) -> bn -> relu; aux { gap -> linear(classes) }; maxpool(2);
    body conv(8, 3) -> bn -> relu; aux { flatten -> dropout(0.2) -> linear(classes) };
    head flatten -> linear(classes);
";

#[test]
fn lines_and_scalars_tell_the_parts_of_the_loss() {
    let folder = folder();
    let shares = [0.3, 0.6];
    let settings = Settings { auxiliary_weights: shares.to_vec(), ..settings() };
    let dir = folder.path().join("whole");
    let run = Run::create(&dir, settings.clone(), AUXILIARY).unwrap();
    assert!(matches!(fit(&run, &mut ()).unwrap(), Outcome::Done(_)));
    let events = fs::read(dir.join("events.out.tfevents.cnn")).unwrap();
    // A scalar of an event file: its tag, then field 2 as four bytes.
    let scalar = |tag: String, value: f64| {
        let bytes = [tag.as_bytes(), &[0x15], &(value as f32).to_le_bytes()].concat();
        assert!(events.windows(bytes.len()).any(|window| window == bytes), "{tag} {value}");
    };
    let records = records(&dir);
    let mut least = f64::MAX;
    for record in &records {
        let (group, loss, main, auxiliary) = match record {
            Record::Step(r) => ("train", r.loss, r.main_loss, &r.auxiliary_losses),
            Record::Epoch(r) => ("epoch", r.loss, r.main_loss, &r.auxiliary_losses),
            Record::Rollback(r) => panic!("{r:?}"),
        };
        let (main, [first, second]) = (main.unwrap(), auxiliary[..].try_into().unwrap());
        let sum = main + shares[0] * first + shares[1] * second;
        assert!((loss / sum - 1.0).abs() < 1e-9, "{loss} is not {main} + 0.3 {first} + 0.6 {second}");
        least = least.min((main - first).abs()).min((first - second).abs());
        scalar(format!("{group}/main_loss"), main);
        scalar(format!("{group}/auxiliary_loss_1"), first);
        scalar(format!("{group}/auxiliary_loss_2"), second);
    }
    println!("{} records whose parts add up, in both files; parts differ by at least {least:.4}", records.len());
    assert!(least > 0.0);

    // Stopped between two lines it tells the same.
    let parts = folder.path().join("parts");
    Run::create(&parts, settings, AUXILIARY).unwrap();
    while let Outcome::Stopped(_) = fit(&Run::open(&parts).unwrap(), &mut StopAfter(3)).unwrap() {}
    same_results(&dir, &parts);
}

#[test]
fn without_auxiliary_outputs_nothing_is_said_of_parts() {
    let folder = folder();
    fit(&create(folder.path().join("tiny").as_path(), settings()), &mut ()).unwrap();
    for name in ["metrics.jsonl", "events.out.tfevents.cnn"] {
        let bytes = fs::read(folder.path().join("tiny").join(name)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("loss") && !text.contains("main_loss") && !text.contains("auxiliary_loss"), "{name}");
    }
}
