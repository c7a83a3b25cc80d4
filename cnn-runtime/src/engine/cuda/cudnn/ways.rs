//! The ways to compute a graph, out of cuDNN's lists.

use cudarc::cudnn::sys::{
    cudnnBackendBehaviorNote_t as Behavior, cudnnBackendHeurMode_t, cudnnBackendNumericalNote_t as Note,
};

use super::descriptor::{Attribute, Descriptor, Kind, Refusal, Type};
use super::graph::{Graph, IDS, Target, supported};
use super::{Number, Problem};

/// Ways that are finished and timed.
pub(super) const TRIED: usize = 6;
/// Workspace beyond which a way is considered only if there is none below: bytes.
const USUAL: usize = 1 << 30;
/// What the workspace is aligned to, as a device's allocations are.
const WORKSPACE: usize = 256;

/// The lists of cuDNN's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The fastest first, by its estimate.
    Ranked,
    /// What else there is.
    Fallback,
}

impl Mode {
    pub const ALL: [Mode; 2] = [Mode::Ranked, Mode::Fallback];

    pub fn name(self) -> &'static str {
        match self {
            Mode::Ranked => "ranked",
            Mode::Fallback => "fallback",
        }
    }
}

/// A way to compute a convolution, ready to run.
pub(super) struct Way {
    pub mode: Mode,
    /// Its place in the list of that mode.
    pub index: usize,
    pub plan: Descriptor,
    /// Bytes, those included that align it.
    pub workspace: usize,
    /// Kept because cuDNN does not promise that a plan stands alone.
    _config: Descriptor,
}

impl Way {
    /// What a run works on: x, filter and y, and a workspace, whose first bytes may be left out.
    pub fn pack(&self, addresses: [u64; 3], workspace: u64) -> Result<Descriptor, Refusal> {
        let workspace = if self.workspace == 0 { 0 } else { workspace.next_multiple_of(WORKSPACE as u64) };
        Descriptor::new(Kind::CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)?
            .integers(Attribute::CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, &IDS)?
            .addresses(Attribute::CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, &addresses)?
            .addresses(Attribute::CUDNN_ATTR_VARIANT_PACK_WORKSPACE, &[workspace])?
            .finish("a variant pack")
    }
}

impl Graph {
    /// A list of cuDNN's, whole, in its order, which is the same each time.
    fn configs(&self, target: &Target, mode: Mode) -> Result<Vec<Descriptor>, Refusal> {
        let number = match mode {
            Mode::Ranked => cudnnBackendHeurMode_t::CUDNN_HEUR_MODE_A,
            Mode::Fallback => cudnnBackendHeurMode_t::CUDNN_HEUR_MODE_FALLBACK,
        };
        let list = Descriptor::new(Kind::CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)?
            .descriptors(Attribute::CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, &[&self.graph])?
            .code(Attribute::CUDNN_ATTR_ENGINEHEUR_MODE, Type::CUDNN_TYPE_HEUR_MODE, number as u32)?;
        let list = match target {
            Target::Handle(_) => list,
            #[cfg(test)]
            Target::Described(of) => list.descriptors(Attribute::CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, &[of])?,
        };
        let Some(list) = supported(list.finish("heuristics"))? else { return Ok(Vec::new()) };
        let count = supported(list.count(Attribute::CUDNN_ATTR_ENGINEHEUR_RESULTS))?.unwrap_or(0);
        let new = |_| Descriptor::new(Kind::CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
        let mut configs = (0..count).map(new).collect::<Result<Vec<_>, _>>()?;
        let there = match count {
            0 => 0,
            _ => supported(list.fill(Attribute::CUDNN_ATTR_ENGINEHEUR_RESULTS, &mut configs))?.unwrap_or(0),
        };
        configs.truncate(there);
        Ok(configs)
    }

    /// Whether an engine computes what is asked for, and nothing less exact.
    fn is_allowed(problem: &Problem, config: &Descriptor) -> Result<bool, Refusal> {
        let mut engine = [Descriptor::new(Kind::CUDNN_BACKEND_ENGINE_DESCRIPTOR)?];
        config.fill(Attribute::CUDNN_ATTR_ENGINECFG_ENGINE, &mut engine)?;
        let [engine] = engine;
        let notes = engine.codes(Attribute::CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, Type::CUDNN_TYPE_NUMERICAL_NOTE)?;
        let behavior = engine.codes(Attribute::CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, Type::CUDNN_TYPE_BEHAVIOR_NOTE)?;
        let notes = |note: Note| notes.contains(&(note as u32));
        let wants = |note: Behavior| behavior.contains(&(note as u32));
        let random = notes(Note::CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);
        // With f32 these multiply TF32, or even f16.
        let rounded = notes(Note::CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
        let converted = notes(Note::CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
        let is_f32 = problem.number == Number::F32;
        Ok(!(problem.deterministic && random
            || is_f32 && (converted || rounded && !problem.tf32)
            || notes(Note::CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)
            || wants(Behavior::CUDNN_BEHAVIOR_NOTE_REQUIRES_FILTER_INT8x32_REORDER)
            || wants(Behavior::CUDNN_BEHAVIOR_NOTE_REQUIRES_BIAS_INT8x32_REORDER)))
    }

    fn finish(target: &Target, mode: Mode, index: usize, config: Descriptor) -> Result<Way, Refusal> {
        let plan = Descriptor::new(Kind::CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)?;
        let plan = match target {
            Target::Handle(handle) => plan.handle(Attribute::CUDNN_ATTR_EXECUTION_PLAN_HANDLE, *handle)?,
            #[cfg(test)]
            Target::Described(of) => plan.descriptors(Attribute::CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, &[of])?,
        };
        let plan = plan
            .descriptors(Attribute::CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, &[&config])?
            .finish("an execution plan")?;
        let workspace = match plan.integer(Attribute::CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)? {
            ..=0 => 0,
            bytes => bytes as usize + WORKSPACE,
        };
        Ok(Way { mode, index, plan, workspace, _config: config })
    }

    /// The way at a place of a list, if it still is one.
    pub fn way(&self, target: &Target, problem: &Problem, mode: Mode, index: usize) -> Result<Option<Way>, Refusal> {
        let config = self.configs(target, mode)?.into_iter().nth(index);
        let Some(config) = config.filter(|config| Graph::is_allowed(problem, config).unwrap_or(false)) else {
            return Ok(None);
        };
        Ok(Graph::finish(target, mode, index, config).ok())
    }

    /// The first ways whose workspace is within the limit, so many.
    pub fn ways(&self, target: &Target, problem: &Problem, limit: usize, most: usize) -> Result<Vec<Way>, Refusal> {
        let (mut ways, mut large) = (Vec::new(), Vec::new());
        for mode in Mode::ALL {
            // Not even asked for where there are enough already.
            if ways.len() == most {
                break;
            }
            for (index, config) in self.configs(target, mode)?.into_iter().enumerate() {
                if !Graph::is_allowed(problem, &config)? {
                    continue;
                }
                // An engine that refuses is one less.
                let Ok(way) = Graph::finish(target, mode, index, config) else { continue };
                match way.workspace {
                    bytes if bytes > limit => {}
                    bytes if bytes > USUAL => large.push(way),
                    _ => ways.push(way),
                }
                if ways.len() == most {
                    break;
                }
            }
        }
        large.truncate(most);
        Ok(if ways.is_empty() { large } else { ways })
    }

    /// How many ways are allowed.
    #[cfg(test)]
    pub fn count(&self, target: &Target, problem: &Problem) -> Result<usize, Refusal> {
        let mut count = 0;
        for mode in Mode::ALL {
            for config in self.configs(target, mode)? {
                count += usize::from(Graph::is_allowed(problem, &config)?);
            }
        }
        Ok(count)
    }
}
