//! The form between dialects: a request, the events of an answer, and what could not cross.

pub mod about;
pub mod citation;
pub mod collect;
pub(crate) mod completeness;
pub mod event;
pub mod fold;
pub mod foreign;
pub mod json;
pub mod notes;
pub mod request;
pub mod seal;
pub mod write;
