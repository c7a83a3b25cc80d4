use super::*;

/// A loss that stays, falls most at 1e-2, and rises from 1 on.
fn curve(rate: f64) -> f64 {
    let exponent = rate.log10();
    let fall = 2.3 - 2.0 / (1.0 + (-4.0 * (exponent + 2.0)).exp());
    fall + if exponent > 0.0 { exponent * exponent } else { 0.0 }
}

fn found(of: impl Fn(f64) -> f64) -> Found {
    let sweep = Sweep::default();
    let mut mean = MovingMean::default();
    let point = |step| {
        let (rate, loss) = (sweep.rate(step), of(sweep.rate(step)));
        Point { rate, loss, smoothed: mean.add(loss) }
    };
    Found::of((0..sweep.steps).map(point).collect(), false)
}

#[test]
fn the_steepest_fall_is_suggested() {
    let found = found(curve);
    let suggestion = found.suggestion.unwrap();
    assert!((suggestion.log10() + 2.0).abs() < 0.1, "{suggestion}");
    assert!((0.3..3.0).contains(&found.lowest), "{}", found.lowest);
    #[cfg(feature = "program")]
    {
        let svg = found.svg("net").unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("learning rate") && svg.contains(&format!("{suggestion:.2e}")));
    }
}

#[test]
fn a_loss_that_never_falls_suggests_nothing() {
    assert_eq!(found(|rate| 2.3 + rate).suggestion, None);
    assert_eq!(found(|_| 2.3).suggestion, None);
    let few = Found::of(vec![Point { rate: 1.0, loss: 1.0, smoothed: 1.0 }], true);
    assert_eq!((few.suggestion, few.lowest), (None, 1.0));
}

#[test]
fn rates_rise_by_the_same_factor() {
    let sweep = Sweep { from: 1e-4, to: 1.0, steps: 41 };
    assert_eq!((sweep.rate(0), sweep.rate(40)), (1e-4, 1.0));
    assert!((0..40).all(|step| (sweep.rate(step + 1) / sweep.rate(step) - libm::pow(10.0, 0.1)).abs() < 1e-9));
}

#[test]
fn sweeps_that_make_no_sense_are_refused() {
    let message = |sweep: Sweep| sweep.check().unwrap_err().to_string();
    let usual = Sweep::default();
    assert_eq!(message(Sweep { from: 0.0, ..usual }), "first learning rate must be above 0 and finite, got 0");
    assert_eq!(
        message(Sweep { to: 1e-9, ..usual }),
        "last learning rate must be above the first and finite, got 0.000000001"
    );
    assert_eq!(message(Sweep { steps: 3, ..usual }), "number of steps must be from 10 to 100000, got 3");
    assert!(
        Sweep { from: f64::NAN, ..usual }.check().is_err() && Sweep { to: f64::INFINITY, ..usual }.check().is_err()
    );
}

const SMALL: &str = "
    Small(classes = 10): 1x16x16 -> classes;
    stem conv(12, 3, pad = 1, bias = false) -> bn -> relu -> maxpool(2);
    body conv(24, 3, pad = 1, bias = false) -> bn -> relu -> maxpool(2);
    head conv(48, 3, pad = 1, bias = false) -> bn -> relu -> gap -> linear(classes);
";

/// On real images a rate is suggested that is neither too small to matter nor beyond where the loss explodes.
#[test]
fn a_real_sweep_ends_and_suggests_the_same_rate_again() {
    let graph = cnn_lang::load(SMALL, None).unwrap();
    let weights = StateDict::init(&graph, 1).unwrap();
    let settings = Settings { digits: [1600, 64], weight_decay: 0.0, ..Settings::new("small") };
    let sweep = Sweep { to: 100.0, ..Sweep::default() };
    let mut seen = 0;
    let mut count = |_: &Point| {
        seen += 1;
        true
    };
    let found = lr_find(&settings, &graph, &weights, sweep, &mut count).unwrap();
    println!("suggested {:?}, lowest at {:.2e}, {} steps", found.suggestion, found.lowest, found.points.len());
    assert_eq!(seen, found.points.len());
    assert!(found.diverged && found.points.len() < 500, "a rate of 100 is too much");
    let rate = found.suggestion.unwrap();
    assert!((1e-4..1.0).contains(&rate), "{rate}");
    trains(&settings, &graph, &weights, rate);
    let again = lr_find(&settings, &graph, &weights, sweep, &mut |_| true).unwrap();
    assert_eq!(again, found, "the same seed, the same bits");

    let cut = lr_find(&settings, &graph, &weights, sweep, &mut |_| false).unwrap();
    assert_eq!(cut.points.len(), 1);
}

/// Two epochs at the rate: most training images are recognised.
fn trains(settings: &Settings, graph: &Graph, weights: &StateDict<f32>, rate: f64) {
    let images = Images::load(settings, graph).unwrap();
    let mut trainer = Trainer::new(graph, weights, settings.trainer_options(50)).unwrap();
    let mut right = [0; 2];
    for (epoch, right) in right.iter_mut().enumerate() {
        for batch in Loader::training(&images.train, settings.batch, settings.epoch_seed(epoch), 0, 1) {
            let batch = batch.unwrap();
            *right += trainer.step(&batch.images, targets(&batch.labels), rate).unwrap().correct;
        }
    }
    println!(
        "at {rate:.2e}: {right:?} of {} images are recognised in the first and the second epoch",
        images.train.len()
    );
    assert!(right[1] * 2 > images.train.len(), "{right:?}");
}
