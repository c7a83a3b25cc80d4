//! The zoo against reference implementations: parameters, buffers, multiply-adds, names and shapes of all tensors.

use std::path::Path;

use cnn_lang::graph::Graph;
use cnn_runtime::{Architecture, zoo};

/// Name; learned numbers; running statistics and counters; multiply-adds of convolutions and linear layers for one sample.
///
/// Counted on torchvision's models (and on PyTorch definitions of those it does not have).
#[rustfmt::skip]
const REFERENCE: &[(&str, u64, u64, u64)] = &[
    ("lenet5",                             61_706,       0,        416_520),
    ("lenet5_1998",                        61_750,       0,        326_520),
    ("alexnet",                        61_100_840,       0,    714_188_480),
    ("alexnet_paper",                  60_965_224,       0,    724_406_816),
    ("alexnet_bn",                     62_379_720,   2_757,  1_135_256_096),
    ("alexnet_d2l",                    46_764_746,       0,    938_146_176),
    ("alexnet_d2l_rgb1000",            50_844_008,       0,  1_009_945_728),
    ("lrn_block",                             196,       0,         12_096),
    ("nin_d2l",                         1_992_166,       0,    762_297_352),
    ("nin_d2l_rgb1000",                 7_439_608,       0,    965_572_864),
    ("vgg11",                         132_863_336,       0,  7_609_090_048),
    ("vgg13",                         133_047_848,       0, 11_308_466_176),
    ("vgg16",                         138_357_544,       0, 15_470_264_320),
    ("vgg19",                         143_667_240,       0, 19_632_062_464),
    // Parameters as torchvision prints them; its own buffers are two numbers a channel and a counter a layer.
    ("vgg11_bn",                      132_868_840,   5_512,  7_609_090_048),
    ("vgg13_bn",                      133_053_736,   5_898, 11_308_466_176),
    ("vgg16_bn",                      138_365_992,   8_461, 15_470_264_320),
    ("vgg19_bn",                      143_678_248,  11_024, 19_632_062_464),
    ("vgg11_d2l",                     128_806_154,       0,  7_547_232_256),
    ("vgg11_d2l_small",                19_500_362,       0,     57_253_888),
    ("googlenet",                       6_624_904,  14_617,  1_498_376_192),
    // Its auxiliary classifiers' multiply-adds stand apart.
    ("googlenet_aux",                  13_004_888,  15_131,  1_498_376_192),
    ("googlenet_v1_paper",             13_378_280,       0,  1_582_671_872),
    ("googlenet_d2l",                   5_977_530,       0,    276_066_304),
    ("googlenet_d2l_rgb1000",           6_998_552,       0,  1_582_671_872),
    ("inception_naive_block",               3_480,       0,        497_664),
    ("inception_module_uniform",           35_392,       0,    576_716_800),
    ("bn_inception",                   11_285_224,  20_101,  2_032_600_064),
    ("inception_v3",                   23_834_568,  34_526,  5_713_216_096),
    ("inception_v3_aux",               27_161_264,  36_320,  5_713_216_096),
    ("inception_v4",                   42_679_816,  63_317, 12_253_974_624),
    ("inception_resnet_v2",            55_843_464,  60_748, 13_155_794_016),
    ("resnet18",                       11_689_512,   9_620,  1_814_073_344),
    ("resnet34",                       21_797_672,  17_060,  3_663_761_408),
    ("resnet50",                       25_557_032,  53_173,  4_089_184_256),
    ("resnet101",                      44_549_160, 105_448,  7_801_405_440),
    ("resnet152",                      60_192_808, 151_579, 11_513_626_624),
    ("resnet20_cifar",                    269_722,   1_395,     40_551_040),
    ("resnet32_cifar",                    464_154,   2_303,     68_862_592),
    ("resnet44_cifar",                    658_586,   3_211,     97_174_144),
    ("resnet56_cifar",                    853_018,   4_119,    125_485_696),
    ("resnet110_cifar",                 1_727_962,   8_205,    252_887_680),
    ("resnet1001_cifar_full_preact",   10_327_706, 150_216,  1_490_995_712),
    ("densenet121",                     7_978_856,  83_769,  2_834_161_664),
    ("densenet161",                    28_681_000, 220_097,  7_727_907_072),
    ("densenet169",                    14_149_480, 158_569,  3_359_843_328),
    ("densenet201",                    20_013_928, 229_257,  4_291_365_888),
    ("mobilenet_v3_large",              5_483_032,  24_446,    216_589_760),
    ("mobilenet_v3_small",              2_542_856,  12_146,     56_510_400),
    ("efficientnet_b0",                 5_288_548,  42_065,    385_814_752),
    ("bit_r50x1",                      25_549_352,       0,  4_089_184_256),
    ("bit_r101x1",                     44_541_480,       0,  7_801_405_440),
    ("bit_r50x3",                     217_319_080,       0, 36_082_286_592),
    ("bit_r101x3",                    387_934_888,       0, 69_492_277_248),
    ("bit_r152x2",                    236_335_208,       0, 45_814_382_592),
    ("bit_r152x4",                    936_533_224,       0, 182_777_282_560),
    ("regnet_x_400mf",                  5_495_976,  37_927,    413_812_608),
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

/// Single modules, which deliver a map: there are no classes.
const MODULES: &[&str] = &["lrn_block", "inception_naive_block", "inception_module_uniform"];

/// Another head changes the last layer alone: every network takes `classes`.
#[test]
fn every_network_takes_classes() {
    for &(name, source) in zoo::ALL {
        if MODULES.contains(&name) {
            assert!(load(name, source).output_shape().spatial().is_some(), "{name} delivers a map");
            continue;
        }
        let original = load(name, source);
        let changed = load(name, &format!("{source}\nOther = {}(classes = 7);", original.name));
        assert_eq!(changed.output_shape().elements(), 7, "{name}");
        assert_eq!(changed.tensors().len(), original.tensors().len(), "{name}");
    }
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
