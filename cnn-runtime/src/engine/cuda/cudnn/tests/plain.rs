//! A plan's result against a plain loop.

use cudarc::driver::{result, sys};

use super::super::{Addresses, ConvPlan, Cudnn, Number, Pass, Problem, driver, lock};
use super::fused::follow;
use crate::engine::operation::ConvShape;
use crate::kernels::window::Axis;

/// Memory on the device.
struct Memory(u64);

impl Memory {
    fn new(bytes: &[u8]) -> Memory {
        // SAFETY: freed once, when it is dropped; a context is current.
        let memory = Memory(unsafe { result::malloc_sync(bytes.len().max(1)) }.unwrap());
        // SAFETY: so many bytes.
        unsafe { result::memcpy_htod_sync(memory.0, bytes) }.unwrap();
        // The last bytes may still be under way, and other streams do not wait for them.
        result::ctx::synchronize().unwrap();
        memory
    }

    fn read(&self, bytes: usize) -> Vec<u8> {
        let mut read = vec![0; bytes];
        // SAFETY: callers read what they wrote.
        unsafe { result::memcpy_dtoh_sync(&mut read, self.0) }.unwrap();
        read
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated by `new`.
        let _ = unsafe { result::free_sync(self.0) };
    }
}

/// What stands in a result before.
const BEFORE: f32 = 777.0;

/// How far a result may be from the exact one, as a share of the sum of magnitudes.
fn tolerance(problem: &Problem) -> f64 {
    match (problem.number, problem.tf32) {
        (Number::F32, false) => 1e-5,
        (Number::F32, true) => 1.5e-3,
        (Number::Bf16, _) => 6e-3,
        (Number::F16, _) => 7.5e-4,
    }
}

/// A number between -1 and 1.
pub fn random(state: &mut u64) -> f32 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*state >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// x, the filter and y; then for the result the exact numbers with their sums of magnitudes.
type Example = ([Vec<f32>; 3], Vec<(f64, f64)>);

fn example(problem: &Problem) -> Example {
    let Problem { pass, number, samples, shape, x_pitch, y_pitch, .. } = *problem;
    let ConvShape { inputs, outputs, groups, rows, cols } = shape;
    let mut state = 1u64;
    let mut tensors = problem.bytes().map(|bytes| {
        let values: Vec<f32> = (0..bytes / number.bytes()).map(|_| random(&mut state)).collect();
        number.read(&number.write(&values))
    });
    let written = match pass {
        Pass::Forward => 2,
        Pass::InputGradient => 0,
        Pass::WeightGradient => 1,
    };
    let mut exact = vec![(0.0, 0.0); tensors[written].len()];
    let (each, all) = (inputs / groups, outputs / groups);
    let place = |axis: &Axis, output: usize, tap: usize| {
        (output * axis.stride + tap * axis.dilation).checked_sub(axis.before).filter(|&input| input < axis.input)
    };
    for (sample, i, j) in
        (0..samples).flat_map(|n| (0..rows.output).flat_map(move |i| (0..cols.output).map(move |j| (n, i, j))))
    {
        for (output, u, v) in
            (0..outputs).flat_map(|k| (0..rows.kernel).flat_map(move |u| (0..cols.kernel).map(move |v| (k, u, v))))
        {
            let (Some(row), Some(col)) = (place(&rows, i, u), place(&cols, j, v)) else { continue };
            for channel in 0..each {
                let pixel = (sample * rows.input + row) * cols.input + col;
                let places = [
                    pixel * x_pitch + output / all * each + channel,
                    ((output * rows.kernel + u) * cols.kernel + v) * each + channel,
                    ((sample * rows.output + i) * cols.output + j) * y_pitch + output,
                ];
                let factors = (0..3).filter(|&k| k != written).map(|k| f64::from(tensors[k][places[k]]));
                let product: f64 = factors.product();
                let (sum, magnitude) = &mut exact[places[written]];
                *sum += product;
                *magnitude += product.abs();
            }
        }
    }
    tensors[written].fill(number.read(&number.write(&[BEFORE]))[0]);
    (tensors, exact)
}

/// Runs a plan; the largest error as a share of what may be, and an error message.
pub fn compare(cudnn: &Cudnn, problem: &Problem, plan: &ConvPlan, captured: bool) -> Result<f64, String> {
    let (tensors, mut exact) = example(problem);
    let beside = follow(problem, &mut exact).map(|bytes| bytes.map(|bytes| Memory::new(&bytes)));
    let memories = tensors.each_ref().map(|values| Memory::new(&problem.number.write(values)));
    let [bias, onto] = beside.each_ref().map(|memory| memory.as_ref().map(|memory| memory.0));
    let addresses = Addresses { bias, onto, ..Addresses::of(memories.each_ref().map(|memory| memory.0)) };
    let workspace = Memory::new(&vec![0xff; plan.workspace()]);
    let stream = lock(&cudnn.handle).stream.clone();
    // SAFETY: these are the tensors of the problem, and the workspace.
    let run = || unsafe { plan.run(&stream, &addresses, workspace.0) };
    if captured {
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        stream.begin_capture(mode).map_err(driver)?;
        let ran = run();
        let flags = sys::CUgraphInstantiate_flags::CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH;
        let graph = stream.end_capture(flags).map_err(driver)?;
        ran?;
        graph.ok_or("nothing was captured")?.launch().map_err(driver)?;
        stream.synchronize().map_err(driver)?;
    } else {
        run()?;
        stream.synchronize().map_err(driver)?;
    }
    let (written, pitch, channels) = match problem.pass {
        Pass::Forward => (2, problem.y_pitch, problem.shape.outputs),
        Pass::InputGradient => (0, problem.x_pitch, problem.shape.inputs),
        Pass::WeightGradient => (1, 1, 1),
    };
    let read = problem.number.read(&memories[written].read(problem.bytes()[written]));
    let before = tensors[written][0];
    let mut worst = 0.0f64;
    for (place, (&value, (exact, magnitude))) in read.iter().zip(exact).enumerate() {
        if place % pitch >= channels {
            if value != before {
                return Err(format!("it writes {value} between pixels, at {place}"));
            }
            continue;
        }
        let share = (f64::from(value) - exact).abs() / (magnitude * tolerance(problem) + 1e-6);
        if share.is_nan() || share > 1.0 {
            return Err(format!("{value} in place of {exact} at {place}, {share:.1} times what may be"));
        }
        worst = worst.max(share);
    }
    Ok(worst)
}
