//! What OpenRouter answers to `/models`: a list of models, US dollars per token, as strings.

use super::{List, json};
use crate::document::Problem;
use crate::overlay::{CardOverlay, Overlay, RatesOverlay};
use crate::words::{Capability, Modality, Set, Word};
use paceline_types::price::RateUnit;
use paceline_types::time::Timestamp;

const UNIT: RateUnit = RateUnit::UsdPerToken;

pub(super) fn read(list: &mut List<'_>) -> Result<(), Problem> {
    let text = list.text;
    let top = json::object(text, text)?;
    for value in json::array(text, json::field(&top, "data").unwrap_or("[]"))? {
        match json::object(text, value.get()) {
            Ok(fields) => model(list, value.get(), &fields),
            Err(_) => list.fault(value.get(), "this is no model; left out"),
        }
    }
    Ok(())
}

fn model(list: &mut List<'_>, part: &str, fields: &json::Fields<'_>) {
    let Some(id) = json::text(fields, "id") else {
        return list.fault(part, "a model without `id`; left out");
    };
    let architecture = json::inner(fields, "architecture");
    let parameters = json::texts(fields, "supported_parameters");
    let has = |name: &str| parameters.iter().any(|parameter| parameter == name);
    let can = [
        (Capability::Tools, has("tools")),
        (Capability::StructuredOutput, has("structured_outputs")),
        (Capability::Reasoning, has("reasoning")),
    ];
    let created = json::number(fields, "created").and_then(|text| text.parse::<i64>().ok());
    let released = created.filter(|seconds| (0..=32_503_680_000).contains(seconds));
    let stated = Overlay {
        service: "openrouter".into(),
        id: id.clone(),
        name: json::text(fields, "name"),
        released: released.map(|seconds| Timestamp::from_millis(seconds * 1000).rfc3339()[..10].to_owned()),
        context: json::tokens(fields, "context_length"),
        max_output: json::tokens(&json::inner(fields, "top_provider"), "max_completion_tokens"),
        takes: modalities(&json::texts(&architecture, "input_modalities")),
        gives: modalities(&json::texts(&architecture, "output_modalities")),
        can: Some(can.into_iter().filter(|(_, can)| *can).map(|(word, _)| word).collect()),
        ..Overlay::default()
    };
    let pricing = json::inner(fields, "pricing");
    // -1 means that the price depends on which model is chosen.
    let varies = json::number(&pricing, "prompt").is_none_or(|price| price.starts_with('-'));
    if varies {
        return list.add(part, stated, None);
    }
    if let Some(fee) =
        json::number(&pricing, "request").filter(|fee| fee.bytes().any(|b| (b'1'..=b'9').contains(&b)))
    {
        list.fault(fee, format!("`{id}`: a fee of {fee} USD for each request is left out"));
    }
    let rates = rates(list, &id, &pricing);
    list.add(part, stated, Some((CardOverlay { rates, above: None }, None)));
}

fn rates(list: &mut List<'_>, id: &str, pricing: &json::Fields<'_>) -> RatesOverlay {
    let mut rate = |name: &str| list.rate(id, name, json::number(pricing, name), UNIT);
    RatesOverlay {
        input: rate("prompt"),
        output: rate("completion"),
        cache_read: rate("input_cache_read"),
        cache_write: rate("input_cache_write"),
        cache_write_1h: rate("input_cache_write_1h"),
        reasoning: rate("internal_reasoning"),
        input_audio: rate("audio"),
        output_audio: rate("audio_output"),
    }
}

fn modalities(words: &[String]) -> Option<Set<Modality>> {
    let known = |word: &String| if word == "file" { Some(Modality::Pdf) } else { Modality::read(word) };
    (!words.is_empty()).then(|| words.iter().filter_map(known).collect())
}
