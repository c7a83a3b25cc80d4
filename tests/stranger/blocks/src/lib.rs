//! Blocks between their author (`example-blocks`) and their user (`stranger`): imported, re-exported, built upon.
//!
//! Edition 2021 on purpose: both neighbours are of 2024.
#![deny(warnings, missing_docs, unused_qualifications, clippy::pedantic)]
#![forbid(unsafe_code)]

/// Another crate's block under a name of this crate.
pub use base::conv_bn as brick;
/// Another crate's block under its own name.
pub use base::inception;

nets::define! {
    use base::conv_bn;

    /// One deep: a definition that uses another crate's.
    pub block double(out) { conv_bn(out, 3) -> conv_bn(out, 3) }

    /// The other side of the diamond.
    pub block wide(out) { conv_bn(out, 5) }
}

/// Definitions by absolute and relative paths.
pub mod deep {
    nets::define! {
        use crate::double;
        use super::wide as broad;

        /// Two deep, and a diamond: `double` and `wide` share `conv_bn`.
        pub block quad(out) { double(out) -> broad(out) -> double(out) }
    }

    nets::define! {
        use self::quad;

        /// Three deep. `gen` is a name here and a keyword in the next edition.
        pub Tiny(classes = 5): 3x16x16 -> classes;
        stem gen: conv(4, 3, pad = 1);
        body async_: quad(8) @ 8x16x16;
        head gap -> fc: linear(classes);
    }

    /// The same name as the block of the crate, another meaning.
    pub mod other {
        nets::define! {
            /// One convolution.
            pub block double(out) { conv(out, 1) }
        }
    }
}

/// A network of the older edition, typed, an instance of an instance.
pub mod typed {
    nets::network! {
        /// Three classes.
        pub Small = crate::deep::Tiny(classes = 3);
    }
    nets::network! {
        /// Another input too.
        pub Smaller = self::Small: 3x8x8;
    }
}

pub use deep::{quad, Tiny};
pub use typed::Small;
