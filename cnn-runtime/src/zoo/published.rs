//! What papers and overviews print about the zoo's networks, beside which `docs/zoo.md` puts our counts.
//!
//! Overviews: "Common architectures in convolutional neural networks" (2018), "Best deep CNN architectures" (its table of
//! models), and the slides "Modern ConvNet Architectures".

/// A line of somebody's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The network, as in [`ALL`](super::ALL).
    pub network: &'static str,
    /// Who printed it, and where.
    pub source: &'static str,
    /// Learned numbers as printed: `5.3 M`; empty if there are none.
    pub params: &'static str,
    /// Multiply-adds as printed, called FLOPs by many; empty if there are none.
    pub macs: &'static str,
    /// Why ours differ, where they do by more than rounding.
    pub remark: &'static str,
}

const fn line(
    network: &'static str,
    source: &'static str,
    params: &'static str,
    macs: &'static str,
    remark: &'static str,
) -> Published {
    Published { network, source, params, macs, remark }
}

const RESNET: &str = "He et al. 2015, table 1";
const CIFAR: &str = "He et al. 2015, table 6";
const UNITS: &str = "He et al. 2016";
const VGG: &str = "Simonyan & Zisserman 2015, table 2";
const DENSE: &str = "Huang et al. 2017, table 2";
const SCALED: &str = "Tan & Le 2019, table 2";
const DESIGN: &str = "Radosavovic et al. 2020";
const MOBILE: &str = "Howard et al. 2019";
const SEARCHED: &str = "Zoph et al. 2018, table 2";
const COMMON: &str = "\"Common architectures\"";
const BEST: &str = "\"Best deep CNN architectures\"";
const SLIDES: &str = "\"Modern ConvNet Architectures\"";

const TRUNCATED: &str = "cut off, not rounded";
const STRIDE: &str = "the stride is in the 3×3 convolution here, as in torchvision; the paper has it in the 1×1 before it, which then \
                      sees a quarter of the pixels: 0.23 G less";
const INCEPTION: &str =
    "the paper's \"12 times fewer than AlexNet\" in round numbers; its own table 1 adds up to 6.8 M";
const OWN_COUNT: &str = "unexplained: a few per cent; parameters agree";
const WIDTHS: &str = "torchvision's instance, whose widths are not those behind the paper's table";

/// By network, in the order of [`ALL`](super::ALL).
pub const PUBLISHED: &[Published] = &[
    line(
        "lenet5_1998",
        "LeCun et al. 1998, section II.B",
        "60 K",
        "",
        "ours stores the 900 weights of C3 that table I leaves out, and has a linear layer of 850 where the paper has radial \
         basis functions: 61,750 - 900 - 850 = 60,000",
    ),
    line("alexnet", BEST, "60 M", "", "the figure of the two-column original; the code beside it is this network"),
    line("alexnet_paper", "Krizhevsky et al. 2012, abstract", "60 M", "", "a round number of the paper's: 60.97 M"),
    line("vgg11", VGG, "133 M", "", ""),
    line("vgg13", VGG, "133 M", "", ""),
    line("vgg16", VGG, "138 M", "", ""),
    line("vgg16", COMMON, "138 M", "", ""),
    line("vgg16", SLIDES, "138 M", "", ""),
    line("vgg19", VGG, "144 M", "", ""),
    line("vgg19", BEST, "144 M", "", ""),
    line("googlenet", BEST, "5 M", "", INCEPTION),
    line("googlenet", "Szegedy et al. 2015, section 1", "", "1.5 G", ""),
    line(
        "googlenet_v1_paper",
        COMMON,
        "5 M",
        "",
        "the paper's \"12 times fewer than AlexNet\" in round numbers; ours count the auxiliary classifiers, without which they are 7.0 M",
    ),
    line(
        "googlenet_v1_paper",
        "Szegedy et al. 2015, section 1",
        "",
        "1.5 G",
        "a budget that the paper set itself, not a count: table 1's layers take 1.58 G",
    ),
    line("bn_inception", BEST, "11.2 M", "", TRUNCATED),
    line("bn_inception", SEARCHED, "11.2 M", "1.94 G", "unexplained: 5 % fewer multiply-adds there"),
    line("inception_v3", COMMON, "23 M", "", TRUNCATED),
    line("inception_v3", SEARCHED, "23.8 M", "5.72 G", "the last digit: 5.713 G here"),
    line("inception_v3_aux", BEST, "27 M", "", ""),
    line("inception_resnet_v2", SEARCHED, "55.8 M", "13.2 G", ""),
    line("resnet18", RESNET, "", "1.8 G", ""),
    line("resnet34", RESNET, "", "3.6 G", "without the shortcuts' projections, as plain34_imagenet, it is 3.64 G"),
    line("resnet50", RESNET, "", "3.8 G", STRIDE),
    line("resnet50", COMMON, "25 M", "", TRUNCATED),
    line("resnet50", BEST, "26 M", "", ""),
    line("resnet101", RESNET, "", "7.6 G", STRIDE),
    line("resnet152", RESNET, "", "11.3 G", STRIDE),
    line("resnet152", BEST, "60 M", "", ""),
    line("plain34_imagenet", RESNET, "", "3.6 G", ""),
    line("resnet20_cifar", CIFAR, "0.27 M", "", ""),
    line("resnet32_cifar", CIFAR, "0.46 M", "", ""),
    line("resnet44_cifar", CIFAR, "0.66 M", "", ""),
    line("resnet56_cifar", CIFAR, "0.85 M", "", ""),
    line("resnet110_cifar", CIFAR, "1.7 M", "", ""),
    line("resnet1202_cifar", CIFAR, "19.4 M", "", ""),
    line("resnet110_cifar_bn_after_add", UNITS, "1.7 M", "", ""),
    line("resnet110_cifar_relu_before_add", UNITS, "1.7 M", "", ""),
    line("resnet110_cifar_relu_only_preact", UNITS, "1.7 M", "", ""),
    line("resnet110_cifar_full_preact", UNITS, "1.7 M", "", ""),
    line("resnet164_cifar_original", UNITS, "1.7 M", "", ""),
    line("resnet164_cifar_bn_after_add", UNITS, "1.7 M", "", ""),
    line("resnet164_cifar_relu_before_add", UNITS, "1.7 M", "", ""),
    line("resnet164_cifar_relu_only_preact", UNITS, "1.7 M", "", ""),
    line("resnet164_cifar_full_preact", UNITS, "1.7 M", "", ""),
    line("resnet1001_cifar_full_preact", UNITS, "10.2 M", "", "unexplained: one per cent more here"),
    line("wrn_28_10", "Zagoruyko & Komodakis 2016", "36.5 M", "", ""),
    line("wrn_16_4", "Zagoruyko & Komodakis 2016", "2.8 M", "", "the paper's tables have 2.7 and 2.8"),
    line("wide_resnet50_2", "Zagoruyko & Komodakis 2016", "68.9 M", "", ""),
    line("resnext50_32x4d", "Xie et al. 2017, table 1", "25.0 M", "4.2 G", ""),
    line(
        "resnext101_64x4d",
        SEARCHED,
        "83.6 M",
        "31.5 G",
        "multiplications and additions seem to be counted apart there: twice 15.5 G, nearly; the last digit of the parameters is unexplained",
    ),
    line("densenet121", BEST, "8 M", "", ""),
    line("densenet264", BEST, "22 M", "", "a slip: 22.15 is its error in per cent"),
    line("densenet_40_k12", DENSE, "1.0 M", "", ""),
    line("densenet_100_k12", DENSE, "7.0 M", "", ""),
    line("densenet_bc_100_k12", DENSE, "0.8 M", "", ""),
    line("densenet_bc_250_k24", DENSE, "15.3 M", "", ""),
    line("densenet_bc_190_k40", DENSE, "25.6 M", "", ""),
    line("densenet_bc_190_k40", COMMON, "40 M", "", "a slip: 40 is the growth rate"),
    line("shiftnet_a", "Wu et al. 2018", "4.1 M", "1.4 G", "the paper leaves the joints of its strided modules open"),
    line("shiftnet_b", "Wu et al. 2018", "1.1 M", "371 M", "as for shiftnet_a"),
    line("nasnet_a_large", SEARCHED, "88.9 M", "23.8 G", "unexplained: two parameters in a thousand"),
    line("mnasnet_a1", "Tan et al. 2019, table 1", "3.9 M", "312 M", ""),
    line("mnasnet_b1", "Tan et al. 2019", "4.4 M", "", ""),
    line("mobilenet_v3_large", MOBILE, "5.4 M", "219 M", "unexplained: one per cent; torchvision's figures are ours"),
    line("mobilenet_v3_small", MOBILE, "2.5 M", "56 M", "the last digit: 56.5 M here"),
    line("efficientnet_b0", SCALED, "5.3 M", "0.39 G", ""),
    line("efficientnet_b1", SCALED, "7.8 M", "0.70 G", OWN_COUNT),
    line(
        "efficientnet_b2",
        SCALED,
        "9.2 M",
        "1.0 G",
        "at 260×260 in the paper, at torchvision's 288×288 here; 9.11 M parameters by either",
    ),
    line("efficientnet_b3", SCALED, "12 M", "1.8 G", ""),
    line("efficientnet_b4", SCALED, "19 M", "4.2 G", OWN_COUNT),
    line("efficientnet_b5", SCALED, "30 M", "9.9 G", OWN_COUNT),
    line("efficientnet_b6", SCALED, "43 M", "19 G", ""),
    line("efficientnet_b7", SCALED, "66 M", "37 G", OWN_COUNT),
    line("efficientnet_l2", BEST, "480 M", "", ""),
    line("bit_r152x4", BEST, "928 M", "", "without its classifier: 936,533,224 - 8,193,000 = 928,340,224"),
    line("regnet_x_400mf", DESIGN, "5.2 M", "0.4 G", WIDTHS),
    line("regnet_x_800mf", DESIGN, "7.3 M", "0.8 G", ""),
    line("regnet_x_1_6gf", DESIGN, "9.2 M", "1.6 G", ""),
    line("regnet_x_3_2gf", DESIGN, "15.3 M", "3.2 G", ""),
    line("regnet_x_8gf", DESIGN, "39.6 M", "8.0 G", ""),
    line("regnet_x_16gf", DESIGN, "54.3 M", "15.9 G", ""),
    line("regnet_x_32gf", DESIGN, "107.8 M", "31.7 G", ""),
    line("regnet_y_400mf", DESIGN, "4.3 M", "0.4 G", ""),
    line("regnet_y_800mf", DESIGN, "6.3 M", "0.8 G", WIDTHS),
    line("regnet_y_1_6gf", DESIGN, "11.2 M", "1.6 G", ""),
    line("regnet_y_3_2gf", DESIGN, "19.4 M", "3.2 G", ""),
    line("regnet_y_8gf", DESIGN, "39.2 M", "8.0 G", WIDTHS),
    line("regnet_y_16gf", DESIGN, "83.6 M", "15.9 G", ""),
    line("regnet_y_32gf", DESIGN, "145.0 M", "32.3 G", ""),
    line("hrnet_w18", "Wang et al. 2020", "21.3 M", "", ""),
    line("convnext_tiny", "Liu et al. 2022", "29 M", "4.5 G", ""),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::ALL;

    /// Whether `ours`, rounded to the digits that are printed, is what is printed.
    fn agrees(printed: &str, ours: u64) -> bool {
        let (digits, unit) = printed.split_once(' ').expect("a number and a unit");
        let scale = match unit {
            "K" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            _ => panic!("unit of {printed}"),
        };
        let decimals = digits.split_once('.').map_or(0, |(_, after)| after.len());
        format!("{:.decimals$}", ours as f64 / scale) == digits
    }

    #[test]
    fn what_differs_by_more_than_rounding_is_explained_and_nothing_else() {
        let mut at = 0;
        for Published { network, source, params, macs, remark } in PUBLISHED {
            let place = ALL.iter().position(|(name, _)| name == network).unwrap_or_else(|| panic!("no {network}"));
            assert!(at <= place, "{network} in the order of the zoo");
            at = place;
            assert!(!source.is_empty(), "{network}");
            assert!(!params.is_empty() || !macs.is_empty(), "{network}");
            let costs = cnn_lang::load(ALL[place].1, None).expect("a network of the zoo").costs();
            let same = |printed: &str, ours: u64| printed.is_empty() || agrees(printed, ours);
            let agree = same(params, costs.params) && same(macs, costs.macs);
            assert_eq!(agree, remark.is_empty(), "{network} ({source}): {} and {} here", costs.params, costs.macs);
        }
    }
}
