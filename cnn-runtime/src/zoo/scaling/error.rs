//! What can be wrong with a scaling rule.

/// Why a network could not be scaled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScalingError {
    /// A coefficient of a rule is out of its range.
    #[error("{rule}: {name} is {got}, expected {expected}")]
    Coefficient {
        /// `compound scaling` or `quantised linear widths`.
        rule: &'static str,
        /// As in the paper: `alpha`, `w_m`, …
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// Its value.
        got: f64,
    },

    /// Neither parameters nor multiply-adds are limited, so there is no largest network.
    #[error("compound scaling: 0 limits given, expected 1 or 2: limit params, macs or both")]
    NoLimit,

    /// The unscaled network is over a limit already.
    #[error(
        "compound scaling: the baseline has {got} {what}, expected at most {limit}: raise the limit or take a smaller baseline"
    )]
    Baseline {
        /// `parameters` or `multiply-adds`.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// What the baseline has.
        got: u64,
    },

    /// Scaling does not make the network larger in what is limited.
    #[error(
        "compound scaling: the limits still hold at phi = {phi}, expected costs that grow: limit the macs, or raise alpha or beta"
    )]
    Unbounded {
        /// The largest that is tried.
        phi: f64,
    },

    /// The definition cannot be built with these arguments at this input.
    #[error(
        "compound scaling: the definition fails at phi = {phi}: {reason}; expected a network of maps that takes width and depth"
    )]
    Definition {
        /// The compound coefficient.
        phi: f64,
        /// The first mistake.
        reason: String,
    },
}
