//! Inside a function no path leads to a definition.

use cnn_runtime::{define, network};

fn main() {
    network! {
        use self::later;
        Net: 3x32x32 -> 10;
        head later(10) -> gap;
    }
    define! { block later(out) { conv(out, 1) } }
    let _: Option<Net> = None;
}
