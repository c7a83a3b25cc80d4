use super::*;
use crate::kernels::activation::tests::ALL;
use crate::kernels::bn::{Bn, Statistics};
use crate::kernels::testing::random;
use crate::kernels::{DynKernel, Kernel};

/// One sample every so many elements more than it has.
const GAP: usize = 5;

struct Case {
    bn: BnAct,
    x: Vec<f64>,
    residual: Option<Vec<f64>>,
    weight: Vec<f64>,
    bias: Vec<f64>,
}

impl Case {
    fn new([batch, channels, plane]: [usize; 3], activation: Option<Activation>, residual: bool) -> Self {
        let bn = BnAct { batch, channels, plane, eps: 1e-5, activation };
        let len = batch * (channels * plane + GAP);
        Self {
            bn,
            x: random(1, len).iter().map(|x| 3.0 * x + 0.5).collect(),
            residual: residual.then(|| random(2, len)),
            weight: random(3, channels).iter().map(|w| w + 1.5).collect(),
            bias: random(4, channels),
        }
    }

    fn stride(&self) -> usize {
        self.bn.channels * self.bn.plane + GAP
    }

    fn samples<S>(&self, data: S) -> Samples<S> {
        Samples { data, stride: self.stride() }
    }

    fn forward<E: Float>(&self, running: Option<Running<E>>) -> (Vec<E>, [Vec<E>; 2]) {
        let [x, weight, bias] = [&self.x, &self.weight, &self.bias].map(|x| cast::<E>(x));
        let residual = self.residual.as_deref().map(cast::<E>);
        let mut y = vec![E::of(f64::NAN); x.len()];
        let mut saved = [0, 1].map(|_| vec![E::ZERO; self.bn.channels]);
        let [mean, inverse] = &mut saved;
        self.bn.forward(
            self.samples(&x[..]),
            residual.as_deref().map_or(Residual::None, |r| Residual::At(self.samples(r))),
            Some(Affine { weight: &weight, bias: &bias }),
            running,
            Saved { mean, inverse },
            self.samples(&mut y[..]),
        );
        (y, saved)
    }

    /// The values of samples, without the gaps.
    fn dense<E: Float>(&self, x: &[E]) -> Vec<E> {
        x.chunks(self.stride()).flat_map(|x| &x[..self.bn.channels * self.bn.plane]).copied().collect()
    }

    /// y of the separate kernels, dense.
    fn separate<E: Float>(&self) -> Vec<E> {
        let (bn, x) = (self.bn, self.dense(&cast::<E>(&self.x)));
        let mut stats = vec![E::ZERO; 2 * bn.channels];
        Statistics { batch: bn.batch, channels: bn.channels, plane: bn.plane }.forward(&[&x], &mut stats);
        let stats: Vec<f64> = stats.into_iter().map(E::double).collect();
        let kernel = Bn {
            batch: bn.batch,
            plane: bn.plane,
            mean: stats[..bn.channels].to_vec(),
            var: stats[bn.channels..].to_vec(),
            eps: bn.eps,
            affine: true,
            training: true,
        };
        let mut y = vec![E::ZERO; x.len()];
        E::forward(&kernel as &dyn DynKernel, &[&x, &cast(&self.weight), &cast(&self.bias)], &mut y);
        if let Some(residual) = &self.residual {
            y.iter_mut().zip(self.dense(&cast::<E>(residual))).for_each(|(y, r)| *y += r);
        }
        if let Some(activation) = bn.activation {
            activation.apply(&mut y);
        }
        y
    }

    /// Sum of `dy * y`, of which differences are taken.
    fn loss(&self, dy: &[f64]) -> f64 {
        self.dense(&self.forward::<f64>(None).0).iter().zip(self.dense(dy)).map(|(y, dy)| y * dy).sum()
    }
}

fn cast<E: Float>(x: &[f64]) -> Vec<E> {
    x.iter().map(|&x| E::of(x)).collect()
}

fn cases() -> Vec<Case> {
    let functions = [None].into_iter().chain(ALL.map(Some));
    let all = functions.flat_map(|f| [Case::new([3, 4, 6], f, false), Case::new([2, 3, 7], f, true)]);
    all.chain([Case::new([5, 3, 1], None, true), Case::new([1, 2, 300], Some(Activation::Silu), true)]).collect()
}

#[test]
fn agrees_with_the_separate_kernels() {
    for case in cases().into_iter().chain([Case::new([3, 8, 900], Some(Activation::Relu), true)]) {
        let (y, single) = (case.forward::<f64>(None).0, case.forward::<f32>(None).0);
        for (found, expected) in case.dense(&y).iter().zip(case.separate::<f64>()) {
            assert!((found - expected).abs() < 1e-12, "{:?}: {found} is not {expected}", case.bn);
        }
        for (found, expected) in case.dense(&single).iter().zip(case.separate::<f32>()) {
            assert!((found - expected).abs() < 3e-6, "{:?}: {found} is not {expected}", case.bn);
        }
        // nothing is written between the samples
        assert!(y.chunks(case.stride()).all(|y| y[case.stride() - GAP..].iter().all(|y| y.is_nan())));
    }
}

#[test]
fn running_statistics_by_hand() {
    // two samples, two channels, planes of two: means 4 and 10, biased variances 5 and 0
    let bn = BnAct { batch: 2, channels: 2, plane: 2, eps: 4.0, activation: None };
    let x = [1.0, 3.0, 10.0, 10.0, 5.0, 7.0, 10.0, 10.0];
    let (mut mean, mut inverse, mut y) = ([0.0; 2], [0.0; 2], [0.0; 8]);
    let (mut running_mean, mut running_var) = ([0.0, 1.0], [1.0, 1.0]);
    bn.forward(
        Samples { data: &x, stride: 4 },
        Residual::None,
        None,
        Some(Running { mean: &mut running_mean, var: &mut running_var, momentum: 0.25 }),
        Saved { mean: &mut mean, inverse: &mut inverse },
        Samples { data: &mut y, stride: 4 },
    );
    assert_eq!((mean, inverse), ([4.0, 10.0], [1.0 / 3.0, 0.5]));
    assert_eq!(y, [-1.0, -1.0 / 3.0, 0.0, 0.0, 1.0 / 3.0, 1.0, 0.0, 0.0]);
    assert_eq!(running_mean, [1.0, 3.25]);
    assert_eq!(running_var, [0.75 + 0.25 * (4.0 / 3.0 * 5.0), 0.75]);
}

/// Gradients of a case: dx, dresidual, dweight, dbias.
fn gradients(case: &Case, dy: &[f64], by_output: bool, in_place: bool, accumulate: bool) -> [Vec<f64>; 4] {
    let (y, [mean, inverse]) = case.forward::<f64>(None);
    let start = if accumulate { 1.0 } else { f64::NAN };
    let mut dx = if in_place { dy.to_vec() } else { vec![start; dy.len()] };
    let mut dresidual = vec![start; dy.len()];
    let [mut dweight, mut dbias] = [0, 1].map(|_| vec![start; case.bn.channels]);
    let kept = match by_output {
        true => Kept::Output(case.samples(&y)),
        false => Kept::Input(case.residual.as_deref().map(|r| case.samples(r))),
    };
    let gradients = Gradients {
        dx: case.samples(&mut dx[..]),
        accumulate_dx: accumulate && !in_place,
        dresidual: case.residual.is_some().then(|| Samples { data: &mut dresidual[..], stride: case.stride() }),
        accumulate_dresidual: accumulate,
        affine: Some([&mut dweight, &mut dbias]),
        accumulate_affine: accumulate,
    };
    let affine = Some(Affine { weight: &case.weight, bias: &case.bias });
    let dy = (!in_place).then(|| case.samples(dy));
    case.bn.backward(case.samples(&case.x), kept, affine, &mean, &inverse, dy, gradients);
    let [dx, dresidual] = [dx, dresidual].map(|d| case.dense(&d));
    let mut grads = [dx, dresidual, dweight, dbias];
    if accumulate {
        // what was there before; in place dx cannot be added to anything
        grads[usize::from(in_place)..].iter_mut().flatten().for_each(|d| *d -= 1.0);
    }
    if case.residual.is_none() {
        grads[1].clear();
    }
    grads
}

#[test]
fn gradients_are_differences() {
    for mut case in cases() {
        let dy = random(9, case.x.len());
        let [dx, dresidual, dweight, dbias] = gradients(&case, &dy, false, false, false);
        let size = case.bn.channels * case.bn.plane;
        let h = 1e-5;
        let mut check = |name: &str, i: usize, found: f64, field: fn(&mut Case) -> &mut Vec<f64>| {
            let value = field(&mut case)[i];
            field(&mut case)[i] = value + h;
            let above = case.loss(&dy);
            field(&mut case)[i] = value - h;
            let expected = (above - case.loss(&dy)) / (2.0 * h);
            field(&mut case)[i] = value;
            assert!((found - expected).abs() < 1e-6, "{:?}: {name} at {i}: {found} is not {expected}", case.bn);
        };
        for (i, &found) in dx.iter().enumerate().step_by(3) {
            check("dx", i / size * (size + GAP) + i % size, found, |case| &mut case.x);
        }
        for (i, &found) in dresidual.iter().enumerate().step_by(3) {
            check("dresidual", i / size * (size + GAP) + i % size, found, |case| case.residual.as_mut().unwrap());
        }
        for (i, &found) in dweight.iter().enumerate() {
            check("dweight", i, found, |case| &mut case.weight);
        }
        for (i, &found) in dbias.iter().enumerate() {
            check("dbias", i, found, |case| &mut case.bias);
        }
    }
}

#[test]
fn every_way_to_the_gradients_agrees() {
    for case in cases() {
        let dy = random(9, case.x.len());
        let expected = gradients(&case, &dy, false, false, false);
        let mut ways = vec![(false, true, false), (false, false, true), (false, true, true)];
        if case.bn.activation.is_none_or(|f| f.known_by_output()) {
            ways.extend([(true, false, false), (true, true, false), (true, false, true)]);
        }
        for (by_output, in_place, accumulate) in ways {
            let found = gradients(&case, &dy, by_output, in_place, accumulate);
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                let same = (found - expected).abs() < 1e-12;
                assert!(same, "{:?}, {by_output} {in_place} {accumulate}: {found} is not {expected}", case.bn);
            }
        }
    }
}

#[test]
#[should_panic(expected = "bn: x has 7 elements, one sample of 4 every 4, but 8 are the least for 2 of them")]
fn short_samples_are_refused() {
    let bn = BnAct { batch: 2, channels: 2, plane: 2, eps: 1e-5, activation: None };
    let saved = Saved { mean: &mut [0.0; 2], inverse: &mut [0.0; 2] };
    let (x, mut y) = ([0.0; 7], [0.0; 8]);
    let y = Samples { data: &mut y[..], stride: 4 };
    bn.forward(Samples { data: &x, stride: 4 }, Residual::None, None, None, saved, y);
}
