use super::{Affine, BnAct, Channel, LANES, RUN, Samples, add_up, add_up2, put};
use crate::kernels::activation::{Function, with_function};
use crate::kernels::parallel::Shared;
use crate::kernels::wide::wide;
use crate::kernels::{Float, expect_len};

/// How the slope of the activation is found.
#[derive(Clone, Copy, Debug)]
pub enum Kept<'a, E> {
    /// From what went into the activation, computed again from x, the statistics and the residual, if there was one.
    Input(Option<Samples<&'a [E]>>),
    /// From y; only where [`Activation::known_by_output`](crate::kernels::activation::Activation::known_by_output), or
    /// without an activation.
    Output(Samples<&'a [E]>),
}

/// Where gradients go.
#[derive(Debug)]
pub struct Gradients<'a, E> {
    /// Of x.
    pub dx: Samples<&'a mut [E]>,
    /// Whether that of x is added to what is there.
    pub accumulate_dx: bool,
    /// Of the residual: the gradient before the activation.
    pub dresidual: Option<Samples<&'a mut [E]>>,
    /// Whether that of the residual is added to what is there.
    pub accumulate_dresidual: bool,
    /// Of weight and bias, `[channels]` each.
    pub affine: Option<[&'a mut [E]; 2]>,
    /// Whether those of weight and bias are added to what is there.
    pub accumulate_affine: bool,
}

/// What one channel's task reads and writes.
struct Task<'a, E> {
    bn: &'a BnAct,
    c: usize,
    channel: Channel<E>,
    x: Samples<&'a [E]>,
    kept: Kept<'a, E>,
    /// None where dx holds it.
    dy: Option<Samples<&'a [E]>>,
    dx: &'a Samples<Shared<'a, E>>,
    dresidual: Option<&'a Samples<Shared<'a, E>>>,
    accumulate_dx: bool,
    accumulate_dresidual: bool,
}

impl BnAct {
    /// With dz the gradient before the activation, N values to a channel and n the normalised x, `dx = weight inverse
    /// (dz - sum(dz) / N - n sum(dz n) / N)`, `dweight = sum(dz n)`, `dbias = sum(dz)`. `mean` and `inverse` are what
    /// [`BnAct::forward`] saved.
    ///
    /// Without `dy` that gradient is read from dx, which then is overwritten in place.
    #[allow(clippy::too_many_arguments, reason = "every one is a tensor of its own")]
    pub fn backward<E: Float>(
        &self,
        x: Samples<&[E]>,
        kept: Kept<E>,
        affine: Option<Affine<E>>,
        mean: &[E],
        inverse: &[E],
        dy: Option<Samples<&[E]>>,
        to: Gradients<E>,
    ) {
        self.check_backward(&x, &kept, &dy, &to);
        self.check_affine(affine);
        expect_len("bn: saved mean", mean.len(), self.channels);
        expect_len("bn: saved inverse deviation", inverse.len(), self.channels);
        let share = |Samples { data, stride }| Samples { data: Shared::new(data), stride };
        let (dx, dresidual) = (share(to.dx), to.dresidual.map(share));
        let affine_grads = to.affine.map(|grads| {
            for grad in &grads {
                expect_len("bn: gradient of weight or bias", grad.len(), self.channels);
            }
            grads.map(Shared::new)
        });
        self.for_channels(|c| {
            let task = Task {
                bn: self,
                c,
                channel: Channel::new(affine, c, mean[c], inverse[c]),
                x,
                kept,
                dy,
                dx: &dx,
                dresidual: dresidual.as_ref(),
                accumulate_dx: to.accumulate_dx,
                accumulate_dresidual: to.accumulate_dresidual,
            };
            let (sum, dot) = with_function!(self.activation, |f| task.run(&f, inverse[c].double()));
            if let Some([dweight, dbias]) = &affine_grads {
                let put_sum = |old: E, sum: f64| if to.accumulate_affine { old + E::of(sum) } else { E::of(sum) };
                // SAFETY: this task alone has channel c.
                unsafe {
                    put(dweight, c, |old| put_sum(old, dot));
                    put(dbias, c, |old| put_sum(old, sum));
                }
            }
        });
    }

    #[track_caller]
    fn check_backward<E>(&self, x: &Samples<&[E]>, kept: &Kept<E>, dy: &Option<Samples<&[E]>>, to: &Gradients<E>) {
        self.check("x", x.data.len(), x.stride);
        self.check("dx", to.dx.data.len(), to.dx.stride);
        match kept {
            Kept::Input(Some(residual)) => self.check("residual", residual.data.len(), residual.stride),
            Kept::Output(y) => self.check("y", y.data.len(), y.stride),
            Kept::Input(None) => {}
        }
        match dy {
            Some(dy) => self.check("dy", dy.data.len(), dy.stride),
            None => assert!(
                !to.accumulate_dx,
                "bn: dx cannot be added to dy, which lies in its place; this is a bug in the calling code"
            ),
        }
        if let Some(dresidual) = &to.dresidual {
            self.check("dresidual", dresidual.data.len(), dresidual.stride);
        }
        assert!(
            matches!(kept, Kept::Input(_)) || self.activation.is_none_or(|activation| activation.known_by_output()),
            "bn: the output of {:?} does not tell its slope, keep the input; this is a bug in the calling code",
            self.activation
        );
    }
}

impl<E: Float> Task<'_, E> {
    /// Writes dx and the residual's gradient; returns the sums of dz and of dz times the normalised x.
    fn run(&self, f: &impl Function, inverse: f64) -> (f64, f64) {
        let (mut sums, mut dots) = ([0.0; LANES], [0.0; LANES]);
        // dx keeps dz between the two passes, unless it is needed for what is there already
        self.for_runs(f, true, |x, dz, dx| {
            wide(|| {
                add_up(&mut sums, dz, E::double);
                add_up2(&mut dots, x, dz, |x, dz| (x - self.channel.mean).double() * dz.double());
            });
            if !self.accumulate_dx {
                dx.copy_from_slice(dz);
            }
        });
        let (sum, dot) = (sums.iter().sum::<f64>(), dots.iter().sum::<f64>() * inverse);

        let count = self.bn.count();
        let Channel { mean, scale, .. } = self.channel;
        let (shift, slope) = (E::of(sum / count), E::of(dot / count * inverse));
        let value = |x: E, dz: E| scale * (dz - shift - (x - mean) * slope);
        if self.accumulate_dx {
            self.for_runs(f, false, |x, dz, dx| {
                for (dx, (&x, &dz)) in dx.iter_mut().zip(x.iter().zip(dz)) {
                    *dx += value(x, dz);
                }
            });
        } else {
            for (from, to) in self.bn.planes(self.c, self.x.stride).zip(self.bn.planes(self.c, self.dx.stride)) {
                // SAFETY: this task alone has the channel, and samples do not overlap.
                let dx = unsafe { self.dx.data.part(to, self.bn.plane) };
                wide(|| dx.iter_mut().zip(&self.x.data[from..]).for_each(|(dx, &x)| *dx = value(x, *dx)));
            }
        }
        (sum, dot)
    }

    /// `g(x, dz, dx)` along the channel, run by run; in the first pass dz goes to the residual too.
    fn for_runs(&self, f: &impl Function, first: bool, mut g: impl FnMut(&[E], &[E], &mut [E])) {
        let (plane, c) = (self.bn.plane, self.c);
        let mut space = [E::ZERO; RUN];
        for sample in 0..self.bn.batch {
            for start in (0..plane).step_by(RUN) {
                let len = RUN.min(plane - start);
                let at = |stride: usize| sample * stride + c * plane + start;
                // SAFETY: this task alone has the channel, and samples do not overlap.
                let dx = unsafe { self.dx.data.part(at(self.dx.stride), len) };
                let x = &self.x.data[at(self.x.stride)..][..len];
                let dz = &mut space[..len];
                match self.dy {
                    Some(dy) => dz.copy_from_slice(&dy.data[at(dy.stride)..][..len]),
                    None => dz.copy_from_slice(dx),
                }
                wide(|| self.chain(f, x, dz, at));
                if let (true, Some(dresidual)) = (first, self.dresidual) {
                    // SAFETY: as for dx
                    let to = unsafe { dresidual.data.part(at(dresidual.stride), len) };
                    if self.accumulate_dresidual {
                        to.iter_mut().zip(&*dz).for_each(|(to, &dz)| *to += dz);
                    } else {
                        to.copy_from_slice(dz);
                    }
                }
                g(x, dz, dx);
            }
        }
    }

    /// Multiplies dz by the slope of the activation.
    #[inline(always)]
    fn chain(&self, f: &impl Function, x: &[E], dz: &mut [E], at: impl Fn(usize) -> usize) {
        let channel = self.channel;
        let pairs = dz.iter_mut().zip(x);
        match self.kept {
            Kept::Output(y) => {
                let y = &y.data[at(y.stride)..];
                pairs.zip(y).for_each(|((dz, _), &y)| *dz *= f.slope_at_value(y));
            }
            Kept::Input(None) => pairs.for_each(|(dz, &x)| *dz *= f.slope(channel.apply(x))),
            Kept::Input(Some(residual)) => {
                let residual = &residual.data[at(residual.stride)..];
                pairs.zip(residual).for_each(|((dz, &x), &r)| *dz *= f.slope(channel.apply(x) + r));
            }
        }
    }
}
