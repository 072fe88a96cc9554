//! What is known: the answers of the admin API, folded one by one.

use super::filter::Filter;
use super::read::{list, text};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;

/// Calls that can be looked at; older ones are asked for with a filter.
const CALLS_AT_MOST: usize = 500;

/// What the admin API is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Ready,
    Summary,
    Series,
    Costs,
    Limits,
    Keys,
    Errors,
    Calls,
    Metrics,
}

impl Question {
    pub(super) const ALL: [Self; 9] = [
        Self::Ready,
        Self::Summary,
        Self::Series,
        Self::Costs,
        Self::Limits,
        Self::Keys,
        Self::Errors,
        Self::Calls,
        Self::Metrics,
    ];
}

/// What may happen.
#[derive(Debug)]
pub(super) enum News {
    /// How things are now.
    Pulse(Value),
    /// Calls that have ended, the oldest first, and how many were left out.
    Ended(Value),
    /// An answer.
    Answer(Question, Value),
    /// A question was not answered, in words.
    Refused(String),
    /// Nothing comes any more, in words; it is tried again.
    Lost(String),
    /// The process is told to end.
    Stop,
}

/// All that is known of one Paceline.
#[derive(Debug, Default)]
pub(super) struct Data {
    /// Where it is.
    pub(super) url: String,
    /// Why nothing comes, where that is so.
    pub(super) lost: Option<String>,
    /// Why the last question was not answered.
    pub(super) refused: Option<String>,
    /// The last pulse of `/v1/live`.
    pub(super) pulse: Value,
    pub(super) ready: Value,
    pub(super) summary: Value,
    pub(super) series: Value,
    pub(super) costs: Value,
    pub(super) limits: Value,
    pub(super) keys: Value,
    /// The last calls without an answer.
    pub(super) errors: Value,
    /// Sums of metrics by name.
    pub(super) metrics: Value,
    /// The newest first.
    pub(super) calls: VecDeque<Value>,
    /// Whether calls were asked for and told.
    pub(super) has_calls: bool,
}

impl Data {
    /// Takes in what happened.
    pub(super) fn fold(&mut self, news: News) {
        match news {
            News::Pulse(pulse) => (self.pulse, self.lost) = (pulse, None),
            News::Ended(told) => self.ended(told),
            News::Answer(question, answer) => self.answer(question, answer),
            News::Refused(why) => self.refused = Some(why),
            News::Lost(why) => self.lost = Some(why),
            News::Stop => {}
        }
    }

    fn answer(&mut self, question: Question, answer: Value) {
        self.refused = None;
        match question {
            Question::Ready => self.ready = answer,
            Question::Summary => self.summary = answer,
            Question::Series => self.series = answer,
            Question::Costs => self.costs = answer,
            Question::Limits => self.limits = answer,
            Question::Keys => self.keys = answer,
            Question::Errors => self.errors = answer,
            Question::Metrics => self.metrics = answer,
            Question::Calls => {
                self.calls = list(&answer, "/calls").iter().take(CALLS_AT_MOST).cloned().collect();
                self.has_calls = true;
            }
        }
    }

    fn ended(&mut self, mut told: Value) {
        let Some(calls) = told.get_mut("calls").and_then(Value::as_array_mut) else { return };
        for call in calls.drain(..) {
            // A list that was asked for meanwhile may have it already.
            let is_known = self.calls.iter().take(100).any(|known| known["id"] == call["id"]);
            if !is_known {
                self.calls.push_front(call);
            }
        }
        self.calls.truncate(CALLS_AT_MOST);
    }

    /// The calls that a filter takes, the newest first.
    pub(super) fn calls_like(&self, filter: &Filter) -> Vec<&Value> {
        self.calls.iter().filter(|call| filter.takes_call(call)).collect()
    }

    /// The time there, as a stamp.
    pub(super) fn now(&self) -> &str {
        text(&self.pulse, "/at")
    }

    /// Everything, for machines.
    pub(super) fn json(&self) -> Value {
        let mut all = Map::new();
        let parts = [
            ("live", &self.pulse),
            ("ready", &self.ready),
            ("summary", &self.summary),
            ("series", &self.series),
            ("costs", &self.costs),
            ("limits", &self.limits),
            ("keys", &self.keys["keys"]),
            ("errors", &self.errors["calls"]),
            ("metrics", &self.metrics),
        ];
        all.extend(parts.map(|(name, part)| (name.to_owned(), part.clone())));
        all.insert("calls".into(), json!(self.calls));
        Value::Object(all)
    }
}

#[cfg(test)]
mod tests {
    use super::{CALLS_AT_MOST, Data, News, Question};
    use serde_json::json;

    fn ended(ids: std::ops::Range<usize>) -> News {
        let calls: Vec<_> = ids.map(|id| json!({ "id": id.to_string() })).collect();
        News::Ended(json!({ "calls": calls, "left_out": 0 }))
    }

    #[test]
    fn calls_are_kept_once_the_newest_first_and_not_for_ever() {
        let mut data = Data::default();
        data.fold(News::Answer(Question::Calls, json!({"calls": [{"id": "2"}, {"id": "1"}]})));
        data.fold(ended(2..5));
        let ids: Vec<_> = data.calls.iter().map(|call| call["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["4", "3", "2", "1"]);
        data.fold(ended(10..2000));
        assert_eq!((data.calls.len(), &data.calls[0]["id"]), (CALLS_AT_MOST, &json!("1999")));
    }

    #[test]
    fn a_pulse_ends_the_silence_and_an_answer_the_refusal() {
        let mut data = Data::default();
        data.fold(News::Lost("gone".into()));
        data.fold(News::Refused("no".into()));
        data.fold(News::Answer(Question::Costs, json!({})));
        assert_eq!((data.lost.as_deref(), data.refused.as_deref()), (Some("gone"), None));
        data.fold(News::Pulse(json!({"at": "2026-11-27T01:00:00Z"})));
        assert_eq!((data.lost.as_deref(), data.now()), (None, "2026-11-27T01:00:00Z"));
    }
}
