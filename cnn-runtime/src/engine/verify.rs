//! Shows that operands of one step never meet but where the plan says so, and are as large as its operation says: back ends make
//! slices and addresses because of this.

use super::memory::ALIGNMENT;
use super::operation::Operation;
use super::plan::{Operand, Plan, Source, Start, Step};
use super::program::Extent;
use super::session::{elements, plane};
use super::sizes;

/// What is wrong with a plan: a mistake of the planner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw(pub String);

/// Checks every step: operands inside of their memory, and of its operation's [sizes]; outputs apart from each other, from the
/// workspace, and from all inputs but the one that is replaced.
pub(super) fn verify(plan: &Plan) -> Result<(), Flaw> {
    let input = plan.input;
    if plan.batch == 0 {
        return Err(Flaw("a batch of nothing".into()));
    }
    for (index, step) in plan.steps.iter().enumerate() {
        check(plan, input, step)
            .and_then(|()| sizes::check(plan, index))
            .map_err(|flaw| Flaw(format!("step {index} ({} at {}): {flaw}", step.operation.name(), step.place)))?;
    }
    plan.outputs
        .iter()
        .try_for_each(|(name, operand)| inside(plan, input, operand).map_err(|e| Flaw(format!("{name}: {e}"))))
}

fn check(plan: &Plan, input: usize, step: &Step) -> Result<(), String> {
    let starts = step.outputs.iter().filter_map(|target| match &target.start {
        Start::Copy(onto) => Some(onto),
        Start::Unset | Start::Sum | Start::Input(_) => None,
    });
    let reads: Vec<&Operand> = step.inputs.iter().chain(starts).collect();
    let writes = step.outputs.iter().map(|target| &target.operand);
    reads.iter().copied().chain(writes).try_for_each(|operand| inside(plan, input, operand))?;
    let step_reads: Vec<Source> = reads.iter().map(|operand| operand.source).collect();
    let spans = plan.layout.takes_spans(&step.operation);
    for (k, target) in step.outputs.iter().enumerate() {
        if !matches!(target.operand.source, Source::Arena(_)) {
            return Err(format!("output {k} is not in the arena"));
        }
        for (i, read) in reads.iter().enumerate() {
            let replaced = target.start == Start::Input(i) && same(read, &target.operand);
            if !replaced && meet(plan, read, &target.operand, spans) {
                return Err(format!("output {k} meets input {i}"));
            }
        }
        for other in &step.outputs[..k] {
            if meet(plan, &other.operand, &target.operand, spans) {
                return Err(format!("output {k} meets another"));
            }
        }
    }
    if let Some((byte, len)) = step.workspace {
        if byte % ALIGNMENT != 0 || byte + len > plan.arena {
            return Err("workspace outside of the arena".into());
        }
        let operands = reads.into_iter().chain(step.outputs.iter().map(|target| &target.operand));
        for operand in operands {
            if span(plan, operand).is_some_and(|(from, to)| from < byte + len && byte < to) {
                return Err("an operand meets the workspace".into());
            }
        }
    }
    if matches!(step.operation, Operation::Update { .. }) {
        // The optimizer may cut the gradient where it stands.
        let [gradient, rest @ ..] = &step.inputs[..] else { return Err("an update without a gradient".into()) };
        if !matches!(gradient.source, Source::Arena(_)) || rest.iter().any(|other| meet(plan, other, gradient, true)) {
            return Err("a gradient that is not its own".into());
        }
    }
    let changes_read = |changed: &usize| step_reads.contains(&Source::State(*changed));
    let twice = step.changes.iter().enumerate().any(|(k, change)| step.changes[..k].contains(change));
    if twice || step.changes.iter().any(|&change| change >= plan.states.len() || changes_read(&change)) {
        return Err("a state that is changed twice, or read while it changes".into());
    }
    Ok(())
}

/// Whether a step writes none of an operand's numbers.
#[cfg(feature = "cuda")]
pub(super) fn leaves_alone(plan: &Plan, step: &Step, operand: &Operand) -> bool {
    let scratch = step.workspace.zip(span(plan, operand));
    let is_scratch = scratch.is_some_and(|((byte, len), (from, to))| from < byte + len && byte < to);
    !is_scratch && !step.outputs.iter().any(|target| meet(plan, operand, &target.operand, false))
}

/// Whether two operands are the same numbers, whatever their sizes are called.
fn same(a: &Operand, b: &Operand) -> bool {
    let address = |operand: &Operand| (operand.source, operand.offset, operand.stride, elements(operand.extent));
    address(a) == address(b) && (a.pitch == b.pitch || plane(a.extent) == 1)
}

/// How many samples an operand has.
fn samples(plan: &Plan, operand: &Operand) -> usize {
    if matches!(operand.extent, Extent::Batch(_)) { plan.batch } else { 1 }
}

/// The bytes of the arena between an operand's first number and its last.
fn span(plan: &Plan, operand: &Operand) -> Option<(usize, usize)> {
    let Source::Arena(byte) = operand.source else { return None };
    let element = plan.layout.element_of(operand.extent);
    let from = byte + operand.offset * element;
    let numbers = (samples(plan, operand) - 1) * operand.stride + reach(plan, operand);
    Some((from, from + numbers * element))
}

/// Numbers from the first of a sample to behind its last.
fn reach(plan: &Plan, operand: &Operand) -> usize {
    plan.layout.reach(operand.extent, operand.pitch)
}

fn inside(plan: &Plan, input: usize, operand: &Operand) -> Result<(), String> {
    let len = elements(operand.extent);
    if samples(plan, operand) > 1 && operand.offset + reach(plan, operand) > operand.stride {
        return Err(format!("{operand:?}: a sample reaches into the next"));
    }
    if plane(operand.extent) > 1 && operand.pitch < plan.layout.pitch_of(operand.extent) {
        return Err(format!("{operand:?}: a pixel reaches into the next"));
    }
    let fits = match operand.source {
        Source::Arena(byte) => byte % ALIGNMENT == 0 && span(plan, operand).is_some_and(|(_, to)| to <= plan.arena),
        Source::Input => {
            matches!(operand.extent, Extent::Batch(_)) && operand.offset == 0 && len == input && operand.stride == input
        }
        Source::Constant(index) => {
            operand.offset == 0 && plan.constants.get(index).is_some_and(|constant| constant.elements == len)
        }
        Source::State(index) => {
            operand.offset == 0 && plan.states.get(index).is_some_and(|state| state.elements == len)
        }
    };
    if fits { Ok(()) } else { Err(format!("{operand:?} is outside of its memory")) }
}

/// Whether two operands share a number. Samples of one buffer are interleaved, so there offsets decide.
fn meet(plan: &Plan, a: &Operand, b: &Operand, spans: bool) -> bool {
    let (Some(first), Some(second)) = (span(plan, a), span(plan, b)) else { return false };
    if !spans && a.source == b.source && a.stride == b.stride && samples(plan, a) == samples(plan, b) {
        let alike = a.pitch == b.pitch;
        let width = |operand: &Operand| match alike {
            true => plan.layout.channels_of(operand.extent),
            false => reach(plan, operand),
        };
        return a.offset < b.offset + width(b) && b.offset < a.offset + width(a);
    }
    first.0 < second.1 && second.0 < first.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::Target;
    use crate::engine::{Backend, Reference, SessionOptions, TrainerOptions, plan_inference, plan_training};

    fn plans() -> [Plan; 2] {
        let graph = cnn_lang::load(crate::zoo::ResNet20Cifar, None).unwrap();
        let reference = Reference::default();
        let backend: &dyn Backend<f32> = &reference;
        let inference =
            plan_inference(backend, &graph, SessionOptions { batch: 2, auxiliary: false, ..Default::default() })
                .unwrap();
        let training = plan_training(backend, &graph, &TrainerOptions { batch: 2, ..Default::default() }).unwrap().0;
        [inference, training]
    }

    #[test]
    fn plans_are_sound() {
        plans().iter().for_each(|plan| assert_eq!(verify(plan), Ok(())));
    }

    /// Each kind of harm, done to each step that can suffer it, is found.
    #[test]
    fn harm_is_found() {
        for plan in plans() {
            let mut found = 0;
            for index in 0..plan.steps.len() {
                let mut harmed: Vec<Plan> = Vec::new();
                let mut harm = |change: &dyn Fn(&mut Step) -> bool| {
                    let mut plan = plan.clone();
                    if change(&mut plan.steps[index]) {
                        harmed.push(plan);
                    }
                };
                harm(&|step| {
                    let Some(input) =
                        step.inputs.iter().find(|input| matches!(input.source, Source::Arena(_))).copied()
                    else {
                        return false;
                    };
                    step.outputs.first_mut().is_some_and(|output| {
                        let kept = matches!(output.start, Start::Input(_));
                        *output =
                            Target { operand: Operand { extent: output.operand.extent, ..input }, start: Start::Unset };
                        !kept
                    })
                });
                harm(&|step| {
                    step.outputs.first_mut().is_some_and(|output| {
                        output.operand.source = Source::Arena(plan.arena);
                        true
                    })
                });
                harm(&|step| {
                    step.workspace.as_mut().is_some_and(|(_, len)| {
                        *len = plan.arena + 1;
                        true
                    })
                });
                harm(&|step| {
                    let first = step.changes.first().copied();
                    step.changes.extend(first);
                    first.is_some()
                });
                for harmed in harmed {
                    assert!(verify(&harmed).is_err(), "step {index}: {:?}", harmed.steps[index]);
                    found += 1;
                }
            }
            println!("{found} plans with one harm each are refused");
            assert!(found > 50);
        }
    }
}
