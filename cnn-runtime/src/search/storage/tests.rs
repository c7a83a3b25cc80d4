//! What every storage keeps to.

use super::*;
use crate::search::trial::State;
use crate::search::{Gene, Objective, Table};

pub(super) fn spec() -> Spec {
    let table = Table::new(vec![Gene::new("a", ["0", "1"]), Gene::new("b", ["0", "1"]).under(0, 1)]);
    Spec::new("test", &table, Objective::maximise("x"))
}

pub(super) fn proposal(number: u64) -> Proposal {
    let genome = if number.is_multiple_of(2) { "0.-" } else { "1.1" };
    Proposal { genome: genome.parse().unwrap(), parents: (0..number.min(2)).collect(), origin: "test".to_owned() }
}

/// The contract, in one life of a study.
pub(super) fn conforms(storage: &mut dyn Storage) {
    let mut other = storage.again().unwrap();
    assert_eq!(other.spec(), storage.spec());
    assert_eq!(storage.changes(0).unwrap(), (0, vec![]));
    // Numbers follow one another, and each is given once.
    assert_eq!(storage.add(1, &proposal(1)).unwrap(), None);
    let first = storage.add(0, &proposal(0)).unwrap().unwrap();
    assert_eq!(first, Claim { trial: 0, attempt: 1 });
    assert_eq!(other.add(0, &proposal(0)).unwrap(), None);
    let second = other.add(1, &proposal(1)).unwrap().unwrap();
    // Others see it, and only what is new.
    let (revision, trials) = other.changes(0).unwrap();
    assert_eq!(trials.len(), 2);
    assert_eq!((trials[1].number, trials[1].state, trials[1].attempt), (1, State::Running, 1));
    let Proposal { genome, parents, origin } = proposal(1);
    assert_eq!((&trials[1].genome, &trials[1].parents, &trials[1].origin), (&genome, &parents, &origin));
    assert_eq!(storage.changes(revision).unwrap(), (revision, vec![]));
    assert!(storage.beat(first).unwrap());
    assert_eq!(other.changes(revision).unwrap().1, vec![], "a sign of life is no change");
    let value = 0.1 + 0.2;
    storage.report(first, 1, value).unwrap();
    storage.report(first, 5, -1e-300).unwrap();
    let (revision, changed) = other.changes(revision).unwrap();
    assert_eq!(changed.iter().map(|trial| trial.number).collect::<Vec<_>>(), [0]);
    assert_eq!(changed[0].reports, [(1, value), (5, -1e-300)]);
    // Told once, whoever tells.
    let values = vec![f64::MIN_POSITIVE, -0.0, 1.0 / 3.0];
    storage.tell(first, &Outcome::Values(values.clone())).unwrap();
    for storage in [&mut *storage, &mut *other] {
        let lost = |result| matches!(result, Err(SearchError::Lost { trial: 0, attempt: 1 }));
        assert!(lost(storage.tell(first, &Outcome::Pruned)));
        assert!(lost(storage.report(first, 6, 0.0)));
        assert!(lost(storage.release(first)));
        assert!(!storage.beat(first).unwrap());
        for foreign in [Claim { trial: 1, attempt: 2 }, Claim { trial: 77, attempt: 1 }] {
            assert!(matches!(storage.tell(foreign, &Outcome::Pruned), Err(SearchError::Lost { .. })));
        }
    }
    let (_, changed) = other.changes(revision).unwrap();
    let told = &changed[0];
    assert_eq!((told.state, told.told, &told.values), (State::Complete, Some(0), &values));
    assert!(told.values[1].is_sign_negative() && told.ended.is_some());
    // Given back, it waits for whoever comes, and is the same attempt.
    other.report(second, 1, 1.0).unwrap();
    other.release(second).unwrap();
    assert_eq!(other.changes(0).unwrap().1[1].state, State::Waiting);
    let again = storage.take(Duration::from_secs(60), 3).unwrap().unwrap();
    assert_eq!(again, Claim { trial: 1, attempt: 1 });
    assert_eq!(storage.changes(0).unwrap().1[1].reports, []);
    assert_eq!(other.take(Duration::from_secs(60), 3).unwrap(), None);
    // Silent for too long, it is taken once, and lost for who had it.
    std::thread::sleep(Duration::from_millis(30));
    let taken = other.take(Duration::from_millis(20), 3).unwrap().unwrap();
    assert_eq!(taken, Claim { trial: 1, attempt: 2 });
    assert_eq!(storage.take(Duration::from_millis(20), 3).unwrap(), None);
    assert!(!storage.beat(again).unwrap());
    assert!(matches!(storage.tell(again, &Outcome::Pruned), Err(SearchError::Lost { .. })));
    // Begun too often, it fails.
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(storage.take(Duration::from_millis(20), 2).unwrap(), None);
    assert!(matches!(other.tell(taken, &Outcome::Pruned), Err(SearchError::Lost { .. })));
    let failed = storage.changes(0).unwrap().1.remove(1);
    assert_eq!((failed.state, failed.told, failed.attempt), (State::Failed, Some(1), 2));
    assert_eq!(failed.note.as_deref(), Some("its worker died 2 times"));
    // The other ends.
    for (number, outcome) in [(2, Outcome::Pruned), (3, Outcome::Failed("zürich\n'\"".to_owned()))] {
        let claim = storage.add(number, &proposal(number)).unwrap().unwrap();
        storage.tell(claim, &outcome).unwrap();
        let trial = storage.changes(0).unwrap().1.remove(number as usize);
        assert_eq!((trial.state, trial.told), (outcome.state(), Some(number)));
        assert_eq!(trial.note, if let Outcome::Failed(why) = outcome { Some(why) } else { None });
    }
    // Further trainings, each once, in order.
    assert_eq!(other.confirmations().unwrap(), []);
    let training = |trial, seed, accuracy| Confirmation { trial, seed, accuracy, loss: 0.1 + 0.2, test: 1.0 / 3.0 };
    let all = [training(0, 1, 0.5), training(0, 2, 0.75), training(3, 1, 1.0)];
    for index in [2, 0, 1] {
        storage.confirm(&all[index]).unwrap();
    }
    other.confirm(&training(0, 2, 0.25)).unwrap();
    assert_eq!(other.confirmations().unwrap(), all);
}

#[test]
fn memory_conforms() {
    conforms(&mut Memory::new(spec()).unwrap());
}
