//! Definitions used before they are defined.

architectures::network! {
    use self::later;
    use crate::order::below::deeper;

    /// Uses what stands below it.
    pub Early: 1x4x4 -> 2;
    stem later(2) -> deeper(3);
    head flatten -> linear(2);
}

architectures::network! {
    /// An instance of what stands below it.
    pub Before = self::After;
}

architectures::network! {
    /// The network.
    pub After: 1x4x4 -> 2;
    stem conv(2, 1);
    head flatten -> linear(2);
}

architectures::define! { block later(out) { conv(out, 3, pad = 1) } }

mod below {
    architectures::define! { pub(super) block deeper(out) { conv(out, 1) -> relu } }
}
