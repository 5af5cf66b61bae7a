//! Runs conformance vectors of the Mask formats.

pub mod mask_conformance;
