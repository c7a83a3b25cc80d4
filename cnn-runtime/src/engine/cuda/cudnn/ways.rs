//! The ways to compute a graph, out of cuDNN's lists.

use cudarc::cudnn::sys::{
    cudnnBackendBehaviorNote_t as Behavior, cudnnBackendHeurMode_t, cudnnBackendNumericalNote_t as Note,
};

use super::descriptor::{Attribute, Descriptor, Kind, Refusal, Type};
use super::graph::{Graph, Target, supported};
use super::{Number, Problem};

/// Ways that are finished and timed.
pub(super) const TRIED: usize = 6;
/// Of those with something that follows the convolution, how many of the ones that are compiled when they are finished,
/// which takes up to a second each.
const COMPILED: usize = 3;
/// Multiply-adds from which on it is worth that time.
pub(super) const WORTH_COMPILING: u64 = 1 << 22;
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
    /// What a run works on: the tensors' names and addresses, and a workspace, whose first bytes may be left out.
    pub fn pack(&self, tensors: &[(i64, u64)], workspace: u64) -> Result<Descriptor, Refusal> {
        let workspace = if self.workspace == 0 { 0 } else { workspace.next_multiple_of(WORKSPACE as u64) };
        let (ids, addresses): (Vec<i64>, Vec<u64>) = tensors.iter().copied().unzip();
        Descriptor::new(Kind::CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)?
            .integers(Attribute::CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, &ids)?
            .addresses(Attribute::CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, &addresses)?
            .addresses(Attribute::CUDNN_ATTR_VARIANT_PACK_WORKSPACE, &[workspace])?
            .finish("a variant pack")
    }
}

/// What cuDNN says of an engine.
struct Notes {
    numerical: Vec<u32>,
    behavior: Vec<u32>,
}

impl Notes {
    fn of(config: &Descriptor) -> Result<Notes, Refusal> {
        let mut engine = [Descriptor::new(Kind::CUDNN_BACKEND_ENGINE_DESCRIPTOR)?];
        config.fill(Attribute::CUDNN_ATTR_ENGINECFG_ENGINE, &mut engine)?;
        let [engine] = engine;
        Ok(Notes {
            numerical: engine.codes(Attribute::CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, Type::CUDNN_TYPE_NUMERICAL_NOTE)?,
            behavior: engine.codes(Attribute::CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, Type::CUDNN_TYPE_BEHAVIOR_NOTE)?,
        })
    }

    /// Whether it is compiled when it is finished.
    fn is_compiled(&self) -> bool {
        self.behavior.contains(&(Behavior::CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION as u32))
    }

    /// Whether it computes what is asked for, and nothing less exact.
    fn allow(&self, problem: &Problem) -> bool {
        let notes = |note: Note| self.numerical.contains(&(note as u32));
        let wants = |note: Behavior| self.behavior.contains(&(note as u32));
        // The same numbers would not always give the same bits.
        let random = notes(Note::CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);
        // With f32 these multiply TF32, or even f16.
        let rounded = notes(Note::CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
        let converted = notes(Note::CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
        let is_f32 = problem.number == Number::F32;
        !(random
            || is_f32 && (converted || rounded && !problem.tf32)
            || notes(Note::CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)
            || wants(Behavior::CUDNN_BEHAVIOR_NOTE_REQUIRES_FILTER_INT8x32_REORDER)
            || wants(Behavior::CUDNN_BEHAVIOR_NOTE_REQUIRES_BIAS_INT8x32_REORDER))
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

    /// The lists that are looked at. What cuDNN has in reserve with something that follows is slower than a kernel for that.
    fn modes(problem: &Problem) -> &'static [Mode] {
        if problem.epilogue.is_some() { &[Mode::Ranked] } else { &Mode::ALL }
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
        let Some(config) = config.filter(|config| Notes::of(config).is_ok_and(|notes| notes.allow(problem))) else {
            return Ok(None);
        };
        Ok(Graph::finish(target, mode, index, config).ok())
    }

    /// The first ways whose workspace is within the limit, so many.
    pub fn ways(&self, target: &Target, problem: &Problem, limit: usize, most: usize) -> Result<Vec<Way>, Refusal> {
        let (mut ways, mut large) = (Vec::new(), Vec::new());
        let mut compiled = match problem.epilogue {
            None => usize::MAX,
            Some(_) if problem.macs() < WORTH_COMPILING => 0,
            Some(_) => most.min(COMPILED),
        };
        for &mode in Graph::modes(problem) {
            // Not even asked for where there are enough already.
            if ways.len() == most {
                break;
            }
            for (index, config) in self.configs(target, mode)?.into_iter().enumerate() {
                let notes = Notes::of(&config)?;
                if !notes.allow(problem) || notes.is_compiled() && compiled == 0 {
                    continue;
                }
                compiled -= usize::from(notes.is_compiled());
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
        for &mode in Graph::modes(problem) {
            for config in self.configs(target, mode)? {
                count += usize::from(Notes::of(&config)?.allow(problem));
            }
        }
        Ok(count)
    }
}
