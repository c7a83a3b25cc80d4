//! Shows that operands of one step never meet but where the plan says so, and are as large as its operation says: back ends make
//! slices and addresses because of this.

use super::memory::ALIGNMENT;
use super::operation::Operation;
use super::plan::{Operand, Plan, Source, Start, Step};
use super::program::Extent;
use super::session::{elements, plane, sizes_of_map};
use super::sizes;
use super::storage::Order;

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
    // Images are f32 whatever maps are.
    let mixed = plan.layout.activation != plan.layout.element && step.operation != Operation::Arrange;
    if mixed && step_reads.contains(&Source::Input) {
        return Err("it reads images as if they were a map".into());
    }
    for (k, target) in step.outputs.iter().enumerate() {
        if !matches!(target.operand.source, Source::Arena(_)) {
            return Err(format!("output {k} is not in the arena"));
        }
        if let Start::Input(i) = target.start
            && !step.inputs.get(i).is_some_and(|read| same(read, &target.operand))
        {
            return Err(format!("output {k} is not where input {i} is"));
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
        if byte % ALIGNMENT != 0 || byte.checked_add(len).is_none_or(|end| end > plan.arena) {
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

/// Checks that constants are read in the form in which they are stored: the numbers of input `i` of step `index` in a form of the
/// back end's own, as `stored` says.
pub(super) fn constants(plan: &Plan, stored: impl Fn(usize, usize) -> Option<usize>) -> Result<(), String> {
    let check = |operand: &Operand, own: Option<usize>| match operand.source {
        Source::Constant(index) => {
            let (wanted, got) = (own.unwrap_or(plan.constants[index].elements), plan.constants[index].stored);
            if wanted == got { Ok(()) } else { Err(format!("constant {index} has {got} numbers, {wanted} are read")) }
        }
        Source::Arena(_) | Source::Input | Source::State(_) => Ok(()),
    };
    for (index, step) in plan.steps.iter().enumerate() {
        step.inputs.iter().enumerate().try_for_each(|(i, input)| check(input, stored(index, i)))?;
        step.outputs.iter().try_for_each(|target| match &target.start {
            Start::Copy(other) => check(other, None),
            Start::Unset | Start::Sum | Start::Input(_) => Ok(()),
        })?;
    }
    plan.outputs.iter().try_for_each(|(_, operand)| check(operand, None))
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

/// Numbers of a sample, or in all; none where there is none, or more than can be counted.
fn count(extent: Extent) -> Option<usize> {
    match extent {
        Extent::Batch(_) => {
            let count = sizes_of_map(extent).into_iter().try_fold(1usize, usize::checked_mul);
            count.filter(|count| *count > 0)
        }
        Extent::Fixed(count) => Some(count),
    }
}

/// Numbers from the beginning of an operand's memory to behind its last one: exact, whatever the fields are.
fn end(plan: &Plan, operand: &Operand) -> Option<u128> {
    let [channels, ..] = sizes_of_map(operand.extent).map(|size| size as u128);
    let plane = plane(operand.extent).saturating_sub(1) as u128;
    let reach = match plan.layout.order {
        Order::ChannelsFirst => elements(operand.extent) as u128,
        Order::ChannelsLast => plane.checked_mul(operand.pitch as u128)?.checked_add(channels)?,
    };
    let samples = (samples(plan, operand) - 1) as u128 * operand.stride as u128;
    samples.checked_add(reach)?.checked_add(operand.offset as u128)
}

fn inside(plan: &Plan, input: usize, operand: &Operand) -> Result<(), String> {
    let outside = || format!("{operand:?} is outside of its memory");
    let (len, end) = count(operand.extent).and_then(|len| Some((len, end(plan, operand)?))).ok_or_else(outside)?;
    let batched = matches!(operand.extent, Extent::Batch(_));
    let fits = match operand.source {
        Source::Arena(byte) => {
            let bytes = end.checked_mul(plan.layout.element_of(operand.extent) as u128);
            let end = bytes.and_then(|bytes| bytes.checked_add(byte as u128));
            byte % ALIGNMENT == 0 && end.is_some_and(|end| end <= plan.arena as u128)
        }
        Source::Input => {
            let all = plan.batch as u128 * input as u128;
            batched && operand.offset == 0 && len == input && operand.stride == input && end <= all
        }
        Source::Constant(index) => {
            let holds = plan.constants.get(index).is_some_and(|constant| constant.elements == len);
            !batched && operand.offset == 0 && holds
        }
        Source::State(index) => {
            !batched && operand.offset == 0 && plan.states.get(index).is_some_and(|state| state.elements == len)
        }
    };
    if !fits {
        return Err(outside());
    }
    if samples(plan, operand) > 1 && operand.offset + reach(plan, operand) > operand.stride {
        return Err(format!("{operand:?}: a sample reaches into the next"));
    }
    let is_map = plane(operand.extent) > 1;
    let in_pixel = match plan.layout.order {
        Order::ChannelsFirst => 0,
        Order::ChannelsLast => operand.offset,
    };
    if is_map && operand.pitch < in_pixel + plan.layout.pitch_of(operand.extent) {
        return Err(format!("{operand:?}: a pixel reaches into the next"));
    }
    Ok(())
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
mod tests;
