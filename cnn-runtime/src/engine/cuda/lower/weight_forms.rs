//! What weights go through before a convolution uses them, as launches.

use super::Lowering;
use crate::engine::cuda::device::Launch;
use crate::engine::cuda::words::Words;
use crate::engine::error::EngineError;
use crate::engine::operation::WeightForm;
use crate::engine::plan::Step;
use crate::engine::session::elements;
use crate::kernels::conv::weight::STANDARDIZATION_EPS;

impl Lowering<'_> {
    /// A weight in another form, or the gradient of the weight from that of the form.
    pub(super) fn weight_form(
        &self,
        step: &Step,
        form: &WeightForm,
        is_gradient: bool,
    ) -> Result<Vec<Launch>, EngineError> {
        let target = &step.outputs[0];
        let numbers = elements(target.operand.extent);
        let from = |index: usize| self.address(step, index);
        let (onto, to) = (self.onto(target).map_or(0, |onto| onto.start), self.output(step, 0).start);
        Ok(vec![match form {
            WeightForm::Standardized { filters } => {
                let each = numbers / filters;
                if is_gradient {
                    let words = Words::new().address(from(0)).address(from(1)).size(each).double(STANDARDIZATION_EPS);
                    self.blocks("standardize_gradient", *filters, words.address(onto).address(to))
                } else {
                    let words = Words::new().address(from(0)).size(each).double(STANDARDIZATION_EPS);
                    self.blocks("standardize", *filters, words.address(to))
                }
            }
            WeightForm::Connected { table, inputs, window } => {
                let sees = table.iter().flat_map(|seen| (0..*inputs).map(|input| u64::from(seen.contains(&input))));
                let connected = self.table(&sees.collect::<Vec<u64>>())?;
                let words = Words::new().address(from(usize::from(is_gradient))).address(connected).size(*window);
                self.each("connect", numbers, words.address(onto).address(to).size(numbers))
            }
        }])
    }
}
