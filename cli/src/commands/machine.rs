//! The commands that look at files and browsers of this machine.

pub(super) mod browser;
pub(super) mod bugreport;
pub(super) mod doctor;
pub(super) mod logs;
pub(super) mod manifests;
pub(super) mod service;
