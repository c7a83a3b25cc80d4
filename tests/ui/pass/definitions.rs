//! Where networks may stand and what they may be made of.

use cnn_runtime::prelude::*;
use cnn_runtime::{define, network};

mod blocks {
    cnn_runtime::define! {
        block conv_bn(out, stride = 1) { conv(out, 3, stride, pad = 1, bias = false) -> bn }

        /// A definition that uses another, which stays its own.
        pub block unit(out) {
            add { { a: conv_bn(out) -> relu -> b: conv_bn(out) }; identity; } -> relu
        }

        pub(crate) Tiny(classes = 10, width = 4): 3x8x8 -> classes;
        stem conv_bn(width, stride = 2) @ 4x4x4;
        head gap -> fc: linear(classes);
    }

    pub mod deeper {
        cnn_runtime::network! {
            use super::unit;
            pub Units: 3x8x8 -> 5;
            stem conv(4, 3, pad = 1);
            body unit(4) * 3;
            head gap -> linear(5);
        }
    }
}

network! {
    use blocks::unit as residual;
    // A name of its own, which the import does not take.
    block unit(out) { conv(out, 1) }

    Private: 3x8x8 -> 10;
    stem unit(4) -> residual(4);
    head gap -> linear(10);

    pub(crate) Crate = Private: 3x16x16;
}

// By the name of what it is an instance of, and an instance of an instance.
network! { pub Tiny = blocks::Tiny(classes = 7); }
network! { pub Tinier = crate::Tiny(width = 2): 3x4x4; }
network! { pub(crate) Units = blocks::deeper::Units: 3x6x6 where params <= 2K; }

define! { pub Defined = blocks::Tiny(5); }

fn main() {
    let device = Cpu::default();
    let private = device.build_module::<Private, f32>();
    assert_eq!(private.forward(device.zeros::<Rank4<2, 3, 8, 8>>()).shape(), &(Const::<2>, Const::<10>));
    let larger = device.build_module::<Crate, f64>();
    assert_eq!(larger.forward(device.zeros::<Rank4<1, 3, 16, 16>>()).shape(), &(Const::<1>, Const::<10>));
    let tinier = device.build_module::<Tinier, f32>();
    assert_eq!(tinier.forward(device.zeros::<Rank4<1, 3, 4, 4>>()).shape(), &(Const::<1>, Const::<7>));
    assert_eq!(<Tinier>::PARAMS, 3 * 2 * 9 + 4 + 2 * 7 + 7);
    assert_eq!(<Tinier>::graph().expect("its source stands alone").costs().params, <Tinier>::PARAMS);
    let units = device.build_module::<Units, f32>();
    assert_eq!(units.body._0.len(), 3, "equal blocks in a row are one field");
    assert_eq!(cnn_lang::load(Defined, None).expect("a graph").output_shape().dims(), [5]);

    network! {
        InFunction: 1x4x4 -> 2;
        head flatten -> linear(2);
    }
    let inside = device.build_module::<InFunction, f32>();
    assert_eq!(inside.forward(device.zeros::<Rank4<1, 1, 4, 4>>()).shape(), &(Const::<1>, Const::<2>));
}
