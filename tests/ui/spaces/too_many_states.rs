use cnn_runtime::{prelude::*, search_space};

search_space! {
    pub Space: 3x32x32 -> 10;
    body { let (a, b, c) = (choose(1, 2, 3, 4, 5, 6, 7, 8), choose(1, 2, 3, 4, 5, 6, 7, 8), choose(1, 2, 3, 4, 5, 6, 7, 8));
           let (d, e, f) = (choose(1, 2, 3, 4, 5, 6, 7, 8), choose(1, 2, 3, 4, 5, 6, 7, 8), choose(1, 2, 3, 4, 5, 6, 7, 8));
           let g = choose(1, 2, 3, 4, 5, 6, 7, 8); conv(a, 1) -> conv(b + c + d, 1) -> conv(e + f + g, 1) };
    head gap -> linear(10);
}

fn main() {
    let _ = Space::SIZE;
}
