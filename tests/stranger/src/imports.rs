//! Definitions from other crates and modules.

use architectures::network;

network! {
    use bricks::inception;
    use bricks::brick as unit;
    use bricks::deep::other::double as single;
    use bricks::double;

    /// Blocks by every road: re-exported, renamed twice, of equal names.
    pub Roads(classes = 4): 3x16x16 -> classes;
    stem unit(8, 3) -> single(6);
    body mixed: inception(4, [4, 4], [2, 2], 2);
         double(8);
    head gap -> linear(classes);
}

network! {
    /// A definition three deep, from a crate of edition 2021.
    pub Tiny = bricks::Tiny(classes = 7);
    /// The macro and the type bear one name there; by the type's path.
    pub Small = bricks::typed::Smaller;
    /// Not published.
    Hidden = ::bricks::Small(classes = 2): 3x4x4;
}

/// The parameters of a network that is private to this module.
#[must_use]
pub const fn hidden_params() -> u64 {
    <Hidden as architectures::Architecture>::PARAMS
}

/// Inside one crate.
pub mod family {
    use architectures::{define, network};

    define! {
        pub(crate) block shared(out) { conv(out, 3, pad = 1) -> relu }
        block secret(out) { conv(out, 1) }
    }

    network! {
        use self::secret;
        use self::shared;

        /// The private block is seen where it is defined.
        pub Parent(classes = 2): 1x8x8 -> classes;
        stem shared(4) -> secret(4);
        head flatten -> linear(classes);
    }

    /// Below.
    pub mod child {
        architectures::network! {
            use super::secret;
            use crate::imports::family::shared as common;

            /// So is it below.
            pub Child = super::Parent(classes = 3);
            /// A network beside the instance.
            pub Other: 1x8x8 -> 2;
            stem secret(2) -> common(2);
            head flatten -> linear(2);
        }
    }
}

/// Equal names in other modules, and the same text twice.
pub mod twins {
    /// The first.
    pub mod left {
        architectures::network! {
            pub block cell(out) { conv(out, 3, pad = 1) }
            /// With a convolution.
            pub Twin: 1x4x4 -> 2;
            stem cell(2);
            head flatten -> linear(2);
        }
    }
    /// The second.
    pub mod right {
        architectures::network! {
            pub block cell(out) { conv(out, 1) -> bn }
            /// With another.
            pub Twin: 1x4x4 -> 2;
            stem cell(2);
            head flatten -> linear(2);
        }
    }
    architectures::network! {
        use self::left::cell as first;
        use self::right::cell as second;
        use self::left::cell as third;
        /// Both.
        pub Both: 1x4x4 -> 2;
        stem first(2) -> second(2) -> third(2);
        head flatten -> linear(2);
    }
    architectures::network! {
        /// The network beside it.
        pub Left = left::Twin;
        /// And the other.
        pub Right = right::Twin;
    }
}

/// A network inside a function.
#[must_use]
pub const fn inside_a_function() -> u64 {
    architectures::network! {
        use crate::imports::family::shared;
        block local(out) { conv(out, 1) }
        Inner: 1x8x8 -> 2;
        stem shared(2) -> local(3);
        head flatten -> linear(2);
    }
    <Inner as architectures::Architecture>::PARAMS
}

/// Another network of the same name and the same text inside another function.
#[must_use]
pub const fn inside_another_function() -> u64 {
    architectures::network! {
        use crate::imports::family::shared;
        block local(out) { conv(out, 1) }
        Inner: 1x8x8 -> 2;
        stem shared(2) -> local(3);
        head flatten -> linear(2);
    }
    <Inner as architectures::Architecture>::PARAMS
}
