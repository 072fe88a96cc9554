//! The steps of a call, one file each; [`crate::pipeline`] is their order.

pub(crate) mod admin;
pub(crate) mod admit;
pub(crate) mod attempt;
pub(crate) mod cascade;
pub(crate) mod compose;
pub(crate) mod count;
pub(crate) mod count_tokens;
pub(crate) mod ending;
pub(crate) mod failure;
pub(crate) mod generate;
pub(crate) mod inflate;
pub(crate) mod limits;
pub(crate) mod observe;
pub(crate) mod passthrough;
pub(crate) mod plan;
pub(crate) mod quota;
pub(crate) mod read;
pub(crate) mod recover;
pub(crate) mod relay;
pub(crate) mod rights;
pub(crate) mod route;
pub(crate) mod shadow;
pub(crate) mod skip;
pub(crate) mod tell;
pub(crate) mod whole;
