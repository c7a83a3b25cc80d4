use super::*;
use crate::search::storage::tests::{conforms, proposal, spec};

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn message<T>(result: Result<T, SearchError>) -> String {
    match result {
        Ok(_) => panic!("it was taken"),
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains('\n'), "{message}");
            message
        }
    }
}

#[test]
fn sqlite_conforms() {
    let dir = dir();
    let path = dir.path().join("a study.db");
    let mut study = Sqlite::begin(&path, spec()).unwrap();
    conforms(&mut study);
    let before = study.changes(0).unwrap();
    drop(study);
    let mut again = Sqlite::open(&path).unwrap();
    assert_eq!(again.changes(0).unwrap(), before);
    assert_eq!(again.spec(), &spec());
}

/// What version 1 of the schema wrote is gone on with.
#[test]
fn a_study_without_confirmations_gets_them() {
    let dir = dir();
    let path = dir.path().join("study.db");
    let mut study = Sqlite::begin(&path, spec()).unwrap();
    let claim = study.add(0, &proposal(0)).unwrap().unwrap();
    study.tell(claim, &Outcome::Values(vec![0.25])).unwrap();
    let before = study.changes(0).unwrap();
    drop(study);
    let old = "DROP TABLE confirmation; PRAGMA user_version = 1";
    Connection::open(&path).unwrap().execute_batch(old).unwrap();
    let mut study = Sqlite::open(&path).unwrap();
    assert_eq!((study.changes(0).unwrap(), study.confirmations().unwrap()), (before, vec![]));
    let one = Confirmation { trial: 0, seed: u64::MAX, accuracy: 0.5, loss: 1.5, test: 0.25 };
    study.confirm(&one).unwrap();
    drop(study);
    assert_eq!(Sqlite::open(&path).unwrap().confirmations().unwrap(), [one]);
    for wrong in ["accuracy = 1.5", "test = -1", "loss = 9e999"] {
        let change = |what: &str| {
            let change = format!("UPDATE confirmation SET {what}");
            Connection::open(&path).unwrap().execute_batch(&change).unwrap();
        };
        change(wrong);
        let refused = message(Sqlite::open(&path).and_then(|mut study| study.confirmations()));
        assert!(refused.contains("is damaged (trial 0"), "{refused}");
        change("accuracy = 0.5, loss = 1, test = 0.5");
    }
}

#[test]
fn who_comes_first_after_a_crash_gets_the_orphans_at_once() {
    let dir = dir();
    let path = dir.path().join("study.db");
    let mut dead = Sqlite::begin(&path, spec()).unwrap();
    dead.add(0, &proposal(0)).unwrap().unwrap();
    // Somebody is there: the trial may be under way.
    let mut living = Sqlite::open(&path).unwrap();
    assert_eq!(living.take(Duration::from_secs(60), 9).unwrap(), None);
    drop((dead, living));
    let mut first = Sqlite::open(&path).unwrap();
    let mut second = Sqlite::open(&path).unwrap();
    assert_eq!(second.take(Duration::from_secs(60), 9).unwrap(), Some(Claim { trial: 0, attempt: 2 }));
    assert_eq!(first.take(Duration::from_secs(60), 9).unwrap(), None);
}

#[test]
fn a_study_goes_on_as_it_began_or_not_at_all() {
    let dir = dir();
    let path = dir.path().join("study.db");
    assert!(message(Sqlite::open(&path)).contains("no study at"));
    assert!(!path.exists());
    Sqlite::begin(&path, spec()).unwrap();
    Sqlite::begin(&path, spec()).unwrap();
    let other = Spec { seed: 7, ..spec() };
    assert!(message(Sqlite::begin(&path, other)).contains("is a study with seed 0, not 7; resume it as it is"));
    let nonsense = Spec { objectives: vec![], ..spec() };
    let fresh = dir.path().join("fresh.db");
    assert!(message(Sqlite::begin(&fresh, nonsense)).contains("needs an objective"));
    assert!(!fresh.exists());
}

#[test]
fn foreign_newer_and_damaged_files_are_one_error() {
    let dir = dir();
    let path = |name: &str| dir.path().join(name);
    let with = |name: &str, sql: &str| {
        let path = path(name);
        drop(Sqlite::begin(&path, spec()).unwrap());
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        path
    };
    std::fs::write(path("text"), "trial,accuracy\n1,0.9\n").unwrap();
    std::fs::write(path("short"), "SQLite format 3\0").unwrap();
    Connection::open(path("theirs")).unwrap().execute_batch("CREATE TABLE mail (text)").unwrap();
    std::fs::create_dir(path("folder")).unwrap();
    let row = "UPDATE trial SET";
    let cases = [
        (path("text"), "is no database, expected a study of `cnn search`; take another file"),
        (path("folder"), "is a folder"),
        (path("short"), ""),
        (path("theirs"), "is another program's database"),
        (with("newer", "PRAGMA user_version = 9"), "schema 9, and this program knows 2"),
        (with("table", "CREATE TABLE more (x)"), "other tables than those of its version"),
        (with("trigger", "CREATE TRIGGER t AFTER INSERT ON trial BEGIN DELETE FROM trial; END"), "other tables"),
        (with("column", "ALTER TABLE trial ADD COLUMN x TEXT"), "other tables"),
        (with("nothing", "DELETE FROM study"), "is damaged (0 specifications"),
        (with("two", "INSERT INTO study SELECT * FROM study"), "is damaged (2 specifications"),
        (with("spec", "UPDATE study SET spec = '{}'"), "is damaged (missing field"),
        (with("objectives", "UPDATE study SET spec = replace(spec, '\"maximise\"', '\"up\"')"), "is damaged"),
        (
            with("sampler", "UPDATE study SET spec = replace(spec, '\"population\":20', '\"population\":0')"),
            "population must be",
        ),
    ];
    for (path, expected) in &cases {
        for result in [Sqlite::open(path), Sqlite::begin(path, spec())] {
            let message = message(result);
            assert!(message.contains(expected) && message.contains(&*path.display().to_string()), "{message}");
        }
    }
    let rows = [
        ("genome = 'x'", "gene 0 of the genome is `x`"),
        ("state = 'lively'", "has the state `lively`"),
        ("state = 'complete'", "is complete with 0 values"),
        ("told = 3", "is running with 0 values and place Some(3)"),
        ("number = 5", "1 trials, the last of which is number 5"),
        ("number = -1", ""),
        ("parents = '0'", "has parents that come after it: `0`"),
        ("parents = '-'", "has the parents `-`"),
        ("vals = 'NaN'", "has the values `NaN`"),
        ("attempt = 5000000000", "has the attempt `5000000000`"),
        ("began = -1", "has the beginning `-1`"),
    ];
    for (index, (change, expected)) in rows.iter().enumerate() {
        let path = path(&format!("row {index}"));
        let mut study = Sqlite::begin(&path, spec()).unwrap();
        study.add(0, &proposal(0)).unwrap().unwrap();
        Connection::open(&path).unwrap().execute_batch(&format!("{row} {change}")).unwrap();
        let message = message(study.changes(0));
        assert!(message.contains("is damaged (") && message.contains(expected), "{message}");
    }
    println!("{} files and {} rows refused", cases.len(), rows.len());
}

/// Bytes overwritten anywhere end in an error or in trials that make sense, never in a panic.
#[test]
fn overwritten_bytes_never_panic() {
    use rand::{Rng, SeedableRng};
    let dir = dir();
    let path = dir.path().join("study.db");
    let mut study = Sqlite::begin(&path, spec()).unwrap();
    for number in 0..20 {
        let claim = study.add(number, &proposal(number)).unwrap().unwrap();
        study.report(claim, 1, 0.5).unwrap();
        study.tell(claim, &Outcome::Values(vec![0.25])).unwrap();
    }
    drop(study);
    Connection::open(&path).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let (mut refused, mut read) = (0, 0);
    for round in 0..150 {
        let path = dir.path().join(format!("{round}.db"));
        let mut bytes = bytes.clone();
        for _ in 0..rng.gen_range(1..40) {
            let at = rng.gen_range(0..bytes.len());
            bytes[at] = rng.r#gen();
        }
        if round % 3 == 0 {
            bytes.truncate(rng.gen_range(0..bytes.len()));
        }
        std::fs::write(&path, &bytes).unwrap();
        let trials = Sqlite::open(&path).and_then(|mut study| study.changes(0));
        if trials.is_ok() {
            read += 1
        } else {
            refused += 1
        }
        for suffix in ["", ".lock", "-wal", "-shm"] {
            let _ = std::fs::remove_file(dir.path().join(format!("{round}.db{suffix}")));
        }
    }
    println!("{refused} files refused, {read} read");
    assert!(refused > 50);
}
