use std::collections::BTreeMap;

use super::*;

#[test]
fn texts_are_schedules_and_back() {
    let texts = [
        "constant",
        "step:30:0.1",
        "step:2.4:0.97",
        "multistep:91,136:0.1",
        "exponential:2.4:0.97",
        "cosine:0:0",
        "cosine:2.5:0.01",
        "polynomial:0.5:0.01",
        "onecycle:0.3:25:10000",
        "warmup:5:0.1+multistep:30,60,80:0.1",
        "warmup:5:0+onecycle:0.25:10:100",
    ];
    for text in texts {
        let schedule: Schedule = text.parse().unwrap();
        assert_eq!((schedule.to_string().as_str(), schedule.fault()), (text, None));
        let json = serde_json::to_string(&schedule).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule, "{json}");
    }
    let short = [
        ("step", "step:30:0.1"),
        ("step:2", "step:2:0.1"),
        ("multistep:1,2", "multistep:1,2:0.1"),
        ("exponential", "exponential:2.4:0.97"),
        ("cosine", "cosine:0:0"),
        ("polynomial", "polynomial:1:0"),
        ("onecycle", "onecycle:0.3:25:10000"),
        ("onecycle:0.4", "onecycle:0.4:25:10000"),
        ("warmup:5+cosine", "warmup:5:0+cosine:0:0"),
    ];
    for (text, whole) in short {
        assert_eq!(text.parse::<Schedule>().unwrap().to_string(), whole);
    }
}

#[test]
fn texts_that_are_none_say_what_is_expected() {
    let wrong = [
        "",
        "linear",
        "step:x",
        "step:1:2:3",
        "constant:1",
        "cosine:",
        "multistep",
        "multistep::0.1",
        "multistep:1,:0.1",
        "polynomial:nan",
        "onecycle:1:2:3:4",
        "step:inf",
        "warmup+step",
        "warmup:1",
        "cosine+step",
        "warmup:1+warmup:1+step",
        "warmup:1:2:3+step",
        "warmup:1+",
    ];
    for wrong in wrong {
        let message = wrong.parse::<Schedule>().unwrap_err().to_string();
        assert!(message.starts_with("expected ") && message.ends_with(&format!("got `{wrong}`")), "{message}");
    }
    let message = |text: &str| text.parse::<Schedule>().unwrap_err().to_string();
    assert_eq!(message("step:x"), "expected step:EVERY:FACTOR as in step:30:0.1, got `step:x`");
}

/// Names and numbers as versions wrote them that knew three schedules.
#[test]
fn older_files_are_read() {
    let read = |json: &str| serde_json::from_str::<Schedule>(json).unwrap();
    assert_eq!(read("\"constant\""), Schedule::Constant);
    assert_eq!(read(r#"{"step":{"every":3,"factor":0.1}}"#), Schedule::Step { every: 3.0, factor: 0.1 });
    assert_eq!(read(r#"{"cosine":{"warm_up":0.5,"floor":0.0}}"#), Schedule::Cosine { warm_up: 0.5, floor: 0.0 });
}

#[test]
fn numbers_that_make_no_sense_are_faults() {
    let faults = [
        ("step:0:0.1", "schedule's epochs between steps must be above 0, got 0"),
        ("step:1:1.5", "schedule's factor must be above 0 and at most 1, got 1.5"),
        ("exponential:1:0", "schedule's factor must be above 0 and at most 1, got 0"),
        ("multistep:5,3", "schedule's epochs of steps must be 1 to 1000 rising numbers, got 5,3"),
        ("multistep:-1,3", "schedule's epochs of steps must be 1 to 1000 rising numbers, got -1,3"),
        ("cosine:-1", "schedule's warm-up must be at least 0 epochs, got -1"),
        ("cosine:0:2", "schedule's floor must be from 0 to 1, got 2"),
        ("polynomial:0", "schedule's power must be above 0, got 0"),
        ("onecycle:1", "schedule's share of the rise must be above 0 and below 1, got 1"),
        ("onecycle:0.3:0.5", "schedule's divisor of the first rate must be at least 1, got 0.5"),
        ("onecycle:0.3:25:0", "schedule's divisor of the last rate must be at least 1, got 0"),
        ("warmup:-1+step", "schedule's warm-up must be at least 0 epochs, got -1"),
        ("warmup:1:2+step", "schedule's beginning of the warm-up must be from 0 to 1, got 2"),
        ("warmup:1+cosine:1", "schedule's warm-up must be there once, got two"),
        ("warmup:1+step:0", "schedule's epochs between steps must be above 0, got 0"),
    ];
    for (text, message) in faults {
        let (name, expected, got) = text.parse::<Schedule>().unwrap().fault().expect(text);
        assert_eq!(format!("{name} must be {expected}, got {got}"), message);
    }
}

/// Every step of every case of tests/parity/schedules.py.
#[test]
fn rates_are_those_of_pytorch() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/schedules.json");
    let fixture: BTreeMap<String, (u64, usize, Vec<f64>)> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut compared = 0;
    for (text, (per_epoch, epochs, expected)) in &fixture {
        let schedule: Schedule = text.parse().unwrap();
        assert_eq!(expected.len() as u64, per_epoch * *epochs as u64);
        for (step, expected) in expected.iter().enumerate() {
            let found = schedule.rate(0.1, step as u64, *per_epoch, *epochs);
            assert!((found - expected).abs() < 1e-12, "{text} at step {step}: {found}, PyTorch has {expected}");
            compared += 1;
        }
    }
    println!("{} schedules, {compared} rates as PyTorch's", fixture.len());
    assert!(fixture.len() >= 12 && compared > 500);
}

#[test]
fn steps_change_with_their_epochs() {
    let step = Schedule::Step { every: 2.0, factor: 0.5 };
    let rates: Vec<f64> = (0..18).map(|at| step.rate(8.0, at, 3, 6)).collect();
    assert_eq!(rates[..6], [8.0; 6]);
    assert_eq!(rates[6..12], [4.0; 6]);
    assert_eq!(rates[12..], [2.0; 6]);
}

#[test]
fn a_cosine_rises_falls_and_ends_at_its_floor() {
    let cosine = Schedule::Cosine { warm_up: 2.0, floor: 0.1 };
    let rates: Vec<f64> = (0..=100).map(|at| cosine.rate(1.0, at, 10, 10)).collect();
    assert!(rates[..20].windows(2).all(|pair| pair[0] < pair[1]));
    assert!(rates[20..].windows(2).all(|pair| pair[0] > pair[1]));
    assert_eq!((rates[0], rates[19], rates[20]), (0.05, 1.0, 1.0));
    assert!((rates[60] - 0.55).abs() < 1e-12 && (rates[100] - 0.1).abs() < 1e-12);
    let in_front: Schedule = "warmup:2+cosine:0:0.1".parse().unwrap();
    assert!((0..=100).all(|at| in_front.rate(1.0, at, 10, 10) == rates[at as usize]));
}

/// Trainings of a step, warm-ups that are longer than the training, steps behind its end: rates are finite and in bounds.
#[test]
fn short_trainings_have_rates_too() {
    let texts =
        ["step:0.1", "multistep:0,0.5", "exponential:0.01", "cosine:50", "polynomial:3", "onecycle", "onecycle:0.999"];
    let warmed = texts.iter().filter(|text| !text.contains("cosine")).map(|text| format!("warmup:50+{text}"));
    for text in texts.iter().map(|&text| text.to_owned()).chain(warmed) {
        let schedule: Schedule = text.parse().unwrap();
        for (step, per_epoch, epochs) in
            [(0, 1, 1), (1, 1, 1), (0, 2, 1), (1, 2, 1), (99, 10, 10), (10_000, 1, 1), (7, 0, 0)]
        {
            let rate = schedule.rate(1.0, step, per_epoch, epochs);
            assert!((0.0..=1.0 + 1e-12).contains(&rate), "{text} at {step} of {epochs} x {per_epoch}: {rate}");
        }
    }
}
