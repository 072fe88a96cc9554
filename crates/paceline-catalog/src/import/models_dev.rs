//! models.dev, as the JSON of its `api.json` or as CSV: US dollars per million tokens.

use super::{List, csv, json};
use crate::document::Problem;
use crate::entry::{Status, is_date};
use crate::overlay::{CardOverlay, Overlay, RatesOverlay};
use crate::service::canonical;
use crate::words::{Capability, Modality, Set, Word};
use paceline_types::price::RateUnit;

const UNIT: RateUnit = RateUnit::UsdPerMillion;

/// Whether a line is the head of the CSV form.
pub(super) fn is_head(line: &str) -> bool {
    line.starts_with("provider,") && line.split(',').any(|name| name.trim() == "input")
}

pub(super) fn read_json(list: &mut List<'_>) -> Result<(), Problem> {
    let text = list.text;
    for (provider, value) in json::object(text, text)? {
        let Ok(fields) = json::object(text, value.get()) else {
            list.fault(value.get(), format!("`{provider}` is no provider; left out"));
            continue;
        };
        let models = json::field(&fields, "models").unwrap_or("{}");
        let Ok(models) = json::object(text, models) else {
            list.fault(models, format!("`{provider}`: its models cannot be read; left out"));
            continue;
        };
        for (id, value) in models {
            match json::object(text, value.get()) {
                Ok(fields) => model(list, &provider, &id, value.get(), &fields),
                Err(_) => list.fault(value.get(), format!("`{provider}/{id}` is no model; left out")),
            }
        }
    }
    Ok(())
}

fn model(list: &mut List<'_>, provider: &str, id: &str, part: &str, fields: &json::Fields<'_>) {
    let limit = json::inner(fields, "limit");
    let modalities = json::inner(fields, "modalities");
    let can = [
        (Capability::Tools, json::is_true(fields, "tool_call")),
        (Capability::StructuredOutput, json::is_true(fields, "structured_output")),
        (Capability::Reasoning, json::is_true(fields, "reasoning")),
    ];
    let stated = Overlay {
        service: canonical(provider).to_owned(),
        id: id.to_owned(),
        name: json::text(fields, "name"),
        family: json::text(fields, "family"),
        status: json::text(fields, "status").and_then(|status| Status::read(&status)),
        released: json::text(fields, "release_date").filter(|date| is_date(date)),
        context: json::tokens(&limit, "context"),
        max_output: json::tokens(&limit, "output"),
        takes: words(json::texts(&modalities, "input").iter().map(String::as_str)),
        gives: words(json::texts(&modalities, "output").iter().map(String::as_str)),
        can: Some(can.into_iter().filter(|(_, can)| *can).map(|(word, _)| word).collect()),
        ..Overlay::default()
    };
    let cost = json::inner(fields, "cost");
    let rates = rates(list, id, &cost);
    if rates.input.is_none() && rates.output.is_none() {
        return list.add(part, stated, None);
    }
    let mut above = tiers(list, id, &cost);
    if above.is_empty() && json::field(&cost, "context_over_200k").is_some() {
        above.push((200_000, self::rates(list, id, &json::inner(&cost, "context_over_200k"))));
    }
    let card = CardOverlay { rates, above: (!above.is_empty()).then_some(above) };
    list.add(part, stated, Some((card, None)));
}

fn rates(list: &mut List<'_>, id: &str, cost: &json::Fields<'_>) -> RatesOverlay {
    let mut rate = |name: &str| list.rate(id, name, json::number(cost, name), UNIT);
    RatesOverlay {
        input: rate("input"),
        output: rate("output"),
        cache_read: rate("cache_read"),
        cache_write: rate("cache_write"),
        cache_write_1h: None,
        reasoning: rate("reasoning"),
        input_audio: rate("input_audio"),
        output_audio: rate("output_audio"),
    }
}

/// Nested prices by length of the prompt; other kinds of tiers are noted and left out.
fn tiers(list: &mut List<'_>, id: &str, cost: &json::Fields<'_>) -> Vec<(u64, RatesOverlay)> {
    let Some(part) = json::field(cost, "tiers") else { return Vec::new() };
    let mut out = Vec::new();
    for value in json::array(part, part).unwrap_or_default() {
        let fields = json::object(part, value.get()).unwrap_or_default();
        let tier = json::inner(&fields, "tier");
        let by_length = json::text(&tier, "type").is_none_or(|kind| kind == "context");
        match json::tokens(&tier, "size").filter(|_| by_length) {
            Some(size) => out.push((size, rates(list, id, &fields))),
            None => list.fault(part, format!("`{id}`: a tier that is not by length of the prompt; left out")),
        }
    }
    out.sort_by_key(|(size, _)| *size);
    out
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> Option<Set<Modality>> {
    let set: Set<Modality> = words.filter_map(Modality::read).collect();
    (!set.is_empty()).then_some(set)
}

pub(super) fn read_csv(list: &mut List<'_>) {
    let Some((_, head, mut rest)) = csv::record(list.text) else { return };
    let head: Vec<String> = head.iter().map(|name| name.trim().to_owned()).collect();
    while let Some((part, fields, after)) = csv::record(rest) {
        rest = after;
        if part.trim().is_empty() {
            continue;
        }
        if fields.len() == head.len() {
            row(list, part, &Row { head: &head, fields: &fields });
        } else {
            list.fault(part, format!("{} fields where the head has {}; left out", fields.len(), head.len()));
        }
    }
}

/// A line of the CSV form.
struct Row<'a> {
    head: &'a [String],
    fields: &'a [std::borrow::Cow<'a, str>],
}

impl Row<'_> {
    /// A field's text; `None` where it is empty or not in the head.
    fn get(&self, name: &str) -> Option<&str> {
        let at = self.head.iter().position(|head| head == name)?;
        self.fields.get(at).map(|field| field.trim()).filter(|field| !field.is_empty())
    }

    fn tokens(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok().filter(|tokens| *tokens > 0)
    }

    fn words(&self, name: &str) -> Option<Set<Modality>> {
        words(self.get(name)?.split('+'))
    }
}

fn row(list: &mut List<'_>, part: &str, row: &Row<'_>) {
    let id = row.get("id").unwrap_or_default();
    let can = [
        (Capability::Tools, "tools"),
        (Capability::StructuredOutput, "structured_output"),
        (Capability::Reasoning, "reasoning"),
    ];
    let can = can
        .into_iter()
        .filter(|(_, name)| row.get(name).is_some_and(|text| text.eq_ignore_ascii_case("true")));
    let stated = Overlay {
        service: canonical(row.get("provider").unwrap_or_default()).to_owned(),
        id: id.to_owned(),
        name: row.get("name").map(str::to_owned),
        family: row.get("family").map(str::to_owned),
        status: row.get("status").and_then(Status::read),
        released: row.get("release_date").filter(|date| is_date(date)).map(str::to_owned),
        context: row.tokens("context"),
        max_output: row.tokens("max_output"),
        takes: row.words("modalities_in"),
        gives: row.words("modalities_out"),
        can: Some(can.map(|(word, _)| word).collect()),
        ..Overlay::default()
    };
    let mut rate = |name: &str| list.rate(id, name, row.get(name), UNIT);
    let rates = RatesOverlay {
        input: rate("input"),
        output: rate("output"),
        cache_read: rate("cache_read"),
        cache_write: rate("cache_write"),
        cache_write_1h: None,
        reasoning: rate("reasoning_cost"),
        input_audio: rate("input_audio"),
        output_audio: rate("output_audio"),
    };
    if rates.input.is_none() && rates.output.is_none() {
        return list.add(part, stated, None);
    }
    let nested = row.get("tiers").map(|text| json::object(text, text).unwrap_or_default());
    let above = nested.map(|fields| tiers(list, id, &fields)).filter(|tiers| !tiers.is_empty());
    list.add(part, stated, Some((CardOverlay { rates, above }, None)));
}
