//! The ledger: what each caller has used; never dropped, whatever happens to records.

use crate::scope::{Days, locked};
use paceline_routing::spend::Spend;
use paceline_types::id::Name;
use paceline_types::money::Cost;
use paceline_types::record::Caller;
use paceline_types::time::Timestamp;
use paceline_types::tokens::Usage;
use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

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
    /// Spent and promised, as budgets count it.
    spend: Mutex<Spend>,
}

/// How an account stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Used ever.
    pub totals: Totals,
    /// Spent in the day and month of budgets, and promised.
    pub spend: Spend,
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

    /// Money is promised to a call.
    pub(crate) fn promise(&self, money: Cost) {
        locked(&self.spend).reserved_pico += money.0;
    }

    /// A promise ends in what the call cost.
    pub(crate) fn spend(&self, promised: Cost, cost: Cost, wall: Timestamp, days: Days<'_>) {
        if promised != Cost(0) || cost != Cost(0) {
            locked(&self.spend).settle(promised, cost, wall, &days);
        }
    }

    /// Spent and promised.
    pub(crate) fn spent(&self) -> Spend {
        *locked(&self.spend)
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

    /// What a caller had used before this process started. Counts for the first time it is told: `true` then.
    pub(crate) fn open(&self, name: AccountName, before: Standing, wall: Timestamp, days: Days<'_>) -> bool {
        let account = self.named(name);
        let is_first = account.before.set(before.totals).is_ok();
        if is_first {
            locked(&account.spend).restore(&before.spend, wall, &days);
        }
        is_first
    }

    /// How each caller's account stands.
    pub fn accounts(&self) -> Vec<(AccountName, Standing)> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        let standing = |account: &Account| Standing { totals: account.ever(), spend: account.spent() };
        accounts.iter().map(|(name, account)| (name.clone(), standing(account))).collect()
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
        for (_, standing) in self.accounts() {
            sum += standing.totals;
        }
        sum
    }
}
