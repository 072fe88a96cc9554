//! The user's own prices and catalogue file.

use super::excerpt::shown;
use super::problem::Fault;
use super::report::join;
use super::resolve::Desk;
use super::suggest::did_you_mean;
use super::typed;
use super::values::OwnPrice;
use paceline_catalog::{Document, parse};
use paceline_types::price::{Rate, RateUnit, Rates};
use std::collections::BTreeMap;
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
        let (Some(input), Some(output)) = (price.input_usd_per_million, price.output_usd_per_million) else {
            let fault = Fault::new("a price needs `input_usd_per_million` and `output_usd_per_million`");
            desk.report.error(&path, fault.help("0 where nothing is paid"));
            continue;
        };
        let rates = Rates {
            input: rate(input),
            output: rate(output),
            cache_read: price.cache_read_usd_per_million.map(rate),
            cache_write: price.cache_write_usd_per_million.map(rate),
            reasoning: price.reasoning_usd_per_million.map(rate),
            ..Rates::default()
        };
        prices.push(OwnPrice { provider: provider.to_owned(), model: model.to_owned(), rates });
    }
    prices
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
