//! The commands that look at files and browsers of this machine.

pub(super) mod browser;
pub(super) mod doctor;
pub(super) mod manifests;
