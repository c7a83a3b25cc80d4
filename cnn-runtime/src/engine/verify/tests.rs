use super::*;
use crate::engine::plan::Target;
use crate::engine::{Backend, Reference, SessionOptions, TrainerOptions, plan_inference, plan_training};

fn plans() -> [Plan; 2] {
    let graph = cnn_lang::load(crate::zoo::ResNet20Cifar, None).unwrap();
    let reference = Reference::default();
    let backend: &dyn Backend<f32> = &reference;
    let inference =
        plan_inference(backend, &graph, SessionOptions { batch: 2, auxiliary: false, ..Default::default() }).unwrap();
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
                let Some(input) = step.inputs.iter().find(|input| matches!(input.source, Source::Arena(_))).copied()
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
                step.workspace.as_mut().is_some_and(|(_, len)| {
                    *len = usize::MAX;
                    true
                })
            });
            let in_arena = |operand: &Operand| matches!(operand.source, Source::Arena(_));
            // Around the end of what can be counted, and back.
            harm(&|step| {
                step.outputs.first_mut().filter(|target| in_arena(&target.operand)).is_some_and(|target| {
                    target.operand.stride = usize::MAX - 63;
                    plan.batch > 1 && matches!(target.operand.extent, Extent::Batch(_))
                })
            });
            // A number for all samples as if there were one for each.
            harm(&|step| {
                let batched = |input: &&mut Operand| matches!(input.extent, Extent::Batch(_)) && in_arena(input);
                step.inputs.iter_mut().find(batched).is_some_and(|input| {
                    let len = elements(input.extent);
                    let state = plan.states.iter().position(|state| state.elements == len);
                    *input = Operand { source: Source::State(state.unwrap_or(0)), offset: 0, ..*input };
                    true
                })
            });
            harm(&|step| {
                step.outputs.first_mut().is_some_and(|target| {
                    let replaces = matches!(target.start, Start::Input(_));
                    target.operand.offset += 1;
                    replaces
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
