//! Convolutions with what follows them.

use super::plain::{compare, random};
use super::*;
use crate::engine::operation::Activation;
use ways::WORTH_COMPILING;

const ACTIVATIONS: [Activation; 6] =
    [Activation::Relu, Activation::Relu6, Activation::Sigmoid, Activation::Tanh, Activation::Silu, Activation::Gelu];

/// A bias, the pitch of a map to add to, an activation.
type Follows = (bool, Option<usize>, Option<Activation>);

fn epilogue((bias, onto, activation): Follows) -> Epilogue {
    Epilogue { bias, onto, activation: activation.and_then(Curve::of) }
}

/// Those of networks.
pub fn large() -> Vec<(Sizes, Epilogue)> {
    let point = axis(1, 1, 1, [0, 0], 1);
    let relu = (true, None, Some(Activation::Relu));
    let all: [(ConvShape, Follows); 5] = [
        (shape([64, 64, 1], axis(56, 3, 1, [1, 1], 1)), relu),
        (shape([64, 256, 1], axis(56, 1, 1, [0, 0], 1)), (true, Some(256), Some(Activation::Relu))),
        (shape([3, 64, 1], axis(224, 7, 2, [3, 3], 1)), relu),
        (shape([512, 512, 1], axis(7, 3, 1, [1, 1], 1)), relu),
        (shape([1280, 1000, 1], point), (true, None, None)),
    ];
    all.into_iter().map(|(shape, follows)| (dense(shape), epilogue(follows))).collect()
}

/// Everything that may follow, small enough for a plain loop, most of it just worth compiling.
fn small() -> Vec<(Sizes, Epilogue)> {
    let window = shape([32, 64, 1], axis(12, 3, 1, [1, 1], 1));
    let point = shape([128, 256, 1], axis(8, 1, 1, [0, 0], 1));
    let first = shape([3, 32, 1], axis(43, 7, 2, [3, 3], 1));
    let mut all: Vec<(Sizes, Follows)> = vec![
        (dense(window), (true, None, None)),
        (dense(window), (false, Some(64), None)),
        (dense(point), (true, Some(256), None)),
        ((window, 48, 128), (true, Some(96), Some(Activation::Relu))),
        (dense(first), (true, None, Some(Activation::Relu))),
        (dense(shape([64, 10, 1], axis(1, 1, 1, [0, 0], 1))), (true, None, None)),
        (dense(shape([32, 64, 4], axis(12, 3, 1, [1, 1], 1))), (true, None, Some(Activation::Relu))),
    ];
    for activation in ACTIVATIONS {
        all.push((dense(window), (false, None, Some(activation))));
        all.push((dense(window), (true, None, Some(activation))));
        all.push((dense(point), (true, Some(256), Some(activation))));
    }
    all.into_iter().map(|(sizes, follows)| (sizes, epilogue(follows))).collect()
}

pub fn problems(all: &[(Sizes, Epilogue)], samples: usize) -> Vec<Problem> {
    let mut problems = Vec::new();
    for &((shape, x_pitch, y_pitch), epilogue) in all {
        for (number, tf32) in NUMBERS {
            problems.push(Problem {
                pass: Pass::Forward,
                number,
                tf32,
                samples,
                shape,
                x_pitch,
                y_pitch,
                epilogue: Some(epilogue),
            });
        }
    }
    problems
}

/// What is added to sums; the exact numbers become those after it.
pub fn follow(problem: &Problem, exact: &mut [(f64, f64)]) -> [Option<Vec<u8>>; 2] {
    let Some(Epilogue { onto, activation, .. }) = problem.epilogue else { return [None, None] };
    let mut state = 7u64;
    let numbers = [Number::F32, problem.number];
    let mut both = problem.bytes_beside().into_iter().zip(numbers).map(|(bytes, number)| {
        let values: Vec<f32> = (0..bytes? / number.bytes()).map(|_| 4.0 * random(&mut state)).collect();
        Some(number.write(&values))
    });
    let both = [both.next().flatten(), both.next().flatten()];
    let [bias, map] = [0, 1].map(|index| both[index].as_ref().map(|bytes| numbers[index].read(bytes)));
    let function = |value: f64| {
        let activation = ACTIVATIONS.into_iter().find(|&of| activation.is_some() && Curve::of(of) == activation);
        activation.map_or(value, |activation| activation.value(value))
    };
    for (place, (value, magnitude)) in exact.iter_mut().enumerate() {
        let (pixel, channel) = (place / problem.y_pitch, place % problem.y_pitch);
        if channel >= problem.shape.outputs {
            continue;
        }
        for added in [
            bias.as_ref().map(|bias| bias[channel]),
            map.as_ref().zip(onto).map(|(map, pitch)| map[pixel * pitch + channel]),
        ] {
            *value += f64::from(added.unwrap_or(0.0));
            *magnitude += f64::from(added.unwrap_or(0.0).abs());
        }
        *value = function(*value);
        // The result is rounded, too.
        *magnitude += value.abs();
    }
    both
}

#[test]
fn addresses_are_those_of_what_follows() {
    let [with, without] = [large()[1].1, epilogue((false, None, None))];
    assert!(without.is_empty() && !with.is_empty());
    let problem = Problem { epilogue: Some(with), ..problems(&large()[1..2], 2)[2] };
    assert_eq!(problem.bytes_beside(), [Some(1024), Some(2 * 56 * 56 * 256 * 2)]);
    assert_eq!(Problem { epilogue: Some(without), ..problem }.bytes_beside(), [None, None]);
}

/// Descriptors, lists and plans, and how long they take.
#[test]
#[ignore = "wants libcudnn: see docs/testing.md"]
fn cudnn_fuses_what_follows_without_a_processor() {
    println!("cuDNN {}", load().unwrap());
    let target = described();
    let mut failures = Vec::new();
    // Most ways in bf16 are compiled, which wants a driver.
    // SAFETY: only looks whether the library can be loaded.
    let compiles = unsafe { cudarc::driver::sys::is_culib_present() };
    let all = [(large(), 1, TRIED), (large(), 128, TRIED), (small(), 2, 1)];
    let all = all.iter().flat_map(|(all, samples, tried)| problems(all, *samples).into_iter().map(|of| (of, *tried)));
    for (problem, tried) in all {
        let graph = Graph::new(&problem, &target).map_err(Failure::from).unwrap().expect("it can be expressed");
        let count = graph.count(&target, &problem).unwrap();
        let began = Instant::now();
        let ways = graph.ways(&target, &problem, usize::MAX, tried).unwrap();
        let places: Vec<_> = ways.iter().map(|way| (way.index, way.workspace)).collect();
        println!("{problem}: {count} allowed, {places:?} in {} ms", began.elapsed().as_millis());
        let Epilogue { bias, onto, activation } = problem.epilogue.unwrap();
        let Some(way) = ways.first() else {
            let is_simple = bias && matches!(activation, None | Some(Curve::Relu));
            let is_dense = problem.y_pitch == problem.shape.outputs;
            let is_worth = problem.macs() >= WORTH_COMPILING && problem.shape.groups == 1;
            let is_promised = match problem.number {
                Number::F32 => problem.tf32 && is_simple && is_dense,
                Number::Bf16 | Number::F16 => compiles && is_worth,
            };
            failures.extend(is_promised.then(|| problem.to_string()));
            continue;
        };
        let plain = Addresses::of([16, 32, 48]);
        let addresses = Addresses { bias: bias.then_some(64), onto: onto.map(|_| 80), ..plain };
        way.pack(&graph.tensors(&addresses).unwrap(), 96).unwrap();
        assert_eq!(graph.tensors(&plain).is_some(), !bias && onto.is_none());
    }
    assert!(failures.is_empty(), "no way for\n{}", failures.join("\n"));
}

#[test]
#[ignore = "wants an NVIDIA graphics processor: see docs/testing.md"]
fn cudnn_fuses_what_a_plain_loop_does() {
    let context = CudaContext::new(0).unwrap();
    let stream = context.new_stream().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let new = || Cudnn::with_cache(context.clone(), stream.clone(), Some(folder.path().into())).unwrap();
    let cudnn = new();
    let began = Instant::now();
    let (mut failures, mut left, mut none) = (Vec::new(), 0, 0);
    let some = [(small(), 2), (large(), 128), (large(), 1)];
    let all = some.iter().flat_map(|(all, samples)| problems(all, *samples));
    for (number, problem) in all.enumerate() {
        if began.elapsed() > Duration::from_secs(50) {
            left += 1;
            continue;
        }
        let told = match cudnn.plan(&problem, None, true) {
            Ok(None) => {
                none += 1;
                Ok("no way".into())
            }
            Ok(Some(_)) => planned(&cudnn, &problem).and_then(|(plan, text)| {
                let alone = cudnn.plan(&Problem { epilogue: None, ..problem }, None, true)?;
                let alone = alone.and_then(|plan| plan.milliseconds()).map(|time| time * 1e3);
                let fused = plan.milliseconds().map(|time| time * 1e3);
                let text = format!("{text}, {fused:?} us fused, {alone:?} us alone");
                if problem.macs() > 1 << 23 {
                    return Ok(text);
                }
                let error = compare(&cudnn, &problem, &plan, number % 5 == 4).map_err(|e| format!("{text}: {e}"))?;
                Ok(format!("{text}, error {error:.3} of what may be"))
            }),
            Err(error) => Err(error),
        };
        println!("{problem}: {}", told.clone().unwrap_or_else(|error| format!("FAILED: {error}")));
        failures.extend(told.err().map(|error| format!("{problem}: {error}")));
    }
    println!("{:.1} s, {none} without a way, {left} left for want of time", began.elapsed().as_secs_f64());

    // What was found is known to the next process, at once.
    let problem = problems(&large()[..1], 128)[2];
    let here = cudnn.plan(&problem, None, true).ok().flatten().and_then(|plan| plan.milliseconds());
    let there = new().known_milliseconds(&problem, None);
    if here.is_none() || here != there {
        failures.push(format!("{here:?} ms are {there:?} for the next process"));
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
