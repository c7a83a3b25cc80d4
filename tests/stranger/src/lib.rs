//! A crate whose author knows nothing of this workspace: its lints are as strict as lints get, its dependencies renamed.
//!
//! What compiles here emits no warning into a user's crate.
#![deny(warnings, missing_docs, unused_qualifications, clippy::pedantic, clippy::nursery)]
#![deny(unused, unreachable_pub, missing_debug_implementations, missing_copy_implementations, unused_results)]
#![deny(nonstandard_style, future_incompatible, rust_2018_idioms, let_underscore_drop, unused_lifetimes)]
#![deny(
    trivial_casts,
    trivial_numeric_casts,
    unused_import_braces,
    single_use_lifetimes,
    explicit_outlives_requirements
)]
#![deny(clippy::unwrap_used, clippy::shadow_unrelated, clippy::shadow_reuse, clippy::pattern_type_mismatch)]
#![deny(clippy::absolute_paths, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![forbid(unsafe_code, missing_docs)]

pub mod imports;
pub mod names;
pub mod order;
