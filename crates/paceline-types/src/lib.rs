//! The words of Paceline: what every room may say to another.
//!
//! Words only. A type that decides something belongs to the room that needs the decision.

pub mod capture;
pub mod decision;
mod decision_json;
pub mod deployment;
pub mod error;
pub mod grade;
pub mod id;
pub mod machine;
pub mod measure;
pub mod money;
pub mod ports;
pub mod price;
pub mod record;
mod record_json;
pub mod rules;
pub mod secret;
pub mod time;
pub mod tokens;
