//! The ledger: counts that are never dropped, whatever happens to records.

use paceline_types::tokens::Usage;
use std::sync::atomic::{AtomicU64, Ordering};

/// Sums since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls closed.
    pub calls: u64,
    /// Input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
}

/// Counts of everything that was closed.
#[derive(Debug, Default)]
pub struct Ledger {
    calls: AtomicU64,
    input: AtomicU64,
    output: AtomicU64,
}

impl Ledger {
    /// Settles one closed call.
    pub(crate) fn settle(&self, usage: Option<&Usage>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(usage) = usage {
            self.input.fetch_add(usage.input_tokens, Ordering::Relaxed);
            self.output.fetch_add(usage.output_tokens, Ordering::Relaxed);
        }
    }

    /// The sums.
    pub fn totals(&self) -> Totals {
        Totals {
            calls: self.calls.load(Ordering::Relaxed),
            input_tokens: self.input.load(Ordering::Relaxed),
            output_tokens: self.output.load(Ordering::Relaxed),
        }
    }
}
