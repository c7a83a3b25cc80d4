//! Names that get in the way of what a macro emits.

/// A module in which nothing means what it meant.
pub mod shadowed {
    #![allow(
        dead_code,
        unused_macros,
        non_camel_case_types,
        non_upper_case_globals,
        non_snake_case,
        missing_debug_implementations
    )]
    #![allow(
        missing_copy_implementations,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::nursery,
        clippy::min_ident_chars
    )]

    struct Result;
    struct Option;
    struct Vec;
    struct Box;
    struct String;
    struct B;
    struct E;
    struct D;
    struct T;
    struct V;
    struct E2;
    struct D2;
    struct f32;
    struct usize;
    struct u64;
    struct str;
    struct bool;
    struct Cpu;
    struct Const;
    struct Tensor;
    fn Ok() {}
    fn Some() {}
    const Err: () = ();
    const None: () = ();
    const fn x0() {}
    const fn x1() {}
    const fn tape() {}
    const fn owned() {}
    const fn block() {}
    const fn visitor() {}
    const fn numbers_0() {}
    const fn number() {}
    const fn i() {}
    const fn s() {}
    const fn f() {}
    const fn conv1() {}
    trait Clone {}
    trait Debug {}
    trait Default {}
    trait Iterator {}
    trait Into {}
    trait Module {}
    trait ModuleMut {}
    trait Device {}
    trait Dtype {}
    /// Not that crate.
    pub mod std {}
    /// Not that crate.
    pub mod core {}
    /// Not that crate.
    pub mod alloc {}
    /// Not that crate.
    pub mod dfdx {}
    /// Not that crate.
    pub mod cnn_runtime {}
    /// Not that module.
    pub mod layers {}
    /// Not that macro.
    macro_rules! concat {
        () => {
            compile_error!("not this one")
        };
    }
    macro_rules! unreachable {
        () => {
            compile_error!("not this one")
        };
    }
    macro_rules! stringify {
        () => {
            compile_error!("not this one")
        };
    }
    macro_rules! vec {
        () => {
            compile_error!("not this one")
        };
    }
    #[allow(unused_imports)]
    pub(crate) use {concat, stringify, unreachable, vec};

    architectures::network! {
        block unit(out) { conv(out, 1) -> relu }
        /// Runs, numbered fields, a dropout, auxiliary outputs, a join.
        pub Net(classes = 2): 1x4x4 -> classes;
        stem conv1: conv(4, 3, pad = 1) -> bn;
        body unit(4) * 3;
             add { unit(4); identity; };
             aux1: aux { flatten -> fc: linear(2) };
        head dropout(0.1) -> gap -> fc: linear(classes);
    }
}

/// No prelude at all.
pub mod bare {
    #![no_implicit_prelude]
    ::architectures::network! {
        block unit(out) { conv(out, 1) -> relu }
        /// A run of blocks and an auxiliary output.
        pub Net: 1x4x4 -> 2;
        stem unit(4) * 3;
        body aux1: aux { flatten -> fc: linear(2) };
        head flatten -> linear(2);
    }
}

/// Labels that are words of Rust or of what is emitted.
pub mod labels {
    architectures::network! {
        block numbers_1(out) { numbers_1: conv(out, 1) }
        /// One field for each.
        pub Labels: 1x4x4 -> 2;
        stem x0: conv(2, 1) -> x1: conv(2, 1) -> tape: conv(2, 1) -> block: conv(2, 1) -> "self": conv(2, 1)
             -> "Self": conv(2, 1) -> "crate": conv(2, 1) -> "super": conv(2, 1) -> owned: conv(2, 1);
        body numbers_1: conv(2, 1) -> numbers: conv(2, 1) -> cnn_runtime: conv(2, 1) -> E: conv(2, 1) -> B: conv(2, 1)
             -> visitor: conv(2, 1) -> s: conv(2, 1) -> i: conv(2, 1) -> number: conv(2, 1) -> "gen": conv(2, 1)
             -> "async": conv(2, 1) -> "fn": conv(2, 1) -> "a-b c": conv(2, 1) -> r#type: conv(2, 1) -> "try": conv(2, 1)
             -> run: { numbers_1(2) * 3 } -> stem: conv(2, 1) -> "forward": conv(2, 1) -> marker: conv(2, 1);
        head out: { flatten -> linear(2) } -> features: linear(2) -> D: linear(2) -> V: linear(2);
    }
}

/// Networks named as the generics and types that are emitted.
pub mod types {
    #![allow(non_camel_case_types)]
    // Each in a macro of its own.
    macro_rules! named {
        ($($module:ident $name:ident)*) => { $(
            /// One name.
            pub mod $module {
                architectures::network! {
                    block unit(out) { conv(out, 1) -> relu }
                    /// A run, an auxiliary output.
                    pub $name: 1x4x4 -> 2;
                    stem unit(4) * 2 -> "E": conv(4, 1);
                    body aux1: aux { flatten -> fc: linear(2) };
                    head flatten -> linear(2);
                }
            }
        )* };
    }
    named! {
        a E b D c B d V e T f E2 g D2 h Tensor i Result j Option k Vec l Module m Graph n Const o Cpu
        p Architecture q cnn_runtime r dfdx s f32 t usize u std v core w network w2 define w3 x0 w4 Clone
        w5 r#type w6 r#gen w7 r#match w8 __Net w9 S
    }
}

/// A type, a function and a module of the network's name elsewhere, blocks of equal names in two networks.
pub mod equal {
    architectures::network! {
        block unit(out) { conv(out, 1) -> relu }
        /// The first.
        pub First: 1x4x4 -> 2;
        stem unit(4) -> unit(4);
        head flatten -> linear(2);
        /// The second, in one macro with it.
        pub Second: 1x4x4 -> 3;
        stem unit(4) -> unit(4);
        head flatten -> linear(3);
    }
    /// A function of the name of a type: another name space.
    #[allow(non_snake_case)]
    #[must_use]
    pub const fn First() -> u8 {
        1
    }
}

/// Nothing is computed, so nothing may be unused.
pub mod idle {
    architectures::network! {
        /// The input itself.
        pub Idle: 1x4x4 -> [1, 4, 4];
        stem identity;
    }
}
