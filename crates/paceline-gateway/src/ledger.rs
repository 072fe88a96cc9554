//! The ledger: what each caller has used; never dropped, whatever happens to records.

use paceline_types::id::Name;
use paceline_types::money::Cost;
use paceline_types::record::Caller;
use paceline_types::tokens::Usage;
use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Sums of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls closed.
    pub calls: u64,
    /// Input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Known cost in pico-dollars.
    pub cost_pico: i64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.cost_pico = self.cost_pico.saturating_add(other.cost_pico);
    }
}

/// What one caller has used: counted by whichever worker closes a call.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Before this process started.
    before: OnceLock<Totals>,
    calls: AtomicU64,
    input: AtomicU64,
    output: AtomicU64,
    cost: AtomicI64,
}

impl Account {
    /// Settles one closed call.
    pub(crate) fn settle(&self, usage: Option<&Usage>, cost: Option<Cost>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(usage) = usage {
            self.input.fetch_add(usage.input_tokens, Ordering::Relaxed);
            self.output.fetch_add(usage.output_tokens, Ordering::Relaxed);
        }
        if let Some(cost) = cost {
            self.cost.fetch_add(cost.0, Ordering::Relaxed);
        }
    }

    fn since_start(&self) -> Totals {
        Totals {
            calls: self.calls.load(Ordering::Relaxed),
            input_tokens: self.input.load(Ordering::Relaxed),
            output_tokens: self.output.load(Ordering::Relaxed),
            cost_pico: self.cost.load(Ordering::Relaxed),
        }
    }

    fn ever(&self) -> Totals {
        let mut totals = self.before.get().copied().unwrap_or_default();
        totals += self.since_start();
        totals
    }
}

/// Whose account: tenant, workspace, key (empty where no key is asked for).
pub type AccountName = (Name, Name, Name);

/// All accounts: one for each key of the configuration, and one for calls without a key.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: RwLock<BTreeMap<AccountName, Arc<Account>>>,
}

impl Ledger {
    /// The account of a caller.
    pub(crate) fn account(&self, caller: &Caller) -> Arc<Account> {
        let key = caller.key.clone().unwrap_or_else(|| "".into());
        self.named((Arc::clone(&caller.tenant), Arc::clone(&caller.workspace), key))
    }

    fn named(&self, name: AccountName) -> Arc<Account> {
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(accounts.entry(name).or_default())
    }

    /// A cost that was learned later is added to the account of its caller.
    pub fn recost(&self, caller: &Caller, more: Cost) {
        self.account(caller).cost.fetch_add(more.0, Ordering::Relaxed);
    }

    /// What callers had used before this process started. Counts for the first time it is told.
    pub fn open(&self, known: impl Iterator<Item = (AccountName, Totals)>) {
        for (name, totals) in known {
            let _ = self.named(name).before.set(totals);
        }
    }

    /// What each caller has used ever.
    pub fn accounts(&self) -> Vec<(AccountName, Totals)> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.iter().map(|(name, account)| (name.clone(), account.ever())).collect()
    }

    /// The sums of all callers since start.
    pub fn totals(&self) -> Totals {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        let mut sum = Totals::default();
        for account in accounts.values() {
            sum += account.since_start();
        }
        sum
    }

    /// The sums of all callers ever.
    pub fn ever(&self) -> Totals {
        let mut sum = Totals::default();
        for (_, totals) in self.accounts() {
            sum += totals;
        }
        sum
    }
}
