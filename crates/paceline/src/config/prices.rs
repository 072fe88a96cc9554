//! The user's own prices and catalogue file.

use super::excerpt::shown;
use super::problem::Fault;
use super::report::join;
use super::resolve::Desk;
use super::suggest::did_you_mean;
use super::typed;
use super::values::{OwnPrice, Paid};
use paceline_catalog::{Document, parse};
use paceline_types::machine::MachineHour;
use paceline_types::money::Cost;
use paceline_types::price::{Rate, RateUnit, Rates};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

/// The longest catalogue file.
const MAX_FILE: u64 = 4 << 20;

/// Prices by `provider/model`.
pub(super) fn resolve(
    written: &BTreeMap<String, typed::OwnPrice>,
    providers: &[&str],
    desk: &mut Desk<'_>,
) -> Vec<OwnPrice> {
    let mut prices = Vec::new();
    for (name, price) in written {
        let path = join("prices", name);
        let Some((provider, model)) = name.split_once('/').filter(|(_, model)| !model.is_empty()) else {
            let fault = Fault::new(format!("`{}` names no provider", shown(name)));
            desk.report.error(
                &path,
                fault.help("a price is of `\"provider/upstream-name\"`, e.g. `\"openai/gpt-4o\"`"),
            );
            continue;
        };
        if !providers.contains(&provider) {
            let fault = Fault::new(format!("there is no provider `{}`", shown(provider)));
            let known = providers.join(", ");
            let help = did_you_mean(provider, providers.iter().copied());
            desk.report.error(&path, fault.help(&help.unwrap_or_else(|| format!("there are: {known}"))));
            continue;
        }
        match paid(price) {
            Ok(paid) => {
                prices.push(OwnPrice { provider: provider.to_owned(), model: model.to_owned(), paid });
            }
            Err(fault) => desk.report.error(&path, fault),
        }
    }
    prices
}

/// What is paid: tokens, or the time of a machine, never both.
fn paid(price: &typed::OwnPrice) -> Result<Paid, Fault> {
    let tokens = [
        price.input_usd_per_million,
        price.output_usd_per_million,
        price.cache_read_usd_per_million,
        price.cache_write_usd_per_million,
        price.reasoning_usd_per_million,
    ];
    if let Some(usd) = price.gpu_hour_usd {
        if tokens.iter().any(Option::is_some) {
            let fault = Fault::new("`gpu_hour_usd` and prices of tokens are both given");
            return Err(fault.help("a call would be paid twice; keep `gpu_hour_usd` for a machine of your own, else the prices of tokens"));
        }
        let concurrent = price.concurrent.and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        return Ok(Paid::Machine(MachineHour { usd: dollars(usd), concurrent }));
    }
    if price.concurrent.is_some() {
        let fault = Fault::new("`concurrent` without `gpu_hour_usd`");
        return Err(fault.help("it says how many calls share a machine that is paid by the hour"));
    }
    let (Some(input), Some(output)) = (price.input_usd_per_million, price.output_usd_per_million) else {
        let text = "a price needs `input_usd_per_million` and `output_usd_per_million`, or `gpu_hour_usd`";
        return Err(Fault::new(text).help("0 where nothing is paid"));
    };
    Ok(Paid::Tokens(Rates {
        input: rate(input),
        output: rate(output),
        cache_read: price.cache_read_usd_per_million.map(rate),
        cache_write: price.cache_write_usd_per_million.map(rate),
        reasoning: price.reasoning_usd_per_million.map(rate),
        ..Rates::default()
    }))
}

/// Dollars as written, as [`rate`]; what is out of range has been refused.
fn dollars(usd: f64) -> Cost {
    Cost::parse_usd(&usd.to_string()).unwrap_or(Cost(i64::MAX))
}

/// A price as written: the shortest decimal text of a number is what the user wrote.
fn rate(usd_per_million: f64) -> Rate {
    Rate::parse(&usd_per_million.to_string(), RateUnit::UsdPerMillion).map_or(Rate::MAX, |read| read.rate)
}

/// The user's catalogue file.
pub(super) fn file(written: Option<&str>, desk: &mut Desk<'_>) -> Option<Arc<Document>> {
    let written = written?;
    let path = desk.base_of("catalog.file").join(written);
    let mut refuse = |message: String| desk.report.error("catalog.file", Fault::new(message));
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.len() > MAX_FILE => {
            refuse(format!("{} has more than {MAX_FILE} bytes", path.display()));
            return None;
        }
        _ => {}
    }
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            refuse(format!("{} cannot be read: {error}", path.display()));
            return None;
        }
    };
    let document = match parse(&text) {
        Ok(document) => document,
        Err(problems) => {
            for problem in &problems {
                refuse(format!("{}: {problem}", path.display()));
            }
            return None;
        }
    };
    let (_, problems) = crate::prices::catalog(Some(&document));
    for problem in &problems {
        refuse(format!("{}: {problem}", path.display()));
    }
    Some(Arc::new(document))
}
