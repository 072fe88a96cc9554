//! LiteLLM's price file: an object a model, US dollars per token, as floats.

use super::{List, json};
use crate::document::Problem;
use crate::overlay::{CardOverlay, Overlay, RatesOverlay};
use crate::service::canonical;
use crate::words::{Capability, Modality, Set};
use paceline_types::price::RateUnit;

const UNIT: RateUnit = RateUnit::UsdPerToken;

pub(super) fn read(list: &mut List<'_>) -> Result<(), Problem> {
    let text = list.text;
    for (key, value) in json::object(text, text)? {
        if key == "sample_spec" {
            continue;
        }
        match json::object(text, value.get()) {
            Ok(fields) => model(list, &key, value.get(), &fields),
            Err(_) => list.fault(value.get(), format!("`{key}` is no object; left out")),
        }
    }
    Ok(())
}

fn model(list: &mut List<'_>, key: &str, part: &str, fields: &json::Fields<'_>) {
    let Some(provider) = json::text(fields, "litellm_provider") else {
        return list.fault(part, format!("`{key}` names no provider; left out"));
    };
    let service = canonical(&provider);
    // Keys begin with the provider's name at most services: `groq/llama-3.1-8b-instant`.
    let id = match key.split_once('/') {
        Some((first, rest)) if first == provider || canonical(first) == service => rest,
        _ => key,
    };
    let takes = [
        (Modality::Text, true),
        (Modality::Image, json::is_true(fields, "supports_vision")),
        (Modality::Audio, json::is_true(fields, "supports_audio_input")),
        (Modality::Pdf, json::is_true(fields, "supports_pdf_input")),
    ];
    let can = [
        (Capability::Tools, json::is_true(fields, "supports_function_calling")),
        (Capability::StructuredOutput, json::is_true(fields, "supports_response_schema")),
        (Capability::Reasoning, json::is_true(fields, "supports_reasoning")),
    ];
    let mode = json::text(fields, "mode").unwrap_or_default();
    let embeds = mode == "embedding";
    let gives = if embeds { Modality::Embedding } else { Modality::Text };
    let stated = Overlay {
        service: service.to_owned(),
        id: id.to_owned(),
        context: json::tokens(fields, "max_input_tokens"),
        max_output: json::tokens(fields, "max_output_tokens").filter(|_| !embeds),
        takes: Some(takes.into_iter().filter(|(_, takes)| *takes).map(|(word, _)| word).collect()),
        gives: Some(Set::from_iter([gives])),
        can: Some(can.into_iter().filter(|(_, can)| *can).map(|(word, _)| word).collect()),
        ..Overlay::default()
    };
    let Some(standard) = card(list, id, fields) else {
        return list.add(part, stated, None);
    };
    let batch = batch(list, id, fields);
    list.add(part, stated, Some((standard, batch)));
}

/// `None` where no price of tokens is stated.
fn card(list: &mut List<'_>, id: &str, fields: &json::Fields<'_>) -> Option<CardOverlay> {
    let rates = rates(list, id, fields, "");
    let known = rates.input.is_some() || rates.output.is_some();
    known.then(|| CardOverlay { rates, above: tiers(list, id, fields) })
}

fn rates(list: &mut List<'_>, id: &str, fields: &json::Fields<'_>, suffix: &str) -> RatesOverlay {
    let mut rate = |name: &str| {
        let name = format!("{name}{suffix}");
        list.rate(id, &name, json::number(fields, &name), UNIT)
    };
    RatesOverlay {
        input: rate("input_cost_per_token"),
        output: rate("output_cost_per_token"),
        cache_read: rate("cache_read_input_token_cost").or(rate("input_cost_per_token_cache_hit")),
        cache_write: rate("cache_creation_input_token_cost"),
        cache_write_1h: rate("cache_creation_input_token_cost_above_1hr"),
        reasoning: rate("output_cost_per_reasoning_token"),
        input_audio: rate("input_cost_per_audio_token"),
        output_audio: rate("output_cost_per_audio_token"),
    }
}

/// `input_cost_per_token_above_128k_tokens` and the like, by ascending limit; of a limit both prices must be there.
fn tiers(list: &mut List<'_>, id: &str, fields: &json::Fields<'_>) -> Option<Vec<(u64, RatesOverlay)>> {
    let limit =
        |name: &str| name.strip_prefix("input_cost_per_token_above_")?.strip_suffix("k_tokens")?.parse().ok();
    let mut limits: Vec<u64> = fields.iter().filter_map(|(name, _)| limit(name)).collect();
    limits.sort_unstable();
    limits.dedup();
    let tier = |thousands: u64| {
        let rates = rates(list, id, fields, &format!("_above_{thousands}k_tokens"));
        let whole = rates.input.is_some() && rates.output.is_some();
        whole.then_some((thousands.saturating_mul(1000), rates))
    };
    let tiers: Vec<_> = limits.into_iter().filter_map(tier).collect();
    (!tiers.is_empty()).then_some(tiers)
}

fn batch(list: &mut List<'_>, id: &str, fields: &json::Fields<'_>) -> Option<CardOverlay> {
    let rates = rates(list, id, fields, "_batches");
    let whole = rates.input.is_some() && rates.output.is_some();
    whole.then_some(CardOverlay { rates, above: None })
}
