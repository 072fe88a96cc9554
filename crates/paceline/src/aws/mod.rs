//! AWS's credentials and region, found where AWS's own tools find them.
//!
//! [`CredentialChain`] looks at start and whenever [`Held`] says so; calls only read what was found last.

mod ask;
mod chain;
mod container;
mod hold;
mod instance;
mod shared;
mod signings;

pub use chain::{ChainError, CredentialChain, Env, Loaded, Region, Source, Tried};
pub use hold::{Held, Taken};
pub use signings::Signings;

#[cfg(test)]
mod tests;
