//! What callers used before this start: read before the first call, and kept from then on with what is used now.

use crate::admin::Admin;
use paceline_gateway::{Gateway, Standing, Totals};
use paceline_routing::spend::{Span, Spend};
use paceline_store::store::{Account, AccountName, Accounts, Spent};
use std::sync::Arc;
use std::time::Duration;

/// Between two tries to read history.
const RETRY: Duration = Duration::from_secs(1);

/// Opens the accounts before the first call, where history can be read: so that not even the first record is on disk
/// without what its caller used, and no budget begins anew.
pub(crate) fn at_start(admin: &Admin) {
    if let Ok(before) = admin.recorder.store.accounts() {
        begin(admin, before);
    }
}

/// Where they are not open yet: opens them as soon as what was used before can be read. Until then nothing of them is
/// kept: it would be less than what is there.
pub(crate) async fn open(admin: Arc<Admin>) {
    let mut told = false;
    while !admin.recorder.keeps_accounts() {
        if let Ok(before) = admin.ask(|store| store.accounts()).await {
            return begin(&admin, before);
        }
        if !told {
            told = true;
            admin.recorder.log().warn("what callers used before is not known yet: history cannot be read");
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// At the end, once nothing is used any more: the accounts are kept as they are. Where what was before is still not known
/// it is read now, so that a short run is not forgotten. Waits for the disk.
pub(crate) fn close(admin: &Admin) {
    if !admin.recorder.keeps_accounts() {
        match admin.recorder.store.accounts() {
            Ok(before) => begin(admin, before),
            Err(error) => {
                let text = format!("what callers used in this run is not added to their accounts: {error}");
                admin.recorder.log().warn(&text);
            }
        }
    }
    admin.recorder.keep_accounts();
}

fn begin(admin: &Admin, before: Accounts) {
    let Some(gateway) = admin.gateway.get().map(Arc::clone) else { return };
    gateway.open_accounts(before.into_iter().map(|(name, account)| (name, standing(&account))));
    admin.recorder.accounts_from(move || used(&gateway));
}

fn standing(account: &Account) -> Standing {
    let Account { calls, input_tokens, output_tokens, cost_pico, spent } = *account;
    let span = |start, spent_pico| Span { start, spent_pico, ..Span::default() };
    let spend = Spend {
        day: span(spent.day_start, spent.day_pico),
        month: span(spent.month_start, spent.month_pico),
        reserved_pico: spent.open_pico,
    };
    Standing { totals: Totals { calls, input_tokens, output_tokens, cost_pico }, spend }
}

fn used(gateway: &Gateway) -> Accounts {
    let account = |(name, Standing { totals, spend }): (AccountName, Standing)| {
        let Totals { calls, input_tokens, output_tokens, cost_pico } = totals;
        let spent = Spent {
            day_start: spend.day.start,
            day_pico: spend.day.spent_pico,
            month_start: spend.month.start,
            month_pico: spend.month.spent_pico,
            open_pico: spend.reserved_pico,
        };
        (name, Account { calls, input_tokens, output_tokens, cost_pico, spent })
    };
    gateway.known.ledger.accounts().into_iter().map(account).collect()
}
