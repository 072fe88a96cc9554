//! Decisions as bytes, behind the tries of their call: most calls have none, and then there is nothing.

use super::attempts::{put_deployment, read_deployment};
use super::fields::{Coded, code, optional, read_optional};
use paceline_stats::pack::{self, Reader};
use paceline_types::decision::{Decision, Predicted, Refusal, Scored, Strategy, Weights};
use paceline_types::record::CallRecord;
use std::sync::Arc;

impl Coded for Strategy {
    const ALL: &'static [Self] = &Strategy::ALL;
}

impl Coded for Refusal {
    const ALL: &'static [Self] = &Refusal::ALL;
}

const ESCALATED: u64 = 1;
const HAS_CONFIDENCE: u64 = 1 << 1;
/// The number of the strategy lies above these flags, and below the next.
const STRATEGY: u32 = 2;
const HAS_PREDICTED: u64 = 1 << 8;

fn put_number(out: &mut Vec<u8>, number: f32) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn number(reader: &mut Reader<'_>) -> Option<f32> {
    let bytes = [reader.byte()?, reader.byte()?, reader.byte()?, reader.byte()?];
    Some(f32::from_le_bytes(bytes))
}

/// Appends the decision of a record, where it has one. Its route is a column of its own.
pub(crate) fn put(out: &mut Vec<u8>, record: &CallRecord) {
    let Some(decision) = &record.decision else { return };
    let flags = (u64::from(decision.escalated) * ESCALATED)
        | (u64::from(decision.confidence.is_some()) * HAS_CONFIDENCE)
        | (u64::from(decision.predicted.is_some()) * HAS_PREDICTED);
    pack::put(out, flags | (code(decision.strategy) << STRATEGY));
    let Weights { latency, quality, cost } = decision.weights;
    for weight in [latency, quality, cost, decision.propensity] {
        put_number(out, weight);
    }
    if let Some(confidence) = decision.confidence {
        put_number(out, confidence);
    }
    if let Some(Predicted { router, task, quality }) = &decision.predicted {
        out.extend_from_slice(&router.to_le_bytes());
        pack::put_bytes(out, task.as_deref().unwrap_or_default().as_bytes());
        put_number(out, *quality);
    }
    for count in [u64::from(decision.chosen), decision.input_tokens.into(), decision.output_tokens.into()] {
        pack::put(out, count);
    }
    pack::put(out, decision.candidates.len() as u64);
    for one in &decision.candidates {
        put_deployment(out, &one.deployment);
        for value in [one.score, one.latency, one.quality, one.cost, one.reliability, one.expected_latency_ms]
        {
            put_number(out, value);
        }
        put_number(out, one.expected_cost_usd.unwrap_or(f32::NAN));
        put_number(out, one.expected_quality);
        one.spread.iter().for_each(|spread| put_number(out, *spread));
    }
    pack::put(out, decision.rejected.len() as u64);
    for (deployment, why) in &decision.rejected {
        put_deployment(out, deployment);
        pack::put(out, optional(Some(*why)));
    }
}

/// The decision of a call that has a route; `None` when the bytes are none.
pub(crate) fn read(reader: &mut Reader<'_>, route: &str) -> Option<Decision> {
    let head = reader.number()?;
    let weights = Weights { latency: number(reader)?, quality: number(reader)?, cost: number(reader)? };
    let propensity = number(reader)?;
    let confidence = if head & HAS_CONFIDENCE == 0 { None } else { Some(number(reader)?) };
    let predicted = if head & HAS_PREDICTED == 0 { None } else { Some(predicted(reader)?) };
    let (chosen, input, output) = (reader.number()?, reader.number()?, reader.number()?);
    let candidates = (0..reader.count()?).map(|_| scored(reader)).collect::<Option<_>>()?;
    let rejected = (0..reader.count()?).map(|_| {
        let deployment = Arc::new(read_deployment(reader)?);
        Some((deployment, read_optional(reader.number()?).unwrap_or(Refusal::LeftAlone)))
    });
    Some(Decision {
        route: route.into(),
        strategy: Strategy::of((head & (HAS_PREDICTED - 1)) >> STRATEGY).unwrap_or_default(),
        weights,
        candidates,
        rejected: rejected.collect::<Option<_>>()?,
        chosen: u16::try_from(chosen).ok()?,
        propensity,
        confidence,
        input_tokens: input as u32,
        output_tokens: output as u32,
        escalated: head & ESCALATED != 0,
        predicted,
    })
}

fn predicted(reader: &mut Reader<'_>) -> Option<Predicted> {
    let router = u64::from_le_bytes(reader.take(8)?.try_into().ok()?);
    let task = Some(reader.text()?).filter(|task| !task.is_empty()).map(Into::into);
    Some(Predicted { router, task, quality: number(reader)? })
}

fn scored(reader: &mut Reader<'_>) -> Option<Scored> {
    Some(Scored {
        deployment: Arc::new(read_deployment(reader)?),
        score: number(reader)?,
        latency: number(reader)?,
        quality: number(reader)?,
        cost: number(reader)?,
        reliability: number(reader)?,
        expected_latency_ms: number(reader)?,
        expected_cost_usd: Some(number(reader)?).filter(|usd| !usd.is_nan()),
        expected_quality: number(reader)?,
        spread: [number(reader)?, number(reader)?, number(reader)?],
    })
}
