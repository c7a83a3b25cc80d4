//! The zoo against reference implementations: parameters, buffers, multiply-adds, names and shapes of all tensors.

use std::path::Path;

use cnn_lang::graph::{Graph, Shape};
use cnn_runtime::{Architecture, zoo};

/// Name; learned numbers; running statistics and counters; multiply-adds of convolutions and linear layers for one sample.
///
/// Counted on torchvision's models (and on PyTorch definitions of those it does not have).
#[rustfmt::skip]
const REFERENCE: &[(&str, u64, u64, u64)] = &[
    ("lenet5",                                  61_706,         0,         416_520),
    ("lenet5_1998",                             61_750,         0,         326_520),
    ("alexnet",                             61_100_840,         0,     714_188_480),
    ("alexnet_paper",                       60_965_224,         0,     724_406_816),
    ("alexnet_bn",                          62_379_720,     2_757,   1_135_256_096),
    ("alexnet_d2l",                         46_764_746,         0,     938_146_176),
    ("alexnet_d2l_rgb1000",                 50_844_008,         0,   1_009_945_728),
    ("lrn_block",                                  196,         0,          12_096),
    ("nin_d2l",                              1_992_166,         0,     762_297_352),
    ("nin_d2l_rgb1000",                      7_439_608,         0,     965_572_864),
    ("vgg11",                              132_863_336,         0,   7_609_090_048),
    ("vgg13",                              133_047_848,         0,  11_308_466_176),
    ("vgg16",                              138_357_544,         0,  15_470_264_320),
    ("vgg19",                              143_667_240,         0,  19_632_062_464),
    // Parameters as torchvision prints them; its own buffers are two numbers a channel and a counter a layer.
    ("vgg11_bn",                           132_868_840,     5_512,   7_609_090_048),
    ("vgg13_bn",                           133_053_736,     5_898,  11_308_466_176),
    ("vgg16_bn",                           138_365_992,     8_461,  15_470_264_320),
    ("vgg19_bn",                           143_678_248,    11_024,  19_632_062_464),
    ("vgg11_d2l",                          128_806_154,         0,   7_547_232_256),
    ("vgg11_d2l_small",                     19_500_362,         0,      57_253_888),
    ("googlenet",                            6_624_904,    14_617,   1_498_376_192),
    // Its auxiliary classifiers' multiply-adds stand apart.
    ("googlenet_aux",                       13_004_888,    15_131,   1_498_376_192),
    ("highway_cnn",                            167_690,         0,      75_202_880),
    ("googlenet_v1_paper",                  13_378_280,         0,   1_582_671_872),
    ("googlenet_d2l",                        5_977_530,         0,     276_066_304),
    ("googlenet_d2l_rgb1000",                6_998_552,         0,   1_582_671_872),
    ("inception_naive_block",                    3_480,         0,         497_664),
    ("inception_module_uniform",                35_392,         0,     576_716_800),
    ("bn_inception",                        11_285_224,    20_101,   2_032_600_064),
    ("inception_v3",                        23_834_568,    34_526,   5_713_216_096),
    ("inception_v3_aux",                    27_161_264,    36_320,   5_713_216_096),
    ("inception_v4",                        42_679_816,    63_317,  12_253_974_624),
    ("inception_resnet_v2",                 55_843_464,    60_748,  13_155_794_016),
    ("resnet18",                            11_689_512,     9_620,   1_814_073_344),
    ("resnet34",                            21_797_672,    17_060,   3_663_761_408),
    ("resnet50",                            25_557_032,    53_173,   4_089_184_256),
    ("resnet101",                           44_549_160,   105_448,   7_801_405_440),
    ("resnet152",                           60_192_808,   151_579,  11_513_626_624),
    ("plain18_imagenet",                    11_515_688,     7_825,   1_794_805_760),
    ("plain34_imagenet",                    21_623_848,    15_265,   3_644_493_824),
    ("resnet20_cifar",                         269_722,     1_395,      40_551_040),
    ("resnet32_cifar",                         464_154,     2_303,      68_862_592),
    ("resnet44_cifar",                         658_586,     3_211,      97_174_144),
    ("resnet56_cifar",                         853_018,     4_119,     125_485_696),
    ("resnet110_cifar",                      1_727_962,     8_205,     252_887_680),
    ("resnet1202_cifar",                    19_421_274,    90_833,   2_829_238_912),
    ("plain20_cifar",                          269_722,     1_395,      40_551_040),
    ("plain56_cifar",                          853_018,     4_119,     125_485_696),
    ("resnet110_cifar_bn_after_add",         1_727_962,     8_205,     252_887_680),
    ("resnet110_cifar_relu_before_add",      1_727_962,     8_205,     252_887_680),
    ("resnet110_cifar_relu_only_preact",     1_727_962,     8_205,     252_887_680),
    ("resnet110_cifar_full_preact",          1_727_962,     8_205,     252_887_680),
    ("resnet164_cifar_original",             1_704_154,    25_286,     247_646_720),
    ("resnet164_cifar_bn_after_add",         1_703_258,    24_387,     247_646_720),
    ("resnet164_cifar_relu_before_add",      1_704_154,    25_286,     247_646_720),
    ("resnet164_cifar_relu_only_preact",     1_704_154,    25_286,     247_646_720),
    ("resnet164_cifar_full_preact",          1_703_258,    24_387,     247_646_720),
    ("resnet1001_cifar_full_preact",        10_327_706,   150_216,   1_490_995_712),
    ("resnet110_cifar_stochdepth_test",      1_727_962,     8_205,     252_887_680),
    ("resnet56_cifar_lesion",                  853_018,     4_119,     111_329_920),
    ("resnet56_cifar_lesion_downsample",       853_018,     4_119,     121_946_752),
    ("wrn_28_10",                           36_479_194,    17_977,   5_243_328_768),
    ("wrn_16_4",                             2_748_890,     3_629,     392_612_352),
    ("wide_resnet50_2",                     68_883_240,    68_277,  11_398_021_120),
    ("wide_resnet101_2",                   126_886_696,   137_960,  22_753_050_624),
    ("resnext50_32x4d",                     25_028_904,    68_277,   4_230_479_872),
    ("resnext101_32x8d",                    88_791_336,   202_984,  16_414_015_488),
    ("resnext101_64x4d",                    83_455_272,   202_984,  15_460_270_080),
    // Every path of the forms a and b normalises by itself: a counter for each.
    ("resnext_block_a",                         71_168,     1_089,       2_525_184),
    ("resnext_block_b",                         71_168,     1_089,       2_525_184),
    ("resnext_block_c",                         71_168,     1_027,       2_525_184),
    ("resnet18_d2l",                        11_178_378,     7_825,   1_734_890_496),
    ("densenet121",                          7_978_856,    83_769,   2_834_161_664),
    ("densenet161",                         28_681_000,   220_097,   7_727_907_072),
    ("densenet169",                         14_149_480,   158_569,   3_359_843_328),
    ("densenet201",                         20_013_928,   229_257,   4_291_365_888),
    ("densenet264",                         33_337_704,   398_793,   5_751_653_376),
    ("densenet_k16",                         1_747_518,    41_213,     674_909_156),
    ("densenet_40_k12",                      1_019_722,    18_135,     264_812_928),
    ("densenet_100_k12",                     6_979_642,   117_315,   1_769_516_448),
    ("densenet_bc_100_k12",                    769_162,    24_087,     287_929_692),
    ("densenet_bc_250_k24",                 15_324_406,   258_225,   5_418_785_724),
    ("densenet_bc_190_k40",                 25_624_430,   257_149,   9_301_945_740),
    ("shiftnet_a",                           4_188_680,    25_579,   1_424_306_176),
    ("shiftnet_b",                           1_183_480,    12_811,     370_956_288),
    ("nasnet_a_large",                      88_753_150,   196_932,  23_783_414_658),
    ("mnasnet_a1",                           3_887_038,    33_537,     311_579_072),
    ("mnasnet_b1",                           4_383_312,    37_972,     314_415_872),
    ("mnasnet_b1_timm",                      4_383_312,    37_972,     314_415_872),
    ("mobilenet_v3_large",                   5_483_032,    24_446,     216_589_760),
    ("mobilenet_v3_small",                   2_542_856,    12_146,      56_510_400),
    ("efficientnet_b0",                      5_288_548,    42_065,     385_814_752),
    ("efficientnet_b1",                      7_794_184,    62_117,     686_802_832),
    ("efficientnet_b2",                      9_109_994,    67_637,   1_087_529_456),
    ("efficientnet_b3",                     12_233_232,    87_374,   1_827_141_392),
    ("efficientnet_b4",                     19_341_616,   125_296,   4_393_771_024),
    ("efficientnet_b5",                     30_389_784,   172_852,  10_266_384_752),
    ("efficientnet_b6",                     43_040_704,   224_566,  19_067_593_536),
    ("efficientnet_b7",                     66_347_960,   310_883,  37_745_884_192),
    ("efficientnet_l2",                    480_309_308, 1_090_948, 475_703_653_280),
    ("tf_efficientnet_b0",                   5_288_548,    42_065,     385_814_752),
    ("bit_r50x1",                           25_549_352,         0,   4_089_184_256),
    ("bit_r101x1",                          44_541_480,         0,   7_801_405_440),
    ("bit_r50x3",                          217_319_080,         0,  36_082_286_592),
    ("bit_r101x3",                         387_934_888,         0,  69_492_277_248),
    ("bit_r152x2",                         236_335_208,         0,  45_814_382_592),
    ("bit_r152x4",                         936_533_224,         0, 182_777_282_560),
    ("regnet_x_400mf",                       5_495_976,    37_927,     413_812_608),
    ("regnet_x_800mf",                       7_259_656,    37_365,     799_699_712),
    ("regnet_x_1_6gf",                       9_190_136,    43_563,   1_602_849_792),
    ("regnet_x_3_2gf",                      15_296_552,    62_640,   3_176_621_952),
    ("regnet_x_8gf",                        39_572_648,    90_538,   7_995_132_416),
    ("regnet_x_16gf",                       54_278_536,   111_239,  15_940_755_456),
    ("regnet_x_32gf",                      107_811_560,   162_090,  31_735_929_792),
    ("regnet_y_400mf",                       4_344_144,    27_205,     401_842_848),
    ("regnet_y_800mf",                       6_432_512,    30_479,     833_856_256),
    ("regnet_y_1_6gf",                      11_202_430,    52_758,   1_612_076_160),
    ("regnet_y_3_2gf",                      19_436_338,    66_228,   3_176_482_752),
    ("regnet_y_8gf",                        39_381_472,    86_584,   8_473_070_592),
    ("regnet_y_16gf",                       83_590_140,   122_875,  15_911_510_272),
    ("regnet_y_32gf",                      145_046_770,   158_353,  32_279_552_832),
    ("regnet_y_128gf",                     644_812_894,   415_158, 127_517_815_680),
    ("hrnet_w18",                           21_299_004,    51_541,   4_283_537_072),
    ("convnext_tiny",                       28_589_128,         0,   4_455_531_264),
];

fn load(name: &str, source: &str) -> Graph {
    cnn_lang::load(source, None).unwrap_or_else(|errors| {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{name} does not compile:\n{}", list.join("\n"))
    })
}

#[test]
fn costs_equal_the_reference() {
    for (&(name, source), &(reference, params, buffers, macs)) in zoo::ALL.iter().zip(REFERENCE) {
        assert_eq!(name, reference, "the zoo and the table list the same networks in the same order");
        let costs = load(name, source).costs();
        println!(
            "{name:30} {:>11} parameters {:>7} buffers {:>14} multiply-adds",
            costs.params, costs.buffers, costs.macs
        );
        assert_eq!((costs.params, costs.buffers, costs.macs), (params, buffers, macs), "{name}");
    }
    assert_eq!(zoo::ALL.len(), REFERENCE.len());
}

/// Auxiliary classifiers, without which a network is the form for inference.
#[test]
fn auxiliary_multiply_adds_equal_the_reference() {
    let graph = load("googlenet_aux", zoo::GoogLeNetAux);
    assert_eq!(graph.costs().aux_macs, 4_169_728 + 4_202_496);
    let names: Vec<&str> = graph.auxiliary.iter().map(|output| output.name.as_str()).collect();
    println!("googlenet_aux: {} multiply-adds in {names:?}", graph.costs().aux_macs);
    let plain = load("googlenet", zoo::GoogLeNet);
    assert_eq!((plain.costs().aux_macs, plain.auxiliary.len(), graph.auxiliary.len()), (0, 0, 2));

    let graph = load("googlenet_v1_paper", zoo::GoogLeNetPaper);
    assert_eq!((graph.costs().aux_macs, graph.auxiliary.len()), (4_169_728 + 4_202_496, 2));

    let graph = load("inception_v3_aux", zoo::InceptionV3Aux);
    assert_eq!(graph.costs().aux_macs, 5_683_200);
    assert_eq!(graph.auxiliary[0].name, "AuxLogits");
    // In torchvision's state_dict between the modules on either side of it.
    let names = graph.tensors().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let at = |name: &str| names.iter().position(|known| known == name).unwrap_or_else(|| panic!("no {name}"));
    let order = [
        "Mixed_6e.branch_pool.bn.num_batches_tracked",
        "AuxLogits.conv0.conv.weight",
        "AuxLogits.conv1.bn.num_batches_tracked",
        "AuxLogits.fc.weight",
        "AuxLogits.fc.bias",
        "Mixed_7a.branch3x3_1.conv.weight",
    ];
    assert!(order.map(at).is_sorted(), "{:?}", order.map(at));
}

/// `name 64x3x7x7` for each tensor, `-` for the shape of a scalar.
fn lines(graph: &Graph) -> Vec<String> {
    let line = |(name, tensor): (String, cnn_lang::graph::TensorSpec)| {
        let sizes: Vec<String> = tensor.shape.iter().map(ToString::to_string).collect();
        format!("{name} {}", if sizes.is_empty() { "-".to_owned() } else { sizes.join("x") })
    };
    graph.tensors().into_iter().map(line).collect()
}

/// Names, shapes and order are those of PyTorch's `state_dict`. Fixtures: tests/parity/names.py.
#[test]
fn names_equal_the_state_dict() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/names");
    let mut compared = 0;
    for &(name, source) in zoo::ALL {
        let Ok(text) = std::fs::read_to_string(folder.join(format!("{name}.txt"))) else { continue };
        let (found, expected) = (lines(&load(name, source)), text.lines().collect::<Vec<_>>());
        for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found, expected, "{name}: tensor {number}");
        }
        assert_eq!(found.len(), expected.len(), "{name}: number of tensors");
        println!("{name:30} {:>5} tensors", found.len());
        compared += 1;
    }
    let fixtures = std::fs::read_dir(&folder).map_or(0, Iterator::count);
    assert_eq!(compared, fixtures, "every fixture belongs to a network of the zoo");
    assert!(compared >= 12, "{} is incomplete: {compared} networks", folder.display());
}

/// Names and shapes, in whatever order, are those of the constructors of torchvision and timm, for every network that one of
/// them has. Fixture: tests/parity/state_dicts.py.
#[test]
fn tensors_are_those_of_the_libraries() {
    let fixture = include_str!("fixtures/state_dicts.txt");
    let mut differing = Vec::new();
    for line in fixture.lines() {
        let &[name, count, digest] = &line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (_, source) = zoo::ALL.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no {name}"));
        let mut lines = lines(&load(name, source));
        lines.sort_unstable();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        // Fowler, Noll & Vo's hash, as the script's.
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        if (lines.len().to_string(), format!("{hash:016x}")) != (count.to_owned(), digest.to_owned()) {
            differing.push(format!("{name}: {} tensors, {count} in the library\n{text}", lines.len()));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert_eq!(fixture.lines().count(), 70);
}

/// Another head changes the last layer alone: every network takes `classes`, but for single blocks, which deliver a map.
/// Single modules, which deliver a map: there are no classes.
const MODULES: &[&str] = &["lrn_block", "inception_naive_block", "inception_module_uniform"];

/// Another head changes the last layer alone: every network takes `classes`.
#[test]
fn every_network_takes_classes() {
    let mut changed_heads = 0;
    for &(name, source) in zoo::ALL {
        if MODULES.contains(&name) {
            assert!(load(name, source).output_shape().spatial().is_some(), "{name} delivers a map");
            continue;
        }
        let original = load(name, source);
        if matches!(original.output_shape(), Shape::Map { .. }) {
            continue;
        }
        let changed = load(name, &format!("{source}\nOther = {}(classes = 7);", original.name));
        assert_eq!(changed.output_shape().elements(), 7, "{name}");
        assert_eq!(changed.tensors().len(), original.tensors().len(), "{name}");
        changed_heads += 1;
    }
    println!("{changed_heads} networks with 7 classes");
    println!("{} networks with 7 classes", zoo::ALL.len() - MODULES.len());
}

cnn_runtime::network! {
    /// Imported from another crate by the zoo's own path, an instance of an instance.
    pub Cifar7 = cnn_runtime::zoo::ResNet32Cifar(classes = 7): 3x24x24;
}

#[test]
fn a_network_is_imported_as_a_type() {
    assert_eq!(<Cifar7>::INPUT, [3, 24, 24]);
    assert_eq!(<Cifar7>::OUTPUT, [7]);
    assert_eq!(<Cifar7>::PARAMS, 464_154 - 3 * 65);
}
