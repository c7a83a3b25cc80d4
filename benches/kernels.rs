//! How near kernels come to what the processor can do: `cargo run --release -p cnn-runtime --example kernels`.
//!
//! Measured first are the processor's own limits, on one thread and on all: multiply-adds of f32 in registers, and passes over memory. Then small
//! networks are run and trained with the clock on ([`Trainer::watch`]); of the step in question the shortest time counts. Of
//! convolutions that is floating-point operations (two for each multiply-add of the definition, borders included), of
//! everything else the bytes of the tensors that it reads and writes, each counted once, however often it passes over them.

use std::error::Error;
use std::hint::black_box;
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use cnn_runtime::engine::operation::Operation;
use cnn_runtime::engine::plan::{Plan, Start, Step};
use cnn_runtime::engine::program::Extent;
use cnn_runtime::engine::{Cpu, Session, SessionOptions, Targets, Trainer, TrainerOptions};
use cnn_runtime::weights::StateDict;

/// How long a network is run at least.
const TIME: Duration = Duration::from_millis(120);

/// How often all are measured.
const PASSES: usize = 2;

/// Samples of a batch.
const BATCH: usize = 8;

/// A row of the table: what it is called, the network, which of its steps, and whether the network is trained.
type Case = (&'static str, &'static str, &'static str, bool);

/// Networks whose `body` is measured, or whose largest step of the name.
#[rustfmt::skip]
const CASES: &[Case] = &[
    ("1x1, 64 to 256 at 56x56", "N: 64x56x56 -> 256x56x56; body conv(256, 1, bias = false);", "conv", false),
    ("1x1, 1024 to 256 at 14x14", "N: 1024x14x14 -> 256x14x14; body conv(256, 1, bias = false);", "conv", false),
    ("3x3, 64 at 56x56", "N: 64x56x56 -> 64x56x56; body conv(64, 3, pad = 1, bias = false);", "conv", false),
    ("3x3, 256 at 14x14", "N: 256x14x14 -> 256x14x14; body conv(256, 3, pad = 1, bias = false);", "conv", false),
    ("3x3, 512 at 7x7", "N: 512x7x7 -> 512x7x7; body conv(512, 3, pad = 1, bias = false);", "conv", false),
    ("5x5, 32 to 96 at 28x28", "N: 32x28x28 -> 96x28x28; body conv(96, 5, pad = 2, bias = false);", "conv", false),
    ("7x7, stride 2, 3 to 64 at 224x224", "N: 3x224x224 -> 64x112x112; body conv(64, 7, stride = 2, pad = 3, bias = false);", "conv", false),
    ("3x3, stride 2, 128 at 56x56", "N: 128x56x56 -> 128x28x28; body conv(128, 3, stride = 2, pad = 1, bias = false);", "conv", false),
    ("3x3, 32 groups of 4 at 56x56", "N: 128x56x56 -> 128x56x56; body conv(128, 3, pad = 1, groups = 32, bias = false);", "conv", false),
    ("3x3, 2 groups of 64 at 28x28", "N: 128x28x28 -> 128x28x28; body conv(128, 3, pad = 1, groups = 2, bias = false);", "conv", false),
    ("3x3 depthwise, 144 at 56x56", "N: 144x56x56 -> 144x56x56; body conv(144, 3, pad = 1, groups = 144, bias = false);", "conv", false),
    ("5x5 depthwise, 240 at 28x28", "N: 240x28x28 -> 240x28x28; body conv(240, 5, pad = 2, groups = 240, bias = false);", "conv", false),
    ("linear, 2048 to 1000", "N: 2048x1x1 -> 1000; body flatten -> linear(1000);", "linear", false),
    ("1x1, input gradient", "N: 3x56x56 -> 10; stem conv(64, 1); body conv(256, 1, bias = false); head gap -> linear(10);", "conv input gradient", true),
    ("1x1, weight gradient", "N: 3x56x56 -> 10; stem conv(64, 1); body conv(256, 1, bias = false); head gap -> linear(10);", "conv weight gradient", true),
    ("3x3, 64 at 56x56, input gradient", "N: 3x56x56 -> 10; stem conv(64, 1); body conv(64, 3, pad = 1, bias = false); head gap -> linear(10);", "conv input gradient", true),
    ("3x3, 64 at 56x56, weight gradient", "N: 3x56x56 -> 10; stem conv(64, 1); body conv(64, 3, pad = 1, bias = false); head gap -> linear(10);", "conv weight gradient", true),
    ("3x3, 512 at 7x7, input gradient", "N: 3x7x7 -> 10; stem conv(512, 1); body conv(512, 3, pad = 1, bias = false); head gap -> linear(10);", "conv input gradient", true),
    ("3x3, 512 at 7x7, weight gradient", "N: 3x7x7 -> 10; stem conv(512, 1); body conv(512, 3, pad = 1, bias = false); head gap -> linear(10);", "conv weight gradient", true),
    ("3x3, stride 2, 128 at 56x56, input gradient", "N: 3x56x56 -> 10; stem conv(128, 1); body conv(128, 3, stride = 2, pad = 1, bias = false); head gap -> linear(10);", "conv input gradient", true),
    ("3x3, stride 2, 128 at 56x56, weight gradient", "N: 3x56x56 -> 10; stem conv(128, 1); body conv(128, 3, stride = 2, pad = 1, bias = false); head gap -> linear(10);", "conv weight gradient", true),
    ("7x7, stride 2, stem, weight gradient", "N: 3x224x224 -> 10; body conv(64, 7, stride = 2, pad = 3, bias = false); head gap -> linear(10);", "conv weight gradient", true),
    ("3x3, 32 groups of 4, input gradient", "N: 3x56x56 -> 10; stem conv(128, 1); body conv(128, 3, pad = 1, groups = 32, bias = false); head gap -> linear(10);", "conv input gradient", true),
    ("3x3, 32 groups of 4, weight gradient", "N: 3x56x56 -> 10; stem conv(128, 1); body conv(128, 3, pad = 1, groups = 32, bias = false); head gap -> linear(10);", "conv weight gradient", true),
    ("3x3 depthwise, 144 at 56x56, input gradient", "N: 3x56x56 -> 10; stem conv(144, 1); body conv(144, 3, pad = 1, groups = 144, bias = false); head gap -> linear(10);", "conv input gradient", true),
    ("3x3 depthwise, 144 at 56x56, weight gradient", "N: 3x56x56 -> 10; stem conv(144, 1); body conv(144, 3, pad = 1, groups = 144, bias = false); head gap -> linear(10);", "conv weight gradient", true),
    ("linear, 4096 to 4096, input gradient", "N: 16x1x1 -> 10; stem flatten -> linear(4096); body linear(4096); head linear(10);", "linear input gradient", true),
    ("linear, 4096 to 4096, weight gradient", "N: 16x1x1 -> 10; stem flatten -> linear(4096); body linear(4096); head linear(10);", "linear weight gradient", true),
    ("bn + relu, 64 at 112x112", "N: 3x112x112 -> 10; stem conv(64, 1); body bn -> relu; head gap -> linear(10);", "bn", true),
    ("bn + relu, gradient", "N: 3x112x112 -> 10; stem conv(64, 1); body bn -> relu; head gap -> linear(10);", "bn gradient", true),
    ("add + relu, 64 at 112x112", "N: 64x112x112 -> 64x112x112; body add { maxpool(3, stride = 1, pad = 1); avgpool(3, stride = 1, pad = 1); } -> relu;", "add", false),
    ("maxpool 3x3, stride 2, 64 at 112x112", "N: 64x112x112 -> 64x56x56; body maxpool(3, stride = 2, pad = 1);", "maxpool", false),
    ("maxpool 3x3, gradient", "N: 3x112x112 -> 10; stem conv(64, 1); body maxpool(3, stride = 2, pad = 1); head flatten -> linear(10);", "maxpool gradient", true),
    ("global mean, 512 at 28x28", "N: 512x28x28 -> 512; body gap;", "gap", false),
    ("SGD with momentum, 16.8 M weights", "N: 16x1x1 -> 10; stem flatten -> linear(4096); body linear(4096); head linear(10);", "update", true),
];

fn main() -> Result<(), Box<dyn Error>> {
    let all = rayon::current_num_threads();
    let pools = [1, all].map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build());
    let [one, all_of_them] = pools;
    let pools = [one?, all_of_them?];
    println!("{} on {all} threads, batch {BATCH}\n", Cpu::default().isa().name());
    let flops = [flops(1), flops(all)];
    let copied = [1, all].map(|threads| streamed(threads, 2, |from, to| to.copy_from_slice(from)));
    let added = |from: &[f32], to: &mut [f32]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
    let added = [1, all].map(|threads| streamed(threads, 3, added));
    // What is overwritten unread is fetched all the same, which this counts as nothing: the better of the two is the limit.
    let memory = [0, 1].map(|i| added[i].max(copied[i]));
    println!("| | one thread | {all} threads |");
    println!("|---|---|---|");
    println!("| multiply-adds in registers, GFLOP/s | {:.0} | {:.0} |", flops[0] / 1e9, flops[1] / 1e9);
    println!("| copying, GB/s read and written | {:.1} | {:.1} |", copied[0] / 1e9, copied[1] / 1e9);
    println!("| adding to what is there, GB/s | {:.1} | {:.1} |\n", added[0] / 1e9, added[1] / 1e9);
    println!("| step | unit | one thread | of the limit | {all} threads | of the limit | faster by |");
    println!("|---|---|---|---|---|---|---|");
    let mut best = vec![([0.0f64; 2], ""); CASES.len()];
    // Some way apart, because whatever else the machine does comes and goes.
    for _ in 0..PASSES {
        for (&(name, source, operation, training), (rates, unit)) in CASES.iter().zip(&mut best) {
            for (rate, pool) in rates.iter_mut().zip(&pools) {
                let run = || measure(source, operation, training).map_err(|error| format!("{name}: {error}"));
                let (work, seconds) = pool.install(run)?;
                *unit = match work {
                    Work::Operations(_) => "GFLOP/s",
                    Work::Bytes(_) => "GB/s",
                };
                *rate = rate.max(work.amount() / seconds);
            }
        }
    }
    for (&(name, ..), (rates, unit)) in CASES.iter().zip(best) {
        let limits = if unit == "GFLOP/s" { flops } else { memory };
        let [[first, part], [second, share]] = [0, 1].map(|i| [rates[i] / 1e9, 100.0 * rates[i] / limits[i]]);
        println!("| {name} | {unit} | {first:.1} | {part:.0} % | {second:.1} | {share:.0} % | {:.2} |", second / first);
    }
    Ok(())
}

/// What a step does.
#[derive(Clone, Copy)]
enum Work {
    Operations(f64),
    Bytes(f64),
}

impl Work {
    fn of(step: &Step, plan: &Plan) -> Work {
        let operations = |macs: u64| Work::Operations(2.0 * (macs * BATCH as u64) as f64);
        match &step.operation {
            Operation::Conv { shape, .. }
            | Operation::ConvInputGradient(shape)
            | Operation::ConvWeightGradient(shape) => operations(shape.macs()),
            Operation::Linear { shape, .. }
            | Operation::LinearInputGradient(shape)
            | Operation::LinearWeightGradient(shape) => operations((shape.inputs * shape.outputs) as u64),
            _ => {
                let numbers = |extent: Extent| match extent {
                    Extent::Batch(shape) => shape.elements() * BATCH,
                    Extent::Fixed(count) => count,
                };
                let read: usize = step.inputs.iter().map(|input| numbers(input.extent)).sum();
                let written = step.outputs.iter().map(|target| match target.start {
                    Start::Unset | Start::Input(_) => numbers(target.operand.extent),
                    Start::Sum | Start::Copy(_) => 2 * numbers(target.operand.extent),
                });
                let changed: usize = step.changes.iter().map(|&state| 2 * plan.states[state].elements).sum();
                Work::Bytes((4 * (read + written.sum::<usize>() + changed)) as f64)
            }
        }
    }

    fn amount(self) -> f64 {
        match self {
            Work::Operations(count) | Work::Bytes(count) => count,
        }
    }
}

/// What the largest step of this name does, and the shortest time that it took.
fn measure(source: &str, operation: &str, training: bool) -> Result<(Work, f64), Box<dyn Error + Send + Sync>> {
    let graph = cnn_lang::load(source, None).map_err(|errors| errors[0].to_string())?;
    let weights = StateDict::<f32>::init(&graph, 1)?;
    let images: Vec<f32> =
        (0..BATCH * graph.input_shape().elements()).map(|i| (i % 251) as f32 / 125.0 - 1.0).collect();
    if training {
        let labels: Vec<usize> = (0..BATCH).collect();
        let mut trainer = Trainer::new(&graph, &weights, TrainerOptions { batch: BATCH, ..Default::default() })?;
        trainer.watch(true);
        shortest(operation, || {
            trainer.step(&images, Targets::Labels(&labels), 0.0)?;
            Ok((trainer.seconds().to_vec(), trainer.plan().clone()))
        })
    } else {
        let mut session = Session::new(&graph, &weights, SessionOptions { batch: BATCH, ..Default::default() })?;
        session.watch(true);
        shortest(operation, || {
            session.run(&images)?;
            Ok((session.seconds().to_vec(), session.plan().clone()))
        })
    }
}

/// Runs for a while.
fn shortest(
    operation: &str,
    mut run: impl FnMut() -> Result<(Vec<f64>, Plan), Box<dyn Error + Send + Sync>>,
) -> Result<(Work, f64), Box<dyn Error + Send + Sync>> {
    let (begin, mut least, mut largest) = (Instant::now(), f64::INFINITY, None);
    let mut runs = 0;
    while runs < 4 || begin.elapsed() < TIME {
        let (seconds, plan) = run()?;
        let steps = plan.steps.iter().enumerate().filter(|(_, step)| step.operation.name() == operation);
        let works = steps.map(|(index, step)| (index, Work::of(step, &plan)));
        let (index, work) =
            works.max_by(|a, b| a.1.amount().total_cmp(&b.1.amount())).ok_or(format!("no step {operation}: {plan}"))?;
        least = least.min(seconds[index]);
        largest = Some(work);
        runs += 1;
    }
    Ok((largest.ok_or("no run")?, least))
}

/// The best of several goes on so many threads, amounts of all together for each second.
fn rate(threads: usize, work: impl Fn() -> f64 + Sync) -> f64 {
    let go = || {
        let barrier = Barrier::new(threads);
        let times = std::thread::scope(|scope| {
            let run = || {
                barrier.wait();
                let begin = Instant::now();
                (work(), begin.elapsed().as_secs_f64())
            };
            let handles: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            handles.into_iter().filter_map(|handle| handle.join().ok()).collect::<Vec<_>>()
        });
        let longest = times.iter().map(|(_, seconds)| *seconds).fold(0.0, f64::max);
        times.iter().map(|(amount, _)| amount).sum::<f64>() / longest
    };
    (0..8).map(|_| go()).fold(0.0, f64::max)
}

/// Floating-point operations in a second: sums in registers, nothing read.
fn flops(threads: usize) -> f64 {
    rate(threads, || {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                // SAFETY: the processor has just been asked.
                return unsafe { x86::avx512() };
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                // SAFETY: as above.
                return unsafe { x86::avx2() };
            }
        }
        portable()
    })
}

/// Rounds of a loop that takes a tenth of a second: time enough for threads to find processors of their own.
const ROUNDS: usize = 40_000_000;

fn portable() -> f64 {
    let (mut sums, factor) = ([[0.5f32; 4]; 8], black_box([1.000_000_1f32; 4]));
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            sum.iter_mut().zip(factor).for_each(|(x, factor)| *x = *x * factor + factor);
        }
    }
    black_box(sums);
    (2 * 4 * 8 * ROUNDS) as f64
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    use super::ROUNDS;

    /// # Safety
    /// The processor has AVX-512.
    #[target_feature(enable = "avx512f")]
    pub unsafe fn avx512() -> f64 {
        let factor = black_box(_mm512_set1_ps(0.999_999));
        let mut sums = [black_box(_mm512_set1_ps(0.5)); 24];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, factor, factor);
            }
        }
        black_box(sums);
        (2 * 16 * 24 * ROUNDS) as f64
    }

    /// # Safety
    /// The processor has AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn avx2() -> f64 {
        let factor = black_box(_mm256_set1_ps(0.999_999));
        let mut sums = [black_box(_mm256_set1_ps(0.5)); 12];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, factor, factor);
            }
        }
        black_box(sums);
        (2 * 8 * 12 * ROUNDS) as f64
    }
}

/// Bytes read and written in a second by passing over 64 MiB and 64 MiB, more than caches hold; so many numbers for each
/// number of the first.
fn streamed(threads: usize, numbers: usize, pass: impl Fn(&[f32], &mut [f32]) + Sync) -> f64 {
    let len = 16 << 20;
    let buffers: Vec<_> = (0..threads).map(|_| Mutex::new((vec![1.0f32; len], vec![0.0f32; len]))).collect();
    rate(threads, || {
        let Some(mut own) = buffers.iter().find_map(|buffer| buffer.try_lock().ok()) else { return 0.0 };
        let (from, to) = &mut *own;
        for _ in 0..4 {
            pass(black_box(from), black_box(&mut *to));
        }
        (4 * numbers * size_of::<f32>() * len) as f64
    })
}
