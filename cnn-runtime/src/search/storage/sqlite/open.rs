//! Opening a file that may be a study, another one's, hostile, or not there.

use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, ffi, params};

use super::schema::{APPLICATION, TABLES, VERSION};
use super::{Sqlite, failed, next_revision};
use crate::search::error::SearchError;
use crate::search::spec::Spec;

/// How long a process waits for its turn to write.
const TURN: Duration = Duration::from_secs(60);

/// The longest specification, in bytes.
const LONGEST_SPEC: usize = 1 << 20;

const OTHER_FILE: &str = "take another file";

/// Opens the study, or begins this one where there is none.
pub(super) fn open(path: &Path, new: Option<&Spec>) -> Result<Sqlite, SearchError> {
    let foreign = |found: String| SearchError::Foreign { path: path.to_owned(), found, help: OTHER_FILE };
    let io = |action| {
        move |error: std::io::Error| SearchError::Storage { action, path: path.to_owned(), reason: error.to_string() }
    };
    let there = match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => return Err(foreign("a folder".to_owned())),
        Ok(meta) => meta.len() > 0,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(io("read")(error)),
    };
    if !there && new.is_none() {
        return Err(SearchError::NoStudy { path: path.to_owned() });
    }
    if there {
        let mut first = Vec::new();
        File::open(path).and_then(|file| file.take(16).read_to_end(&mut first)).map_err(io("read"))?;
        if first != b"SQLite format 3\0" {
            return Err(foreign("no database".to_owned()));
        }
    }
    let (lock, alone) = lock(path).map_err(io("lock"))?;
    let mut connection = connect(path)?;
    let spec = prepare(path, &mut connection, new, alone)?;
    if alone {
        // Held alone no longer: others may come. Where this fails, others wait for silence to pass.
        let _ = lock.unlock().and_then(|()| lock.lock_shared());
    }
    Ok(Sqlite { path: path.into(), spec: Arc::new(spec), connection, lock: Arc::new(lock) })
}

/// The lock file beside the study, and whether nobody else holds it.
fn lock(path: &Path) -> std::io::Result<(File, bool)> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = File::options().create(true).truncate(false).write(true).open(PathBuf::from(name))?;
    let began = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok((lock, true)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Somebody holds it: shared, or alone for a moment.
        match lock.try_lock_shared() {
            Ok(()) => return Ok((lock, false)),
            Err(TryLockError::WouldBlock) if began.elapsed() < TURN => std::thread::sleep(Duration::from_millis(5)),
            Err(TryLockError::WouldBlock) => {
                return Err(std::io::Error::other("another process opens it and does not end"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// A connection that trusts nothing in the file.
pub(super) fn connect(path: &Path) -> Result<Connection, SearchError> {
    let error = failed(path, "open");
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(&error)?;
    connection.busy_timeout(TURN).map_err(&error)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(&error)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false).map_err(&error)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).map_err(&error)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false).map_err(&error)?;
    // What is told stays told when the power fails.
    connection.pragma_update(None, "synchronous", "FULL").map_err(&error)?;
    Ok(connection)
}

/// Checks what is there, or makes the tables; frees what the dead have left.
fn prepare(path: &Path, connection: &mut Connection, new: Option<&Spec>, alone: bool) -> Result<Spec, SearchError> {
    let error = damaged_or_failed(path);
    let foreign = |found: String, help| SearchError::Foreign { path: path.to_owned(), found, help };
    write_ahead(connection).map_err(&error)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&error)?;
    let number = |name: &str| transaction.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (number("application_id").map_err(&error)?, number("user_version").map_err(&error)?);
    let mut found: Vec<(String, Option<String>)> = {
        let all = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_autoindex_%' ORDER BY rowid";
        let mut all = transaction.prepare(all).map_err(&error)?;
        let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&error)?;
        rows.take(TABLES.len() + 1).collect::<Result<_, _>>().map_err(&error)?
    };
    let empty = found.is_empty() && application == 0 && version == 0;
    if empty {
        let Some(spec) = new else { return Err(foreign("an empty database".to_owned(), OTHER_FILE)) };
        let text = serde_json::to_string(spec).map_err(|error| SearchError::Damaged {
            place: "the specification".to_owned(),
            reason: error.to_string(),
        })?;
        for (_, sql) in TABLES {
            transaction.execute(sql, []).map_err(&error)?;
        }
        let insert = "INSERT INTO study (spec, revision, told) VALUES (?1, 0, 0)";
        transaction.execute(insert, params![text]).map_err(&error)?;
        transaction.pragma_update(None, "application_id", APPLICATION).map_err(&error)?;
        transaction.pragma_update(None, "user_version", VERSION).map_err(&error)?;
    } else if application != APPLICATION {
        return Err(foreign("another program's database".to_owned(), OTHER_FILE));
    } else if version > VERSION {
        let found = format!("a study of schema {version}, and this program knows {VERSION}");
        return Err(foreign(found, "take the newer version that wrote it"));
    } else {
        if version == 1 {
            // What came since: the last table.
            let [.., (name, sql)] = TABLES;
            transaction.execute(sql, []).map_err(&error)?;
            transaction.pragma_update(None, "user_version", VERSION).map_err(&error)?;
            found.push((name.to_owned(), Some(sql.to_owned())));
        }
        found.sort();
        let mut tables = TABLES.map(|(name, sql)| (name.to_owned(), Some(sql.to_owned())));
        tables.sort();
        if !(1..=VERSION).contains(&version) || found != tables {
            return Err(foreign("a study with other tables than those of its version".to_owned(), "begin a new study"));
        }
        let damaged = |reason: String| SearchError::Damaged { place: path.display().to_string(), reason };
        let check: String = transaction.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(&error)?;
        if check != "ok" {
            return Err(damaged(check));
        }
    }
    let damaged = |reason: String| SearchError::Damaged { place: path.display().to_string(), reason };
    let (rows, length): (i64, i64) = transaction
        .query_row("SELECT count(*), coalesce(max(length(spec)), 0) FROM study", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .map_err(&error)?;
    if rows != 1 || length > LONGEST_SPEC as i64 {
        return Err(damaged(format!("{rows} specifications of {length} characters")));
    }
    let text: String = transaction.query_row("SELECT spec FROM study", [], |row| row.get(0)).map_err(&error)?;
    let spec: Spec = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    spec.check().map_err(|error| damaged(error.to_string()))?;
    if alone {
        let orphans = "UPDATE trial SET state = 'waiting', revision = ?1 WHERE state = 'running'";
        let some = "SELECT 1 FROM trial WHERE state = 'running'";
        if transaction.prepare(some).and_then(|mut some| some.exists([])).map_err(&error)? {
            let revision = next_revision(&transaction).map_err(&error)?;
            transaction.execute(orphans, [revision]).map_err(&error)?;
        }
    }
    transaction.commit().map_err(&error)?;
    Ok(spec)
}

/// Turns on WAL, for which no other process may be at work: SQLite does not wait for that by itself.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let began = Instant::now();
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Err(rusqlite::Error::SqliteFailure(error, _))
                if matches!(error.code, ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked)
                    && began.elapsed() < TURN =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            done => return done.map(|_| ()),
        }
    }
}

/// Says of a file whose pages make no sense that it is damaged.
pub(super) fn damaged_or_failed(path: &Path) -> impl Fn(rusqlite::Error) -> SearchError + use<> {
    let path = path.to_owned();
    move |error| {
        let damaged = match &error {
            rusqlite::Error::SqliteFailure(error, _) => {
                matches!(error.code, ffi::ErrorCode::DatabaseCorrupt | ffi::ErrorCode::NotADatabase)
            }
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::QueryReturnedNoRows => true,
            _ => false,
        };
        match damaged {
            true => SearchError::Damaged { place: path.display().to_string(), reason: error.to_string() },
            false => SearchError::Storage { action: "read", path: path.clone(), reason: error.to_string() },
        }
    }
}
