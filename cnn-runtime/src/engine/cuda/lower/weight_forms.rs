//! What weights go through before a convolution uses them, as launches.

use super::Lowering;
use crate::engine::cuda::device::Launch;
use crate::engine::cuda::words::Words;
use crate::engine::error::EngineError;
use crate::engine::operation::WeightForm;
use crate::engine::plan::Step;
use crate::kernels::conv::weight::STANDARDIZATION_EPS;

impl Lowering<'_> {
    /// A weight in another form.
    pub(super) fn weight_form(&self, step: &Step, form: &WeightForm) -> Result<Vec<Launch>, EngineError> {
        match form {
            WeightForm::Standardized { filters } => {
                let (weight, to) = (self.address(step, 0), self.output(step, 0));
                let words = Words::new().address(weight).size(to.len() / filters).double(STANDARDIZATION_EPS);
                Ok(vec![self.blocks("standardize", *filters, words.address(to.start))])
            }
            WeightForm::Connected { table, inputs, window } => self.connect(step, 0, table, *inputs, *window),
        }
    }

    /// The gradient of a weight from that of its form.
    pub(super) fn weight_form_gradient(&self, step: &Step, form: &WeightForm) -> Result<Vec<Launch>, EngineError> {
        match form {
            WeightForm::Standardized { filters } => {
                let [weight, gradient] = [0, 1].map(|index| self.address(step, index));
                let (onto, to) = (self.address_onto(step), self.output(step, 0));
                let words = Words::new().address(weight).address(gradient).size(to.len() / filters);
                let words = words.double(STANDARDIZATION_EPS).address(onto).address(to.start);
                Ok(vec![self.blocks("standardize_gradient", *filters, words)])
            }
            WeightForm::Connected { table, inputs, window } => self.connect(step, 1, table, *inputs, *window),
        }
    }

    /// An input of the step where outputs see inputs.
    fn connect(
        &self,
        step: &Step,
        index: usize,
        table: &[Vec<usize>],
        inputs: usize,
        window: usize,
    ) -> Result<Vec<Launch>, EngineError> {
        let sees = table.iter().flat_map(|seen| (0..inputs).map(|input| u64::from(seen.contains(&input))));
        let connected = self.table(&sees.collect::<Vec<u64>>())?;
        let to = self.output(step, 0);
        let words = Words::new().address(self.address(step, index)).address(connected).size(window);
        let words = words.address(self.address_onto(step)).address(to.start).size(to.len());
        Ok(vec![self.each("connect", to.len(), words)])
    }

    /// What the result is added to; 0 is nothing.
    fn address_onto(&self, step: &Step) -> u64 {
        self.onto(&step.outputs[0]).map_or(0, |onto| onto.start)
    }
}
