//! Operations: tokens and roles, limits, audit log, metrics, directors, and the state that survives a restart.

pub mod access;
pub mod audit;
pub(crate) mod auditor;
pub mod certificate;
pub mod config_error;
pub mod director;
pub(crate) mod events;
pub(crate) mod keeper;
pub mod limits;
pub mod metrics;
pub(crate) mod names;
pub mod state;
pub mod storage;
