//! The tables of a study, version 2. Version 1 had no confirmations.

/// "cnns" in SQLite's header, so that `file` and this program know a study from other databases.
pub(super) const APPLICATION: i32 = 0x636E_6E73;

/// Which schema this version of the library writes.
pub(super) const VERSION: i32 = 2;

/// What makes each table, as SQLite keeps it: an opened study must hold these texts and nothing else.
pub(super) const TABLES: [(&str, &str); 5] = [
    ("study", "CREATE TABLE study (spec TEXT NOT NULL, revision INTEGER NOT NULL, told INTEGER NOT NULL) STRICT"),
    (
        "trial",
        "CREATE TABLE trial (number INTEGER PRIMARY KEY, genome TEXT NOT NULL, parents TEXT NOT NULL, origin TEXT NOT NULL, \
         state TEXT NOT NULL, attempt INTEGER NOT NULL, vals TEXT NOT NULL, note TEXT, told INTEGER UNIQUE, \
         began INTEGER NOT NULL, ended INTEGER, beat INTEGER NOT NULL, revision INTEGER NOT NULL) STRICT",
    ),
    (
        "report",
        "CREATE TABLE report (trial INTEGER NOT NULL, step INTEGER NOT NULL, value REAL NOT NULL, \
         PRIMARY KEY (trial, step)) STRICT, WITHOUT ROWID",
    ),
    ("trial_revision", "CREATE INDEX trial_revision ON trial (revision)"),
    (
        "confirmation",
        "CREATE TABLE confirmation (trial INTEGER NOT NULL, seed INTEGER NOT NULL, accuracy REAL NOT NULL, loss REAL NOT NULL, \
         test REAL NOT NULL, PRIMARY KEY (trial, seed)) STRICT, WITHOUT ROWID",
    ),
];
