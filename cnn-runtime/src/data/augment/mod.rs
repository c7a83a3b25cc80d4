//! Augmentation: images that differ from epoch to epoch though their classes stay.
//!
//! An image is seen through a window (the centre, or a random part), changed pixel by pixel in [0, 1], normalised, and then
//! parts of it are erased; at last a batch's images are mixed. [`Augment`] is the list of what happens, in the words of
//! [`Step`]: `rrc,flip,randaugment:2:9,erase:0.25,mixup:0.2`.

mod colour;
mod erase;
mod mix;
mod rand_augment;
mod text;
mod warp;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::DataError;
use super::resample::Window;
use crate::engine::Canvas;
use crate::engine::pixels::{Move, Rectangle};

pub(super) use mix::Mixing;

/// One thing that happens to training images. What it does to a value in [0, 1] stays there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// `rrc:LEAST`: a random part of at least this share of the area, sides from 3:4 to 4:3, resized. Szegedy et al. 2014,
    /// <https://arxiv.org/abs/1409.4842>. [default: 0.08]
    ResizedCrop {
        /// The least share of the area.
        least: f64,
    },
    /// `crop:PAD`: a black frame so wide is put around the image, and its size cut out somewhere. He et al. 2015.
    Crop {
        /// Pixels on each side.
        pad: usize,
    },
    /// `flip:CHANCE`: left and right change places. [default: 0.5]
    Flip {
        /// How often.
        chance: f64,
    },
    /// `jitter:BRIGHTNESS:CONTRAST:SATURATION:HUE`: each changes by a factor up to so far from 1 in a random order, the hue by
    /// so much of the circle. What is left out: contrast and saturation are as brightness, the hue stays.
    Jitter {
        /// Factor of all values.
        brightness: f64,
        /// Factor of the distance from the mean brightness.
        contrast: f64,
        /// Factor of the distance from grey.
        saturation: f64,
        /// At most half of the circle.
        hue: f64,
    },
    /// `randaugment:N:M`: N of fourteen changes at strength M from 0 to 10. Cubuk et al. 2020,
    /// <https://arxiv.org/abs/1909.13719>. [default: 2:9]
    RandAugment {
        /// Changes of an image.
        count: usize,
        /// Their strength.
        strength: f64,
    },
    /// `cutout:SIDE`: a square around a random pixel takes the mean of all images. DeVries & Taylor 2017,
    /// <https://arxiv.org/abs/1708.04552>.
    Cutout {
        /// Pixels.
        side: usize,
    },
    /// `erase:CHANCE`: a rectangle of 2 % to 33 % of the area takes the mean of all images. Zhong et al. 2017,
    /// <https://arxiv.org/abs/1708.04896>. [default: 0.25]
    Erase {
        /// How often.
        chance: f64,
    },
    /// `mixup:ALPHA`: each image of a batch is mixed with another one, so are their classes, in shares that are
    /// Beta(alpha, alpha). Zhang et al. 2017, <https://arxiv.org/abs/1710.09412>.
    Mixup {
        /// Both parameters of the distribution.
        alpha: f64,
    },
    /// `cutmix:ALPHA`: a rectangle of each image comes from another one, classes are mixed by area. Yun et al. 2019,
    /// <https://arxiv.org/abs/1905.04899>. With `mixup` each batch takes one of the two.
    Cutmix {
        /// Both parameters of the share's distribution.
        alpha: f64,
    },
    /// `center:SHARE`: how evaluation sees images: resized so that they cover 1 / share of the network's size, of which the
    /// centre is cut out. Training without `rrc` begins with the same. [default: 0.875; 1 without this word]
    Center {
        /// Of the sides.
        share: f64,
    },
}

impl Step {
    /// How it moves an image, if that is what it does.
    fn draw_move(&self, rng: &mut ChaCha8Rng) -> Option<Move> {
        match *self {
            Step::Crop { pad } => {
                let mut shift = || rng.gen_range(0..=2 * pad) as i32 - pad as i32;
                Some(Move { shift: [shift(), shift()], flip: false })
            }
            Step::Flip { chance } => Some(Move { flip: rng.r#gen::<f64>() < chance, ..Move::default() }),
            Step::ResizedCrop { .. } | Step::Jitter { .. } | Step::RandAugment { .. } | Step::Center { .. } => None,
            Step::Cutout { .. } | Step::Erase { .. } | Step::Mixup { .. } | Step::Cutmix { .. } => None,
        }
    }
}

/// What happens to training images; `none` by default. Text and JSON are a list of words: see [`Step`], and the sets `none`,
/// `cifar` (`crop:4,flip`) and `imagenet` (`rrc,flip,center`), which may stand in the list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Augment {
    steps: Vec<Step>,
}

impl Augment {
    /// These steps; pixels change in this order, whatever is done before and behind.
    pub fn new(steps: impl Into<Vec<Step>>) -> Augment {
        Augment { steps: steps.into() }
    }

    /// What happens.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The same with another share for evaluation.
    ///
    /// # Errors
    /// If it is not from 0.1 to 1.
    pub fn centred(&self, share: f64) -> Result<Augment, DataError> {
        let word: Augment = format!("center:{share}").parse()?;
        let others = self.steps.iter().filter(|step| !matches!(step, Step::Center { .. }));
        Ok(Augment { steps: others.chain(&word.steps).copied().collect() })
    }

    /// Whether pixels are computed, not just moved.
    pub(super) fn is_costly(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::Jitter { .. } | Step::RandAugment { .. } | Step::ResizedCrop { .. }))
    }

    /// Share of the sides that evaluation sees.
    pub(super) fn centre(&self) -> f64 {
        let share = |step: &Step| if let Step::Center { share } = step { Some(*share) } else { None };
        self.steps.iter().find_map(share).unwrap_or(1.0)
    }

    /// What training sees of an image of `size`.
    pub(super) fn window(&self, size: [usize; 2], shape: [usize; 3], rng: &mut ChaCha8Rng) -> Window {
        let least = self.steps.iter().find_map(|step| match step {
            Step::ResizedCrop { least } => Some(*least),
            _ => None,
        });
        match least {
            Some(least) => resized_crop(size, least, rng),
            None => Window::centre(size, shape, self.centre()),
        }
    }

    /// What moves an image: the same as [`Augment::pixels`] draws where pixels are just moved. As much for every image.
    pub(super) fn moves(&self, rng: &mut ChaCha8Rng) -> Vec<Move> {
        self.steps.iter().filter_map(|step| step.draw_move(rng)).collect()
    }

    /// All that happens to values in [0, 1].
    pub(super) fn pixels(&self, canvas: &mut Canvas<'_>, rng: &mut ChaCha8Rng) {
        for step in &self.steps {
            match *step {
                Step::Crop { .. } | Step::Flip { .. } => {
                    step.draw_move(rng).into_iter().for_each(|step| canvas.apply(step));
                }
                Step::Jitter { brightness, contrast, saturation, hue } => {
                    colour::jitter(canvas, [brightness, contrast, saturation], hue, rng);
                }
                Step::RandAugment { count, strength } => rand_augment::apply(canvas, count, strength, rng),
                Step::ResizedCrop { .. } | Step::Center { .. } => {}
                Step::Cutout { .. } | Step::Erase { .. } | Step::Mixup { .. } | Step::Cutmix { .. } => {}
            }
        }
    }

    /// What becomes 0 behind the normalisation: as many rectangles for every image, some of them empty.
    pub(super) fn erased(&self, shape: [usize; 3], rng: &mut ChaCha8Rng) -> Vec<Rectangle> {
        let draw = |step: &Step| match *step {
            Step::Cutout { side } => Some(erase::cutout(shape, side, rng)),
            Step::Erase { chance } => Some(erase::random(shape, chance, rng).unwrap_or_default()),
            Step::ResizedCrop { .. } | Step::Center { .. } | Step::Mixup { .. } | Step::Cutmix { .. } => None,
            Step::Crop { .. } | Step::Flip { .. } | Step::Jitter { .. } | Step::RandAugment { .. } => None,
        };
        self.steps.iter().filter_map(draw).collect()
    }

    /// How the images of a batch are mixed.
    pub(super) fn mix(&self) -> Option<Mixing> {
        let mut mixing = Mixing::default();
        for step in &self.steps {
            match step {
                Step::Mixup { alpha } => mixing.mixup = Some(*alpha),
                Step::Cutmix { alpha } => mixing.cutmix = Some(*alpha),
                _ => {}
            }
        }
        (mixing != Mixing::default()).then_some(mixing)
    }
}

/// A part of at least `least` of the area, whose sides are as 3:4 to 4:3; the largest centre of such sides where ten draws give
/// none that fits.
fn resized_crop([height, width]: [usize; 2], least: f64, rng: &mut ChaCha8Rng) -> Window {
    let area = (height * width) as f64;
    let limit = (4.0f64 / 3.0).ln();
    let cut = |corner: [usize; 2], size: [usize; 2]| Window {
        corner: corner.map(|x| x as f64),
        size: size.map(|x| x as f64),
        cut: true,
    };
    for _ in 0..10 {
        let area = area * rng.gen_range(least..=1.0);
        let ratio = rng.gen_range(-limit..=limit).exp();
        let sides = [(area / ratio).sqrt(), (area * ratio).sqrt()].map(|side| side.round() as usize);
        if (1..=height).contains(&sides[0]) && (1..=width).contains(&sides[1]) {
            let corner = [rng.gen_range(0..=height - sides[0]), rng.gen_range(0..=width - sides[1])];
            return cut(corner, sides);
        }
    }
    let side = |own: usize, other: usize| own.min((other as f64 * 4.0 / 3.0).round() as usize).max(1);
    let sides = [side(height, width), side(width, height)];
    cut([(height - sides[0]) / 2, (width - sides[1]) / 2], sides)
}

#[cfg(test)]
mod tests;
