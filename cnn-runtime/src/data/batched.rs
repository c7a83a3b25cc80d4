//! Images from first to last, as evaluation sees them.

use super::{Batch, DataError, Dataset, ImageBatch, Labels, Loader, Part, Prepared};

/// Images that can be gone through from first to last, as evaluation sees them.
pub trait Batched {
    /// How many classes there are.
    fn classes(&self) -> usize;

    /// How many images there are.
    fn count(&self) -> usize;

    /// The class of an image. Panics like a slice if there is none.
    fn label(&self, index: usize) -> usize;

    /// All of them, `batch` at a time.
    fn in_order(&self, batch: usize) -> Box<dyn Iterator<Item = Result<Prepared, DataError>> + '_>;
}

impl Batched for Dataset {
    fn classes(&self) -> usize {
        self.classes
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn label(&self, index: usize) -> usize {
        self.labels[index]
    }

    fn in_order(&self, batch: usize) -> Box<dyn Iterator<Item = Result<Prepared, DataError>> + '_> {
        let prepared = |batch: Batch| Prepared {
            images: ImageBatch::Numbers(batch.images),
            labels: Labels::Classes(batch.labels),
            items: batch.items,
        };
        Box::new(self.batches_in_order(batch).map(move |batch| Ok(prepared(batch))))
    }
}

impl Batched for Part {
    fn classes(&self) -> usize {
        Part::classes(self)
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn label(&self, index: usize) -> usize {
        Part::label(self, index)
    }

    fn in_order(&self, batch: usize) -> Box<dyn Iterator<Item = Result<Prepared, DataError>> + '_> {
        Box::new(Loader::evaluation(self, batch, self.threads()))
    }
}
