//! Shows that a plan's workspaces are as large as the kernels want.
//!
//! Kernels here compute addresses from the sizes of operations; that operands have these sizes, lie inside of their memory and
//! apart from each other, [`verify`](crate::engine::verify) shows. A plan's fields are open, so none of this is taken on trust.

use super::kernel::Kernel;
use crate::engine::backend::Use;
use crate::engine::plan::{Plan, Source, Step};
use crate::engine::program::Extent;

/// Checks every step of a plan against its kernel.
pub(super) fn check(plan: &Plan, kernels: &[Kernel], lanes: usize) -> Result<(), String> {
    for (index, (step, kernel)) in plan.steps.iter().zip(kernels).enumerate() {
        let (wanted, got) = (workspace(plan, step, kernel, lanes), step.workspace.map_or(0, |(_, len)| len));
        if got < wanted {
            let (name, place) = (step.operation.name(), &step.place);
            return Err(format!("step {index} ({name} at {place}): a workspace of {got} bytes, {wanted} wanted"));
        }
    }
    Ok(())
}

/// Bytes of scratch that a step's kernel wants.
fn workspace(plan: &Plan, step: &Step, kernel: &Kernel, lanes: usize) -> usize {
    let inputs: Vec<Extent> = step.inputs.iter().map(|input| input.extent).collect();
    let constant =
        kernel.filters().is_some() && step.inputs.get(1).is_some_and(|i| matches!(i.source, Source::Constant(_)));
    let of = Use { operation: &step.operation, inputs: &inputs, constant, batch: plan.batch };
    kernel.scratch(&of, lanes) * size_of::<f32>()
}

#[cfg(test)]
mod tests {
    use crate::engine::cpu::Cpu;
    use crate::engine::{Backend, ConstantReader, SessionOptions, plan_inference};
    use crate::weights::InitialWeights;

    /// Scratch is planned for the threads that there are.
    #[test]
    fn a_plan_for_fewer_threads_is_refused() {
        let source = "Small: 5x9x9 -> 3; stem conv(6, 3, pad = 1) -> bn -> relu -> lrn(5); head gap -> linear(3);";
        let graph = cnn_lang::load(source, None).unwrap_or_else(|errors| panic!("{}", errors[0]));
        let [of_one, of_many] = [1, 8].map(|lanes| Cpu { lanes, ..Cpu::default() });
        let plan = plan_inference(&of_one, &graph, SessionOptions { batch: 3, ..Default::default() }).unwrap();
        let plan = std::sync::Arc::new(plan);
        let mut weights = InitialWeights::<f32>::new(&graph, 1).unwrap();
        let mut constants = ConstantReader::new(&plan, &mut weights).unwrap();
        let error = of_many.prepare(plan.clone(), &mut constants).err().map(|error| error.to_string()).unwrap();
        println!("{error}");
        assert!(error.contains("a workspace of"), "{error}");
    }
}
