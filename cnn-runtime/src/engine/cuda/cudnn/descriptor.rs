//! Descriptors of cuDNN's graph interface: made, given attributes, finished, read.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use cudarc::cudnn::sys;
pub(super) use cudarc::cudnn::sys::{
    cudnnBackendAttributeName_t as Attribute, cudnnBackendAttributeType_t as Type, cudnnBackendDescriptorType_t as Kind,
};

use crate::engine::cuda::device::Failure;

/// What cuDNN says when it does not do something.
#[derive(Debug)]
pub(super) struct Refusal {
    code: u32,
    text: String,
}

impl Refusal {
    /// Whether it merely has no way to compute it, rather than there being a mistake.
    pub fn is_unsupported(&self) -> bool {
        self.code / 1000 == 3
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        refusal.text
    }
}

/// Longest text that is asked for of an error's reason.
const REASON: usize = 400;

/// Turns a status into an error that names the call.
pub(super) fn check(status: sys::cudnnStatus_t, call: &str) -> Result<(), Refusal> {
    if status == sys::cudnnStatus_t::CUDNN_STATUS_SUCCESS {
        return Ok(());
    }
    // SAFETY: there is a constant text for every status.
    let name = unsafe { CStr::from_ptr(sys::cudnnGetErrorString(status)) }.to_string_lossy();
    let mut reason = [0 as c_char; REASON + 1];
    // SAFETY: it writes so many bytes at most; the last one stays 0.
    let reason = unsafe {
        sys::cudnnGetLastErrorString(reason.as_mut_ptr(), REASON);
        CStr::from_ptr(reason.as_ptr())
    };
    let reason = reason.to_string_lossy();
    Err(Refusal { code: status as u32, text: format!("cuDNN: {call}: {name}: {}", reason.trim()) })
}

/// A descriptor, which is destroyed when it is dropped.
#[derive(Debug)]
pub(super) struct Descriptor(sys::cudnnBackendDescriptor_t);

// SAFETY: cuDNN ties a descriptor to no thread.
unsafe impl Send for Descriptor {}
// SAFETY: by reference it is only read; what `fill` writes to has no other owner.
unsafe impl Sync for Descriptor {}

impl Descriptor {
    pub fn new(kind: Kind) -> Result<Descriptor, Refusal> {
        let mut descriptor = ptr::null_mut();
        // SAFETY: writes one pointer.
        let status = unsafe { sys::cudnnBackendCreateDescriptor(kind, &mut descriptor) };
        check(status, &format!("cudnnBackendCreateDescriptor of {kind:?}"))?;
        Ok(Descriptor(descriptor))
    }

    pub fn raw(&self) -> sys::cudnnBackendDescriptor_t {
        self.0
    }

    /// Sets an attribute.
    ///
    /// # Safety
    /// A value is of the size that cuDNN's header gives for this type.
    unsafe fn set<V>(self, attribute: Attribute, kind: Type, values: &[V]) -> Result<Descriptor, Refusal> {
        let (count, values) = (values.len() as i64, values.as_ptr().cast());
        // SAFETY: so many values are there, and are copied; the caller's.
        let status = unsafe { sys::cudnnBackendSetAttribute(self.0, attribute, kind, count, values) };
        check(status, &format!("cudnnBackendSetAttribute of {attribute:?}"))?;
        Ok(self)
    }

    pub fn integers(self, attribute: Attribute, values: &[i64]) -> Result<Descriptor, Refusal> {
        // SAFETY: int64_t.
        unsafe { self.set(attribute, Type::CUDNN_TYPE_INT64, values) }
    }

    pub fn float(self, attribute: Attribute, value: f32) -> Result<Descriptor, Refusal> {
        // SAFETY: float.
        unsafe { self.set(attribute, Type::CUDNN_TYPE_FLOAT, &[value]) }
    }

    pub fn flag(self, attribute: Attribute, value: bool) -> Result<Descriptor, Refusal> {
        // SAFETY: bool.
        unsafe { self.set(attribute, Type::CUDNN_TYPE_BOOLEAN, &[value]) }
    }

    /// Sets one value of an enumeration.
    pub fn code(self, attribute: Attribute, kind: Type, code: u32) -> Result<Descriptor, Refusal> {
        // SAFETY: C's enumerations have the size of an int.
        unsafe { self.set(attribute, kind, &[code]) }
    }

    pub fn descriptors(self, attribute: Attribute, values: &[&Descriptor]) -> Result<Descriptor, Refusal> {
        let values: Vec<_> = values.iter().map(|descriptor| descriptor.0).collect();
        // SAFETY: cudnnBackendDescriptor_t.
        unsafe { self.set(attribute, Type::CUDNN_TYPE_BACKEND_DESCRIPTOR, &values) }
    }

    /// Sets addresses on the device.
    pub fn addresses(self, attribute: Attribute, values: &[u64]) -> Result<Descriptor, Refusal> {
        let values: Vec<_> = values.iter().map(|&address| address as usize as *mut c_void).collect();
        // SAFETY: void *.
        unsafe { self.set(attribute, Type::CUDNN_TYPE_VOID_PTR, &values) }
    }

    pub fn handle(self, attribute: Attribute, value: sys::cudnnHandle_t) -> Result<Descriptor, Refusal> {
        // SAFETY: cudnnHandle_t.
        unsafe { self.set(attribute, Type::CUDNN_TYPE_HANDLE, &[value]) }
    }

    /// Sets a text, which ends with a 0.
    #[cfg(test)]
    pub fn text(self, attribute: Attribute, value: &CStr) -> Result<Descriptor, Refusal> {
        // SAFETY: char.
        unsafe { self.set(attribute, Type::CUDNN_TYPE_CHAR, value.to_bytes_with_nul()) }
    }

    /// Lets cuDNN check it; from now on it can be used, and not be changed.
    pub fn finish(self, what: &str) -> Result<Descriptor, Refusal> {
        // SAFETY: the descriptor is there.
        check(unsafe { sys::cudnnBackendFinalize(self.0) }, &format!("cudnnBackendFinalize of {what}"))?;
        Ok(self)
    }

    /// Reads an attribute; says how many values there are.
    ///
    /// # Safety
    /// A value is of the size that cuDNN's header gives for this type, and may be any.
    unsafe fn get<V>(&self, attribute: Attribute, kind: Type, into: &mut [V]) -> Result<usize, Refusal> {
        let (most, into) = (into.len() as i64, if into.is_empty() { ptr::null_mut() } else { into.as_mut_ptr() });
        let mut count = 0;
        // SAFETY: it writes as many values as fit; the caller's.
        let status = unsafe { sys::cudnnBackendGetAttribute(self.0, attribute, kind, most, &mut count, into.cast()) };
        check(status, &format!("cudnnBackendGetAttribute of {attribute:?}"))?;
        Ok(count.max(0) as usize)
    }

    pub fn integer(&self, attribute: Attribute) -> Result<i64, Refusal> {
        let mut value = [0i64];
        // SAFETY: int64_t.
        unsafe { self.get(attribute, Type::CUDNN_TYPE_INT64, &mut value) }?;
        Ok(value[0])
    }

    /// Reads values of an enumeration. They stay numbers: a newer cuDNN may know more of them than there are names
    /// here.
    pub fn codes(&self, attribute: Attribute, kind: Type) -> Result<Vec<u32>, Refusal> {
        let mut codes = [0u32; 32];
        // SAFETY: C's enumerations have the size of an int.
        let count = unsafe { self.get(attribute, kind, &mut codes) }?;
        Ok(codes[..count.min(codes.len())].to_vec())
    }

    /// How many descriptors an attribute holds, or more: some may turn out not to be usable.
    pub fn count(&self, attribute: Attribute) -> Result<usize, Refusal> {
        // SAFETY: no value is read.
        unsafe { self.get::<sys::cudnnBackendDescriptor_t>(attribute, Type::CUDNN_TYPE_BACKEND_DESCRIPTOR, &mut []) }
    }

    /// Reads descriptors into new ones of their kind; says how many there were.
    pub fn fill(&self, attribute: Attribute, into: &mut [Descriptor]) -> Result<usize, Refusal> {
        let mut values: Vec<_> = into.iter().map(|descriptor| descriptor.0).collect();
        // SAFETY: cudnnBackendDescriptor_t; cuDNN changes what these point to, which `into` owns.
        let count = unsafe { self.get(attribute, Type::CUDNN_TYPE_BACKEND_DESCRIPTOR, &mut values) }?;
        Ok(count.min(into.len()))
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and nobody has it any more. Nobody is left to be told of a failure either.
        let _ = unsafe { sys::cudnnBackendDestroyDescriptor(self.0) };
    }
}
