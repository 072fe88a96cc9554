//! Ollama's chat answers: one JSON object, or one a line.

use crate::{
    call::{Claim, Mark, Part, Tokens},
    fault::Flag,
    generate::{
        Told, Voice,
        answer::{Choice, Finish, Token},
        events::{Event, Framing},
        quiet,
    },
    httpdate,
};
use serde_json::{Value, json};

/// Nanoseconds of a millisecond.
const MS: f64 = 1_000_000.0;

/// Tells messages.
pub(crate) struct Lines {
    created_at: String,
}

impl Lines {
    pub(crate) fn new(told: &Told) -> Self {
        let seconds = httpdate::rfc3339((told.created_ms / 1_000) as i64);
        let created_at = seconds.replace('Z', &format!(".{:03}000000Z", told.created_ms % 1_000));
        Self { created_at }
    }

    fn line(&self, told: &Told, message: &Value) -> Value {
        json!({"model": told.model, "created_at": self.created_at, "message": message, "done": false})
    }

    fn event(&self, told: &Told, mut message: Value, mark: Mark) -> Event {
        message["role"] = json!("assistant");
        Event::new(self.line(told, &message).to_string(), mark)
    }

    /// Ends the last object: why, how long everything took, and how much it was.
    fn close(&self, told: &Told, last: &mut Value) -> Option<Claim> {
        last["done"] = json!(true);
        if !told.fault.has(Flag::NoFinish) {
            last["done_reason"] = json!(self.finish_name(&told.answer.choices[0]));
        }
        let (first, total) = (told.first_ms * MS, told.total_ms * MS);
        let spans = [("total_duration", total + MS), ("load_duration", MS), ("prompt_eval_duration", first)];
        for (key, nanoseconds) in spans {
            last[key] = json!(nanoseconds.round() as u64);
        }
        last["eval_duration"] = json!((total - first).max(MS).round() as u64);
        if !told.usage_told() {
            return None;
        }
        let tokens = told.answer.tokens();
        // What was still in memory is not evaluated again, and not counted.
        let evaluated = tokens.input_total - tokens.cache_read;
        let raw = json!({"prompt_eval_count": evaluated, "eval_count": tokens.output_total});
        for (key, count) in raw.as_object().into_iter().flatten() {
            last[key] = count.clone();
        }
        let tokens = Tokens {
            input_total: evaluated,
            output_total: tokens.output_total,
            reasoning: 0,
            ..Tokens::default()
        };
        Some(Claim { raw, tokens })
    }
}

impl Voice for Lines {
    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn whole(&mut self, told: &Told) -> (String, Option<Claim>) {
        let choice = &told.answer.choices[0];
        let mut message = json!({"role": "assistant", "content": choice.text.concat()});
        if !choice.reasoning.is_empty() {
            message["thinking"] = json!(choice.reasoning.concat());
        }
        if !choice.tools.is_empty() {
            message["tool_calls"] = (0..choice.tools.len()).map(|tool| call(choice, tool)).collect();
        }
        let mut body = self.line(told, &message);
        let claim = self.close(told, &mut body);
        (body.to_string(), claim)
    }

    fn finish_name(&self, choice: &Choice) -> &'static str {
        if choice.finish == Finish::Length { "length" } else { "stop" }
    }

    fn begin(&mut self, _told: &Told) -> Vec<Event> {
        Vec::new()
    }

    fn token(&mut self, told: &Told, index: usize, token: Token<'_>) -> Vec<Event> {
        let mark = Told::mark(index, token);
        match token.part {
            Part::Text => vec![self.event(told, json!({"content": token.text}), mark)],
            Part::Reasoning => {
                vec![self.event(told, json!({"content": "", "thinking": token.text}), mark)]
            }
            // Calls come whole.
            Part::ToolArguments if token.closes => {
                let calls = [call(&told.answer.choices[index], token.tool)];
                let message = json!({"content": "", "tool_calls": calls});
                vec![self.event(told, message, told.call_mark(index, token.tool))]
            }
            Part::ToolArguments => Vec::new(),
        }
    }

    fn finish(&mut self, _told: &Told, _index: usize, _last: bool) -> Vec<Event> {
        Vec::new()
    }

    fn end(&mut self, told: &Told) -> Vec<Event> {
        let mut last = self.line(told, &json!({"role": "assistant", "content": ""}));
        let usage = self.close(told, &mut last);
        let finish = (0, self.finish_name(&told.answer.choices[0]));
        let finish = if told.fault.has(Flag::NoFinish) { Vec::new() } else { vec![finish] };
        told.end_mark(Event::new(last.to_string(), Mark { finish, usage, ..quiet() }))
    }

    fn error(&mut self, _told: &Told, _contents: u64) -> Event {
        Event::new(json!({"error": super::usual(500)}).to_string(), quiet())
    }
}

fn call(choice: &Choice, tool: usize) -> Value {
    let call = &choice.tools[tool];
    json!({"function": {"name": call.name, "arguments": call.input()}})
}
