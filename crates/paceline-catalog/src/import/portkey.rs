//! Portkey's price files: one a provider, an object a model, US cents per token.

use super::{List, json};
use crate::document::Problem;
use crate::overlay::{CardOverlay, Overlay, RatesOverlay};
use paceline_types::price::RateUnit;

const UNIT: RateUnit = RateUnit::CentsPerToken;

pub(super) fn read(list: &mut List<'_>, service: &str) -> Result<(), Problem> {
    let text = list.text;
    for (id, value) in json::object(text, text)? {
        // Zeros that stand for whatever has no price.
        if id == "default" {
            continue;
        }
        match json::object(text, value.get()) {
            Ok(fields) => model(list, service, &id, value.get(), &fields),
            Err(_) => list.fault(value.get(), format!("`{id}` is no object; left out")),
        }
    }
    Ok(())
}

fn model(list: &mut List<'_>, service: &str, id: &str, part: &str, fields: &json::Fields<'_>) {
    let pricing = json::inner(fields, "pricing_config");
    let currency = json::text(&pricing, "currency");
    if let Some(currency) = currency.filter(|currency| !currency.eq_ignore_ascii_case("USD")) {
        return list.fault(part, format!("`{id}`: prices in {currency}; left out"));
    }
    let stated = Overlay { service: service.to_owned(), id: id.to_owned(), ..Overlay::default() };
    let standard = rates(list, id, &json::inner(&pricing, "pay_as_you_go"));
    if standard.input.is_none() && standard.output.is_none() {
        return list.add(part, stated, None);
    }
    let batch = rates(list, id, &json::inner(&pricing, "batch_config"));
    let batch = (batch.input.is_some() && batch.output.is_some())
        .then_some(CardOverlay { rates: batch, above: None });
    list.add(part, stated, Some((CardOverlay { rates: standard, above: None }, batch)));
}

fn rates(list: &mut List<'_>, id: &str, units: &json::Fields<'_>) -> RatesOverlay {
    let additional = json::inner(units, "additional_units");
    let mut rate = |units: &json::Fields<'_>, name: &str| {
        let unit = json::inner(units, name);
        list.rate(id, name, json::number(&unit, "price"), UNIT)
    };
    RatesOverlay {
        input: rate(units, "request_token"),
        output: rate(units, "response_token"),
        cache_read: rate(units, "cache_read_input_token"),
        cache_write: rate(units, "cache_write_input_token"),
        cache_write_1h: rate(&additional, "cache_write_1h"),
        reasoning: rate(&additional, "thinking_token"),
        input_audio: rate(units, "request_audio_token").or(rate(&additional, "request_audio_token")),
        output_audio: rate(units, "response_audio_token").or(rate(&additional, "response_audio_token")),
    }
}
