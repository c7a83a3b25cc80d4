//! cuDNN against a plain loop, and all that can be seen of it without a graphics processor.

mod fused;
mod plain;

use std::time::{Duration, Instant};

use super::descriptor::{Attribute, Descriptor, Kind};
use super::graph::padding_behind;
use super::timing::Scratch;
use super::*;
use crate::engine::operation::ConvShape;
use crate::kernels::window::Axis;
use plain::compare;
use ways::TRIED;

const PASSES: [Pass; 3] = [Pass::Forward, Pass::InputGradient, Pass::WeightGradient];
/// Types of numbers, and whether TF32 will do.
const NUMBERS: [(Number, bool); 4] =
    [(Number::F32, false), (Number::F32, true), (Number::Bf16, false), (Number::F16, false)];

fn axis(input: usize, kernel: usize, stride: usize, [before, after]: [usize; 2], dilation: usize) -> Axis {
    let mut axis = Axis { input, output: 0, kernel, stride, before, after, dilation };
    axis.output = axis.whole_windows();
    axis
}

/// A convolution of squares: channels, groups, axis.
fn shape([inputs, outputs, groups]: [usize; 3], rows: Axis) -> ConvShape {
    ConvShape { inputs, outputs, groups, rows, cols: rows }
}

/// A shape with its pitches.
type Sizes = (ConvShape, usize, usize);

fn dense(shape: ConvShape) -> Sizes {
    (shape, shape.inputs, shape.outputs)
}

/// Those of networks.
fn large() -> Vec<Sizes> {
    let same = shape([64, 64, 1], axis(56, 3, 1, [1, 1], 1));
    vec![
        dense(shape([3, 64, 1], axis(224, 7, 2, [3, 3], 1))),
        // Its rows unfolded, and its windows.
        dense(ConvShape { rows: axis(224, 7, 2, [3, 3], 1), ..shape([24, 64, 1], axis(112, 1, 1, [0, 0], 1)) }),
        dense(shape([168, 64, 1], axis(112, 1, 1, [0, 0], 1))),
        dense(same),
        dense(shape([2048, 1000, 1], axis(1, 1, 1, [0, 0], 1))),
        dense(shape([64, 256, 1], axis(56, 1, 1, [0, 0], 1))),
        dense(shape([256, 512, 1], axis(56, 1, 2, [0, 0], 1))),
        dense(shape([256, 256, 32], axis(28, 3, 1, [1, 1], 1))),
        (same, 256, 64),
        (same, 64, 256),
        dense(shape([64, 64, 1], axis(56, 3, 2, [0, 1], 1))),
        dense(shape([64, 64, 1], axis(56, 3, 1, [2, 2], 2))),
        dense(shape([64, 64, 64], axis(56, 3, 1, [1, 1], 1))),
    ]
}

/// The same kinds, small enough for a plain loop.
fn small() -> Vec<Sizes> {
    let same = shape([16, 16, 1], axis(6, 3, 1, [1, 1], 1));
    let uneven = ConvShape {
        rows: axis(7, 3, 2, [1, 1], 1),
        cols: axis(10, 5, 1, [2, 1], 1),
        ..shape([8, 16, 1], axis(1, 1, 1, [0, 0], 1))
    };
    vec![
        dense(shape([3, 16, 1], axis(13, 7, 2, [3, 3], 1))),
        dense(same),
        dense(shape([64, 10, 1], axis(1, 1, 1, [0, 0], 1))),
        dense(shape([16, 32, 1], axis(5, 1, 1, [0, 0], 1))),
        dense(shape([16, 32, 1], axis(6, 1, 2, [0, 0], 1))),
        dense(shape([16, 32, 4], axis(6, 3, 1, [1, 1], 1))),
        (same, 64, 16),
        (same, 16, 48),
        dense(shape([16, 16, 1], axis(8, 3, 2, [0, 1], 1))),
        dense(shape([16, 16, 1], axis(7, 3, 1, [2, 2], 2))),
        dense(shape([16, 16, 16], axis(6, 3, 1, [1, 1], 1))),
        dense(shape([5, 7, 1], axis(5, 3, 1, [1, 1], 1))),
        dense(uneven),
    ]
}

fn problems(sizes: &[Sizes], samples: usize, numbers: &[(Number, bool)]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for &(shape, x_pitch, y_pitch) in sizes {
        for &(number, tf32) in numbers {
            for pass in PASSES {
                problems.push(Problem { pass, number, tf32, samples, shape, x_pitch, y_pitch, epilogue: None });
            }
        }
    }
    problems
}

#[test]
fn paddings_keep_the_number_of_outputs() {
    let mut exact = 0;
    for bits in 0..4 * 3 * 3 * 3 * 12usize {
        let (kernel, bits) = (bits % 4 + 1, bits / 4);
        let (stride, bits) = (bits % 3 + 1, bits / 3);
        let (before, bits) = (bits % 3, bits / 3);
        let (dilation, input) = (bits % 3 + 1, bits / 3 + 1);
        for output in 0..8 {
            let asked = Axis { input, output, kernel, stride, before, after: 99, dilation };
            let whole = |after| Axis { after, ..asked }.whole_windows();
            let possible = output > 0 && (0..60).any(|after| whole(after) == output);
            match padding_behind(&asked) {
                Some(after) => assert_eq!(whole(after), output, "{asked:?}"),
                None => assert!(!possible, "{asked:?}"),
            }
            exact += usize::from(padding_behind(&asked).is_some_and(|after| after != before));
        }
    }
    assert!(exact > 0);
}

#[test]
fn a_name_tells_problems_apart() {
    let mut problems = problems(&large(), 32, &NUMBERS);
    problems.extend(problems.clone().into_iter().map(|problem| Problem { samples: 1, ..problem }));
    problems.extend(fused::problems(&fused::large(), 32));
    let names: std::collections::HashSet<String> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(names.len(), problems.len());
    assert!(names.iter().all(|name| !name.contains(['\t', '\n'])));
}

/// What a processor of that kind says of itself.
const H100: &str = r#"{"deviceName": "NVIDIA H100 80GB HBM3", "cudaDeviceId": 0, "deviceVer": 900,
    "multiProcessorCount": 132, "smCountOrigin": 0, "driverVer": 13000, "maxSharedMemoryPerBlockOptin": 232448,
    "totalGlobalMem": 84929347584, "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
    "regsPerBlock": 65536, "smClockRateKHz": 1980000, "memClockRateKHz": 2619000, "l2CacheSize": 52428800,
    "warpSize": 32, "maxSharedMemoryPerBlock": 49152, "reservedSharedMemoryPerBlock": 1024,
    "maxRegistersPerSM": 65536, "pciDeviceId": 0, "maxCtasPerSM": 32, "maxThreadsPerBlock": 1024,
    "maxThreadsPerSM": 2048, "isTccDriver": 0, "supportCoopLaunch": 1, "oversizedSharedMemoryPerBlock": 0}"#;

/// One that need not be there.
fn described() -> Target {
    let text = std::ffi::CString::new(H100).unwrap();
    let described = Descriptor::new(Kind::CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR)
        .and_then(|new| new.text(Attribute::CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, &text)?.finish("a processor"))
        .expect("cuDNN 9.26 takes this description; another one may want more in it");
    Target::Described(Arc::new(described))
}

/// Descriptors, lists, filters and plans: all but the runs.
#[test]
#[ignore = "wants libcudnn: see docs/testing.md"]
fn cudnn_has_ways_for_every_problem_without_a_processor() {
    println!("cuDNN {}", load().unwrap());
    let target = described();
    let mut failures = 0;
    let all = [(large(), 32), (large(), 1), (small(), 2)];
    for problem in all.iter().flat_map(|(sizes, samples)| problems(sizes, *samples, &NUMBERS)) {
        let graph = match Graph::new(&problem, &target) {
            Ok(graph) => graph.expect("it has a padding"),
            Err(refusal) => {
                println!("{problem}: {}", Failure::from(refusal));
                failures += 1;
                continue;
            }
        };
        let count = graph.count(&target, &problem).unwrap();
        let mut ways = graph.ways(&target, &problem, usize::MAX, TRIED).unwrap();
        let lean = graph.ways(&target, &problem, 0, TRIED).unwrap();
        let workspaces: Vec<usize> = ways.iter().map(|way| way.workspace).collect();
        println!("{problem}: {count} allowed, workspaces {workspaces:?}, {} without any", lean.len());
        failures += usize::from(ways.is_empty());
        assert!(lean.iter().all(|way| way.workspace == 0));
        let Some(last) = ways.pop() else { continue };
        let again = graph.way(&target, &problem, last.mode, last.index).unwrap().expect("the lists are the same");
        assert_eq!(again.workspace, last.workspace);
        again.pack(&graph.tensors(&Addresses::of([16, 32, 48])).unwrap(), 64).unwrap();
        assert!(graph.way(&target, &problem, last.mode, 1000).unwrap().is_none());
    }
    assert_eq!(failures, 0);
}

/// Plans a problem; what there is to say of it.
fn planned(cudnn: &Cudnn, problem: &Problem) -> Result<(Arc<ConvPlan>, String), String> {
    let began = Instant::now();
    let plan = cudnn.plan(problem, None, true)?.ok_or("there is no way")?;
    let took = began.elapsed();
    let handle = lock(&cudnn.handle);
    let target = Target::Handle(handle.raw);
    let count = Graph::new(problem, &target)?.ok_or("there is no graph")?.count(&target, problem)?;
    let time = Scratch::new(&handle, problem, plan.workspace())?.ok_or("there is no memory")?.time(&plan)?;
    let Way { mode, index, workspace, .. } = &plan.way;
    let text = format!(
        "{count} allowed, {mode:?} {index} in {} ms, workspace {workspace}, {:.1} us",
        took.as_millis(),
        time * 1e3
    );
    Ok((plan, text))
}

#[test]
#[ignore = "wants an NVIDIA graphics processor: see docs/testing.md"]
fn cudnn_computes_what_a_plain_loop_does() {
    let context = CudaContext::new(0).unwrap();
    let stream = context.new_stream().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let new = || Cudnn::with_cache(context.clone(), stream.clone(), Some(folder.path().into())).unwrap();
    let cudnn = new();
    println!("cuDNN {} on {}", load().unwrap(), context.name().unwrap());
    let began = Instant::now();
    let (mut failures, mut left) = (Vec::new(), 0);
    let all = problems(&small(), 2, &NUMBERS);
    for (number, problem) in all.iter().enumerate() {
        if began.elapsed() > Duration::from_secs(25) {
            left += 1;
            continue;
        }
        let told = planned(&cudnn, problem).and_then(|(plan, text)| {
            let error = compare(&cudnn, problem, &plan, number % 5 == 4).map_err(|error| format!("{text}: {error}"))?;
            Ok(format!("{text}, error {error:.3} of what may be"))
        });
        println!("{problem}: {}", told.clone().unwrap_or_else(|error| format!("FAILED: {error}")));
        failures.extend(told.err().map(|error| format!("{problem}: {error}")));
    }
    println!("{:.1} s", began.elapsed().as_secs_f64());
    let sizes = large();
    let mut all = problems(&sizes, 32, &NUMBERS);
    all.extend(problems(&sizes[..3], 1, &NUMBERS));
    for problem in &all {
        if began.elapsed() > Duration::from_secs(50) {
            left += 1;
            continue;
        }
        let told = planned(&cudnn, problem).map(|(_, text)| text);
        println!("{problem}: {}", told.clone().unwrap_or_else(|error| format!("FAILED: {error}")));
        failures.extend(told.err().map(|error| format!("{problem}: {error}")));
    }
    println!("{:.1} s, {left} left for want of time", began.elapsed().as_secs_f64());

    // What was chosen is kept, here and in the file, and a limit is kept to.
    let problem = &all[0];
    match (cudnn.plan(problem, None, true), new().plan(problem, None, true)) {
        (Ok(Some(here)), Ok(Some(there))) => {
            let places = [&here.way, &there.way].map(|way| (way.mode, way.index));
            println!("chosen and found again: {places:?}");
            if places[0] != places[1] || here.milliseconds() != there.milliseconds() {
                failures.push(format!("the file does not keep {places:?}"));
            }
        }
        _ => failures.push("there is no plan to be kept".into()),
    }
    match cudnn.plan(problem, Some(0), true) {
        Ok(Some(plan)) if plan.workspace() > 0 => failures.push(format!("{} bytes in place of 0", plan.workspace())),
        Ok(plan) => println!("without workspace there is {}", if plan.is_some() { "a way" } else { "none" }),
        Err(error) => failures.push(error),
    }
    // SAFETY: addresses that are refused are not used.
    let refused = cudnn
        .plan(problem, None, true)
        .map(|plan| plan.map(|plan| unsafe { plan.run(&stream, &Addresses::of([4; 3]), 0) }.is_err()));
    if refused != Ok(Some(true)) {
        failures.push(format!("addresses that are not aligned: {refused:?}"));
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
