//! The weight rule: the value of every weight follows from its name and index, so references need not ship weights.
//!
//! - seed = FNV-1a of the tensor's name, r(i) = splitmix64 at state seed + i, i the index in memory order;
//! - u = (r >> 40) / 2²⁴ in [0, 1), v = 2u − 1;
//! - `weight` of two dimensions or more: v·√(3 / fan-in)·gain, fan-in the product of all dimensions but the first;
//! - `weight` of one dimension, `running_var` and `layer_scale`: 0.5 + u; `bias` and `running_mean`: 0.1·v; `num_batches_tracked`: 0;
//! - the input is v under the name `input`.
//!
//! Products are formed in 64 bits and rounded to 32 once; 64-bit networks take the rounded values.

/// The gain that most references use: √2.
pub const GAIN: f64 = std::f64::consts::SQRT_2;

/// FNV-1a of 64 bits.
#[must_use]
pub fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The output of splitmix64 for this state.
fn splitmix64(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The stream of a name: u·2²⁴ for each index.
fn units(name: &str) -> impl Iterator<Item = u32> {
    let seed = fnv1a(name);
    // 24 bits always fit.
    (0..).map(move |index| (splitmix64(seed.wrapping_add(index)) >> 40) as u32)
}

/// The values of a tensor in memory order, each exact in 32 bits.
///
/// # Panics
/// On a name that the rule does not know.
#[must_use]
pub fn tensor(name: &str, shape: &[usize], gain: f64) -> Vec<f64> {
    let kind = name.rsplit('.').next().unwrap_or(name);
    let fan_in: usize = shape.iter().skip(1).product();
    let value = |u: f64| match (kind, shape.len()) {
        ("input", _) => 2.0 * u - 1.0,
        ("weight", 2..) => (2.0 * u - 1.0) * (3.0 / fan_in as f64).sqrt() * gain,
        ("weight", _) | ("running_var" | "layer_scale", _) => 0.5 + u,
        ("bias" | "running_mean", _) => (2.0 * u - 1.0) * 0.1,
        ("num_batches_tracked", _) => 0.0,
        _ => panic!("the rule knows no tensor {name}"),
    };
    let count = shape.iter().product();
    units(name).take(count).map(|unit| f64::from(value(f64::from(unit) / f64::from(1 << 24)) as f32)).collect()
}

/// An input of this shape.
#[must_use]
pub fn input(shape: &[usize]) -> Vec<f64> {
    tensor("input", shape, GAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_the_published_ones() {
        for (name, hash, expected) in [
            ("input", 0x1ebb_ae8f_5810_b65b, [1_641_119, 2_474_280, 9_631_538, 14_306_398]),
            ("conv1.weight", 0x69a2_9a2c_ee47_d254, [9_144_840, 1_255_183, 16_106_444, 14_154_694]),
            ("layer1.0.bn1.running_var", 0x7a52_8b41_ea8d_6939, [10_842_125, 13_976_094, 13_716_241, 1_514_266]),
            ("features.0.weight", 0xf70f_941a_2439_8456, [14_357_228, 8_170_040, 331_120, 15_969_745]),
            ("net.0.bias", 0x67f5_6706_583f_c27d, [15_577_194, 12_067_686, 2_939_473, 12_591_868]),
            ("fc.bias", 0x145e_200a_f8fe_4b85, [8_013_659, 3_781_942, 8_387_001, 4_185_507]),
        ] {
            assert_eq!(fnv1a(name), hash, "{name}");
            assert_eq!(units(name).take(4).collect::<Vec<_>>(), expected, "{name}");
        }
    }

    /// Name, shape, bits of the first four values, last value, length as a vector.
    type Published<'a> = (&'a str, &'a [usize], [u32; 4], f64, f64);

    #[test]
    fn tensors_are_the_published_ones() {
        let vectors: [Published<'_>; 7] = [
            (
                "conv1.weight",
                &[64, 3, 7, 7],
                [0x3c95_337c, 0xbe2f_ec8c, 0x3e3e_5633, 0x3e0e_33ea],
                -0.073_509_640_991_687_77,
                11.224_230_415_5,
            ),
            (
                "conv1.bias",
                &[64],
                [0xbd43_72c6, 0xbd91_93a5, 0x3c80_30c0, 0xbd7c_7bad],
                -0.087_717_488_408_088_68,
                0.463_160_164_621,
            ),
            (
                "bn1.weight",
                &[64],
                [0x3f5c_3654, 0x3f75_d4e9, 0x3f48_0fd0, 0x3fb3_fca8],
                0.856_430_530_548_095_7,
                7.883_931_113_22,
            ),
            (
                "bn1.running_mean",
                &[64],
                [0x3d40_0fb6, 0xbcd5_d086, 0x3cf6_16ad, 0x3d93_8165],
                -0.017_142_390_832_304_955,
                0.471_672_287_025,
            ),
            (
                "bn1.running_var",
                &[64],
                [0x3f92_3722, 0x3f7c_1c4b, 0x3f16_cbf6, 0x3f8b_e037],
                1.287_088_513_374_328_6,
                8.580_029_627_32,
            ),
            (
                "fc.weight",
                &[1000, 512],
                [0xbb59_dc41, 0x3d7a_2ca3, 0xbda4_5917, 0xbd7a_794e],
                0.106_586_240_231_990_81,
                44.746_606_654_2,
            ),
            (
                "input",
                &[2, 3, 64, 64],
                [0xbf4d_eac2, 0xbf34_7db0, 0x3e17_b990, 0x3f34_98bc],
                0.885_519_742_965_698_2,
                90.543_534_396_5,
            ),
        ];
        for (name, shape, first, last, l2) in vectors {
            let values = tensor(name, shape, GAIN);
            assert_eq!(values.len(), shape.iter().product::<usize>(), "{name}");
            let bits: Vec<u32> = values[..4].iter().map(|&value| (value as f32).to_bits()).collect();
            assert_eq!(bits, first, "{name}");
            assert_eq!(values[values.len() - 1].to_bits(), last.to_bits(), "{name}");
            let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
            assert!((norm - l2).abs() < 1e-11 * l2, "{name}: {norm} is not {l2}");
        }
    }
}
