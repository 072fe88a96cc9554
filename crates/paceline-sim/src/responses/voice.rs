//! A response, whole and as numbered events.

use crate::{
    call::{Claim, Mark, Part},
    fault::Flag,
    generate::{
        Told, Voice,
        answer::{Choice, Finish, Token},
        blocks::{Block, Blocks},
        content,
        events::{Event, Framing},
        quiet,
    },
};
use serde_json::{Value, json};

/// Settings of the request that the response repeats, and what they are when nothing was said.
const REPEATED: [(&str, &str); 12] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("store", "true"),
    ("temperature", "1.0"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_p", "1.0"),
];

/// Tells responses.
pub(crate) struct Response {
    base: Value,
    id: String,
    sequence: u64,
    blocks: Blocks,
    output: Vec<Value>,
}

impl Response {
    pub(crate) fn new(told: &Told, asked: &Value) -> Self {
        let id = format!("resp_sim{:016x}", told.answer.id);
        let mut base = json!({
            "id": id, "object": "response", "created_at": told.created_ms / 1_000, "model": told.model,
            "status": "in_progress", "background": false, "error": null, "incomplete_details": null,
            "output": [], "service_tier": "default", "truncation": "disabled", "usage": null,
        });
        for (key, usual) in REPEATED {
            let said = asked.get(key).filter(|value| !value.is_null()).cloned();
            base[key] = said.or_else(|| serde_json::from_str(usual).ok()).unwrap_or_default();
        }
        Self { base, id, sequence: 0, blocks: Blocks::default(), output: Vec::new() }
    }

    /// Its name.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    fn event(&mut self, name: &'static str, mut data: Value, mark: Mark) -> Event {
        data["sequence_number"] = json!(self.sequence);
        self.sequence += 1;
        Event::typed(name, &data, mark)
    }

    /// The item of a block, as it is when it is complete.
    fn item(told: &Told, block: Block) -> Value {
        let choice = &told.answer.choices[0];
        let id = item_id(told, block);
        match block.part {
            Part::Reasoning => {
                let shown = told.thoughts_shown.then(|| summary(&choice.reasoning.concat()));
                json!({"id": id, "type": "reasoning", "summary": Vec::from_iter(shown)})
            }
            Part::Text => {
                let part = text_part(&choice.text.concat());
                json!({"id": id, "type": "message", "status": status(choice),
                    "role": "assistant", "content": [part]})
            }
            Part::ToolArguments => {
                let call = &choice.tools[block.tool];
                json!({"id": id, "type": "function_call", "status": "completed",
                    "call_id": call.id, "name": call.name, "arguments": call.arguments.concat()})
            }
        }
    }

    fn open(&mut self, told: &Told, block: Block) -> Vec<Event> {
        let mut item = Self::item(told, block);
        let mark = if block.part == Part::ToolArguments { content() } else { quiet() };
        let part = match block.part {
            Part::Text => Some(("response.content_part.added", text_part(""), "content_index")),
            Part::Reasoning if told.thoughts_shown => {
                Some(("response.reasoning_summary_part.added", summary(""), "summary_index"))
            }
            Part::Reasoning | Part::ToolArguments => None,
        };
        match block.part {
            Part::Reasoning => item["summary"] = json!([]),
            Part::Text => item["content"] = json!([]),
            Part::ToolArguments => item["arguments"] = json!(""),
        }
        if block.part != Part::Reasoning {
            item["status"] = json!("in_progress");
        }
        let added = json!({"output_index": block.index, "item": item});
        let mut events = vec![self.event("response.output_item.added", added, mark)];
        if let Some((name, part, index)) = part {
            let mut data = place(told, block);
            data["part"] = part;
            data[index] = json!(0);
            events.push(self.event(name, data, quiet()));
        }
        events
    }

    fn close(&mut self, told: &Told, block: Option<Block>) -> Vec<Event> {
        let Some(block) = block else { return Vec::new() };
        let item = Self::item(told, block);
        let place = place(told, block);
        let with = |fields: Value| {
            let mut data = place.clone();
            for (key, value) in fields.as_object().into_iter().flatten() {
                data[key] = value.clone();
            }
            data
        };
        let mut events = Vec::new();
        match block.part {
            Part::Text => {
                let part = &item["content"][0];
                let done = with(json!({"content_index": 0, "text": part["text"], "logprobs": []}));
                events.push(self.event("response.output_text.done", done, quiet()));
                let done = with(json!({"content_index": 0, "part": part}));
                events.push(self.event("response.content_part.done", done, quiet()));
            }
            Part::Reasoning if told.thoughts_shown => {
                let part = &item["summary"][0];
                let done = with(json!({"summary_index": 0, "text": part["text"]}));
                events.push(self.event("response.reasoning_summary_text.done", done, quiet()));
                let done = with(json!({"summary_index": 0, "part": part}));
                events.push(self.event("response.reasoning_summary_part.done", done, quiet()));
            }
            Part::Reasoning => {}
            Part::ToolArguments => {
                let done = with(json!({"arguments": item["arguments"], "name": item["name"]}));
                events.push(self.event("response.function_call_arguments.done", done, quiet()));
            }
        }
        let done = json!({"output_index": block.index, "item": item});
        events.push(self.event("response.output_item.done", done, quiet()));
        self.output.push(item);
        events
    }

    /// The response as it is at its end.
    fn done(&self, told: &Told) -> (Value, Option<Claim>) {
        let choice = &told.answer.choices[0];
        let mut response = self.base.clone();
        response["output"] = json!(self.output);
        response["status"] = json!(status(choice));
        match choice.finish {
            Finish::Length => response["incomplete_details"] = json!({"reason": "max_output_tokens"}),
            Finish::Blocked => response["incomplete_details"] = json!({"reason": "content_filter"}),
            Finish::Stop | Finish::StopText | Finish::Tools => {}
        }
        let claim = told.usage_told().then(|| claim(told));
        if let Some(claim) = &claim {
            response["usage"] = claim.raw.clone();
        }
        (response, claim)
    }
}

impl Voice for Response {
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn whole(&mut self, told: &Told) -> (String, Option<Claim>) {
        let choice = &told.answer.choices[0];
        let mut blocks = Blocks::default();
        let opened =
            (0..choice.tokens()).filter_map(|step| choice.token(step)).map(|token| blocks.turn(token));
        let opened = opened.filter(|turn| turn.opens).map(|turn| Self::item(told, turn.block)).collect();
        self.output = opened;
        let (response, claim) = self.done(told);
        (response.to_string(), claim)
    }

    fn finish_name(&self, choice: &Choice) -> &'static str {
        status(choice)
    }

    fn begin(&mut self, _told: &Told) -> Vec<Event> {
        ["response.created", "response.in_progress"]
            .into_iter()
            .map(|name| {
                let data = json!({"response": self.base});
                self.event(name, data, quiet())
            })
            .collect()
    }

    fn token(&mut self, told: &Told, index: usize, token: Token<'_>) -> Vec<Event> {
        let turn = self.blocks.turn(token);
        let mut events = self.close(told, turn.closed);
        if turn.opens {
            events.extend(self.open(told, turn.block));
        }
        let mut data = place(told, turn.block);
        data["delta"] = json!(token.text);
        let name = match token.part {
            Part::Text => {
                data["content_index"] = json!(0);
                data["logprobs"] = json!([]);
                "response.output_text.delta"
            }
            Part::Reasoning if told.thoughts_shown => {
                data["summary_index"] = json!(0);
                "response.reasoning_summary_text.delta"
            }
            // Counted, but not told.
            Part::Reasoning => return events,
            Part::ToolArguments => "response.function_call_arguments.delta",
        };
        events.push(self.event(name, data, Told::mark(index, token)));
        events
    }

    fn finish(&mut self, told: &Told, _index: usize, _last: bool) -> Vec<Event> {
        let open = self.blocks.close();
        self.close(told, open)
    }

    fn end(&mut self, told: &Told) -> Vec<Event> {
        if told.fault.has(Flag::NoFinish) {
            return Vec::new();
        }
        let status = status(&told.answer.choices[0]);
        let name = if status == "completed" { "response.completed" } else { "response.incomplete" };
        let (response, usage) = self.done(told);
        let mark = Mark { finish: vec![(0, status)], usage, ..quiet() };
        let event = self.event(name, json!({"response": response}), mark);
        told.end_mark(event)
    }

    /// Before anything was said the request fails, later the response does.
    fn error(&mut self, told: &Told, contents: u64) -> Event {
        let code = told.fault.code.as_deref().unwrap_or("server_error");
        let message = "The server had an error while processing your request.";
        if contents == 0 {
            let data = json!({"code": code, "message": message, "param": null});
            return self.event("error", data, quiet());
        }
        let mut response = self.base.clone();
        response["status"] = json!("failed");
        response["output"] = json!(self.output);
        response["error"] = json!({"code": code, "message": message});
        self.event("response.failed", json!({"response": response}), quiet())
    }
}

fn item_id(told: &Told, block: Block) -> String {
    let kind = match block.part {
        Part::Reasoning => "rs",
        Part::Text => "msg",
        Part::ToolArguments => "fc",
    };
    format!("{kind}_{:016x}{:04x}", told.answer.id, block.index)
}

fn place(told: &Told, block: Block) -> Value {
    json!({"item_id": item_id(told, block), "output_index": block.index})
}

fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn summary(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

fn status(choice: &Choice) -> &'static str {
    match choice.finish {
        Finish::Stop | Finish::StopText | Finish::Tools => "completed",
        Finish::Length | Finish::Blocked => "incomplete",
    }
}

fn claim(told: &Told) -> Claim {
    let tokens = told.answer.tokens();
    let mut cached = json!({"cached_tokens": tokens.cache_read});
    if tokens.cache_write > 0 {
        cached["cache_write_tokens"] = json!(tokens.cache_write);
    }
    told.claim(json!({
        "input_tokens": tokens.input_total, "input_tokens_details": cached,
        "output_tokens": tokens.output_total,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input_total + tokens.output_total,
    }))
}
