use super::*;
use crate::kernels::testing::*;

fn conv(batch: usize, [inputs, outputs, groups]: [usize; 3], rows: Axis, cols: Axis, bias: bool) -> Conv {
    Conv { batch, inputs, outputs, groups, rows, cols, bias }
}

/// Stride, asymmetric padding, dilation, groups, depthwise with and without multiplier, rectangular windows.
fn cases() -> Vec<Conv> {
    let plain = |n| axis(n, 3, 1, 1, 1, 1, false);
    let point = |n, stride| axis(n, 1, stride, 0, 0, 1, false);
    let odd = (axis(7, 3, 2, 1, 0, 1, false), axis(8, 2, 3, 0, 2, 2, false));
    let wide = (axis(4, 1, 1, 0, 0, 1, false), axis(9, 7, 1, 3, 3, 1, false));
    let beyond = (axis(2, 3, 1, 4, 3, 2, false), axis(1, 2, 1, 3, 2, 1, false)); // taps that never meet the input
    vec![
        conv(1, [1, 1, 1], plain(3), plain(3), false),
        conv(3, [2, 3, 1], plain(4), plain(5), true),
        conv(3, [3, 2, 1], odd.0, odd.1, true),
        conv(1, [4, 6, 2], odd.0, odd.1, false),
        conv(3, [4, 2, 2], wide.0, wide.1, true),
        conv(3, [3, 5, 1], point(4, 1), point(3, 1), true),
        conv(1, [3, 4, 1], point(5, 2), point(4, 2), false),
        conv(3, [6, 4, 2], point(4, 1), point(3, 1), false),
        conv(3, [4, 4, 4], plain(4), plain(5), true),
        conv(1, [3, 6, 3], odd.0, odd.1, true),
        conv(2, [2, 4, 2], axis(5, 5, 1, 2, 2, 1, false), axis(21, 5, 1, 2, 2, 1, false), true),
        conv(2, [2, 2, 2], axis(6, 3, 2, 1, 1, 1, false), axis(19, 3, 2, 1, 1, 1, false), false),
        conv(1, [2, 2, 2], axis(5, 5, 2, 2, 2, 1, false), axis(2, 7, 1, 3, 3, 1, false), false),
        conv(1, [2, 2, 2], axis(4, 3, 1, 3, 0, 1, false), axis(3, 3, 1, 4, 4, 1, false), false),
        conv(1, [2, 3, 1], axis(4, 3, 1, 3, 0, 1, false), axis(3, 3, 1, 4, 4, 1, false), false),
        conv(2, [2, 2, 2], beyond.0, beyond.1, false),
        conv(2, [2, 3, 1], beyond.0, beyond.1, true),
    ]
}

fn random_inputs(conv: &Conv) -> Vec<Vec<f64>> {
    let x = conv.batch * conv.inputs * conv.in_plane();
    let sizes = [x, conv.outputs * conv.taps(), conv.outputs];
    randoms(&sizes[..2 + usize::from(conv.bias)])
}

fn len(conv: &Conv) -> usize {
    conv.batch * conv.outputs * conv.out_plane()
}

/// The definition, word for word.
fn naive(conv: &Conv, inputs: &[Vec<f64>]) -> Vec<f64> {
    let (rows, cols) = (conv.rows, conv.cols);
    let mut y = Vec::new();
    for b in 0..conv.batch {
        for o in 0..conv.outputs {
            for i in 0..rows.output {
                for j in 0..cols.output {
                    let mut sum = inputs.get(2).map_or(0.0, |bias| bias[o]);
                    for c in 0..conv.in_group() {
                        for u in 0..rows.kernel {
                            for v in 0..cols.kernel {
                                let at = |axis: Axis, o: usize, k: usize| {
                                    let at = (o * axis.stride + k * axis.dilation) as isize - axis.before as isize;
                                    (0..axis.input as isize).contains(&at).then_some(at as usize)
                                };
                                if let (Some(p), Some(q)) = (at(rows, i, u), at(cols, j, v)) {
                                    let c_in = o / conv.out_group() * conv.in_group() + c;
                                    let x = ((b * conv.inputs + c_in) * rows.input + p) * cols.input + q;
                                    let w = ((o * conv.in_group() + c) * rows.kernel + u) * cols.kernel + v;
                                    sum += inputs[1][w] * inputs[0][x];
                                }
                            }
                        }
                    }
                    y.push(sum);
                }
            }
        }
    }
    y
}

#[test]
fn agrees_with_the_definition() {
    for conv in cases() {
        let inputs = random_inputs(&conv);
        let (found, expected) = (run(&conv, &inputs, len(&conv)), naive(&conv, &inputs));
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{conv:?}: {found}, the definition gives {expected}");
        }
    }
}

#[test]
fn gradients() {
    for conv in cases() {
        check_gradients(&conv, &random_inputs(&conv), len(&conv));
    }
}

/// Maps so large that their columns are cut into several tiles.
#[test]
fn tiles_join() {
    let side = axis(300, 3, 1, 1, 1, 1, false);
    let conv = conv(2, [4, 2, 1], side, side, false);
    let inputs = random_inputs(&conv);
    let y = run(&conv, &inputs, len(&conv));
    let expected = naive(&conv, &inputs);
    assert!(y.iter().zip(&expected).all(|(y, e)| (y - e).abs() < 1e-12));

    // <dy, conv(x, w)> is linear in x and in w, so it equals <dx, x> and <dw, w>
    let dy = random(9, y.len());
    let mut grads: Vec<Vec<f64>> = inputs.iter().map(|input| vec![0.0; input.len()]).collect();
    let mut slots: Vec<&mut [f64]> = grads.iter_mut().map(|grad| &mut grad[..]).collect();
    conv.backward(&[&inputs[0], &inputs[1]], &[], &dy, &mut slots);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let loss = dot(&dy, &y);
    assert!((dot(&grads[0], &inputs[0]) - loss).abs() < 1e-9 * loss.abs().max(1.0));
    assert!((dot(&grads[1], &inputs[1]) - loss).abs() < 1e-9 * loss.abs().max(1.0));
}

/// The passes on memory of the caller: whatever the workspace held, however many lanes it has, the same bits; added to
/// what is there.
#[test]
fn lanes_and_workspace_do_not_show() {
    let side = axis(28, 3, 1, 1, 1, 1, false);
    for conv in [conv(3, [24, 40, 1], side, side, false), conv(3, [8, 8, 8], side, side, false)] {
        let inputs = random_inputs(&conv);
        let (x, weight, dy) = (&inputs[0], &inputs[1], random(9, len(&conv)));
        let passes = |lanes: usize| {
            let mut workspace = vec![f64::NAN; conv.workspace(lanes)];
            let mut y = vec![1.0; len(&conv)];
            let (mut dx, mut dw, mut db) = (vec![1.0; x.len()], vec![1.0; weight.len()], vec![1.0; conv.outputs]);
            conv.forward_onto(x, weight, &mut y, &mut workspace);
            conv.input_grad(weight, &dy, &mut dx, &mut workspace);
            conv.weight_grad(x, &dy, &mut dw, &mut workspace);
            conv.bias_grad(&dy, &mut db);
            [y, dx, dw, db]
        };
        let one = passes(1);
        assert!([2, 3, 7].into_iter().all(|lanes| passes(lanes) == one), "{conv:?}");
        let expected = naive(&conv, &inputs);
        assert!(one[0].iter().zip(&expected).all(|(y, e)| (y - 1.0 - e).abs() < 1e-12), "{conv:?}");
        let sum: f64 = one[3].iter().map(|db| db - 1.0).sum();
        assert!((sum - dy.iter().sum::<f64>()).abs() < 1e-9);
    }
}

#[test]
fn the_same_bits_every_time() {
    let side = axis(14, 3, 1, 1, 1, 1, false);
    let conv = conv(5, [16, 16, 1], side, side, true);
    let inputs: Vec<Vec<f32>> =
        random_inputs(&conv).iter().map(|input| input.iter().map(|&x| x as f32).collect()).collect();
    let dy: Vec<f32> = random(9, len(&conv)).iter().map(|&x| x as f32).collect();
    let gradient = || {
        let mut grads: Vec<Vec<f32>> = inputs.iter().map(|input| vec![0.0; input.len()]).collect();
        let mut slots: Vec<&mut [f32]> = grads.iter_mut().map(|grad| &mut grad[..]).collect();
        conv.backward(&[&inputs[0], &inputs[1], &inputs[2]], &[], &dy, &mut slots);
        grads
    };
    let first = gradient();
    assert!((0..10).all(|_| gradient() == first));
}

#[test]
#[should_panic(expected = "conv: height is said to be 4, the window gives 3")]
fn a_wrong_output_is_refused() {
    let wrong = Axis { output: 4, ..axis(5, 3, 1, 0, 0, 1, false) };
    let conv = conv(1, [1, 1, 1], wrong, wrong, false);
    run(&conv, &[vec![0.0; 25], vec![0.0; 9]], 16);
}

#[test]
#[should_panic(expected = "conv: weight has 8 elements, its sizes say 9")]
fn a_wrong_weight_is_refused() {
    let side = axis(5, 3, 1, 0, 0, 1, false);
    run(&conv(1, [1, 1, 1], side, side, false), &[vec![0.0; 25], vec![0.0; 8]], 9);
}
