//! Layers that compute with neighbouring channels or pixels, as launches.

use cnn_lang::graph::Op;

use super::Lowering;
use crate::engine::cuda::device::Launch;
use crate::engine::cuda::words::{Map, Words};
use crate::engine::plan::Step;

/// Local response normalisation: `Response` in `kernels/neighbours.cu`.
pub(super) struct Response {
    size: usize,
    alpha: f64,
    beta: f64,
    k: f64,
}

impl Response {
    /// Of a layer that is one.
    pub fn of(op: &Op) -> Option<Response> {
        match *op {
            Op::Lrn { size, alpha, beta, k } => Some(Response { size, alpha, beta, k }),
            _ => None,
        }
    }

    fn words(&self, words: Words) -> Words {
        let Response { size, alpha, beta, k } = *self;
        words.size(size / 2).size((size - 1) / 2).double(alpha / size as f64).double(beta).double(k)
    }
}

impl Lowering<'_> {
    pub(super) fn response(&self, of: &Response, x: &Map, y: &Map) -> Launch {
        self.each("lrn", y.len(), of.words(Words::new().map(x).map(y)))
    }

    pub(super) fn response_gradient(
        &self,
        of: &Response,
        step: &Step,
        dy: &Map,
        onto: Option<&Map>,
        dx: &Map,
    ) -> Vec<Launch> {
        let (x, terms) = (self.input(step, 0), self.scratch(step));
        let words = of.words(Words::new().map(&x).map(dy)).address(terms);
        let noting = self.each("lrn_terms", dx.len(), words.clone());
        vec![noting, self.each("lrn_gradient", dx.len(), words.optional(onto).map(dx))]
    }
}
