//! An answer of another dialect, written as OpenAI's chunks or as one answer.

use crate::neutral::about::About;
use crate::neutral::citation;
use crate::neutral::collect::{Block, Collected, Gathered};
use crate::neutral::event::{Event, Finish};
use crate::neutral::json::Json;
use crate::neutral::write::{Object, object};
use paceline_types::tokens::Usage;

/// The longest thought that is kept to be told again with its seal, bytes.
const MAX_THOUGHT: usize = 1 << 20;

/// Writes chunks. How a choice ended is told last: some services tell it in every chunk, or before their last words.
#[derive(Debug)]
pub struct Writer {
    about: About,
    /// What every chunk begins with, up to the choices.
    front: String,
    /// What is known of the choices.
    choices: Vec<Told>,
    usage: Option<Usage>,
}

/// What was told of one choice.
#[derive(Debug)]
struct Told {
    choice: u32,
    /// Thought since the last seal, escaped once.
    thought: String,
    /// Calls of tools, and whether anything was said of what they are given.
    tools: Vec<(u32, bool)>,
    finish: Option<Finish>,
}

impl Writer {
    /// A writer for an answer.
    pub fn new(about: About) -> Self {
        Self { about, front: String::new(), choices: Vec::new(), usage: None }
    }

    /// Writes what `event` means to `out`.
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Begin { id, model } => self.begin(id.as_ref(), model.as_ref()),
            Event::Text { choice, text } => self.piece(*choice, "content", text, out),
            Event::Reasoning { choice, text } => {
                let told = self.told(*choice, out);
                if told.thought.len() < MAX_THOUGHT {
                    told.thought.push_str(text.inner());
                }
                self.piece(*choice, "reasoning_content", text, out);
            }
            Event::Signature { choice, signature } => {
                let thought = std::mem::take(&mut self.told(*choice, out).thought);
                let signature = &self.about.sealed(signature).into_owned();
                self.delta(*choice, out, |delta| thinking(delta, &thought, Some(signature)));
            }
            Event::Sealed { choice, data } => self.delta(*choice, out, |delta| sealed(delta, data)),
            Event::Refusal { choice, text } => self.piece(*choice, "refusal", text, out),
            Event::ToolCall { choice, tool, id, name, signature } => {
                self.told(*choice, out).tools.push((*tool, false));
                let made = self.about.tool_id(*tool);
                let id = id.as_ref().map_or(made, |id| id.get().to_owned());
                self.delta(*choice, out, |delta| {
                    delta.array("tool_calls", |list| {
                        list.object(|o| {
                            o.number("index", u64::from(*tool));
                            o.raw("id", &id);
                            o.text("type", "function");
                            o.object("function", |function| {
                                function.json("name", name);
                                function.text("arguments", "");
                            });
                            seal(o, signature.as_ref());
                        });
                    });
                });
            }
            Event::ToolInput { choice, tool, piece } => {
                let tools = &mut self.told(*choice, out).tools;
                if let Some((_, is_given)) = tools.iter_mut().find(|(known, _)| known == tool) {
                    *is_given |= !piece.inner().is_empty();
                    self.input(*choice, *tool, piece, out);
                }
            }
            Event::Citation { choice, json } => {
                let json = citation::for_openai(json);
                self.delta(*choice, out, |delta| delta.array("annotations", |list| list.json(&json)));
            }
            Event::Logprobs { choice, json } => {
                self.chunk(*choice, out, |choice| {
                    choice.raw("delta", "{}");
                    choice.json("logprobs", json);
                    choice.raw("finish_reason", "null");
                });
            }
            Event::Finish { choice, reason, .. } => {
                self.told(*choice, out).finish.get_or_insert(*reason);
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.end(out),
            Event::Failed(_) | Event::Other { .. } => {}
        }
    }

    fn begin(&mut self, id: Option<&Json<'_>>, model: Option<&Json<'_>>) {
        let mut front = String::from("data: {\"id\":");
        front.push_str(id.filter(|id| id.is_string()).map_or(&*self.about.id_json(), Json::get));
        front.push_str(",\"object\":\"chat.completion.chunk\",\"created\":");
        front.push_str(&self.about.created.to_string());
        front.push_str(",\"model\":");
        front.push_str(model.map_or(&*self.about.model_json(), Json::get));
        front.push_str(",\"choices\":[");
        self.front = front;
    }

    /// The piece most answers are made of.
    fn piece(&mut self, choice: u32, key: &str, text: &Json<'_>, out: &mut Vec<u8>) {
        if text.inner().is_empty() {
            return;
        }
        self.told(choice, out);
        out.extend_from_slice(self.front.as_bytes());
        out.extend_from_slice(b"{\"index\":");
        number(out, choice);
        out.extend_from_slice(b",\"delta\":{\"");
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(text.get().as_bytes());
        out.extend_from_slice(b"},\"finish_reason\":null}]}\n\n");
    }

    fn delta(&mut self, choice: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.chunk(choice, out, |choice| {
            choice.object("delta", fill);
            choice.raw("finish_reason", "null");
        });
    }

    fn input(&mut self, choice: u32, tool: u32, piece: &Json<'_>, out: &mut Vec<u8>) {
        self.delta(choice, out, |delta| {
            delta.array("tool_calls", |list| {
                list.object(|o| {
                    o.number("index", u64::from(tool));
                    o.object("function", |function| function.json("arguments", piece));
                });
            });
        });
    }

    fn chunk(&mut self, choice: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.told(choice, out);
        out.extend_from_slice(self.front.as_bytes());
        object(out, |o| {
            o.number("index", u64::from(choice));
            fill(o);
        });
        out.extend_from_slice(b"]}\n\n");
    }

    /// What is known of a choice. Its first chunk says who speaks.
    fn told(&mut self, choice: u32, out: &mut Vec<u8>) -> &mut Told {
        let known = self.choices.iter().position(|told| told.choice == choice);
        let at = known.unwrap_or(self.choices.len());
        if known.is_none() {
            self.role(choice, out);
            self.choices.push(Told { choice, thought: String::new(), tools: Vec::new(), finish: None });
        }
        &mut self.choices[at]
    }

    fn role(&mut self, choice: u32, out: &mut Vec<u8>) {
        if self.front.is_empty() {
            self.begin(None, None);
        }
        out.extend_from_slice(self.front.as_bytes());
        out.extend_from_slice(b"{\"index\":");
        number(out, choice);
        out.extend_from_slice(
            b",\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
        );
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.choices.is_empty() {
            self.told(0, out);
        }
        for at in 0..self.choices.len() {
            let Told { choice, ref mut tools, finish, .. } = self.choices[at];
            let tools = std::mem::take(tools);
            let reason = match finish.unwrap_or(Finish::Stop) {
                Finish::Stop if !tools.is_empty() => Finish::ToolCalls,
                reason => reason,
            };
            // A tool that is given nothing is given an empty object; one whose call was cut is not.
            for (tool, _) in tools.iter().filter(|(_, is_given)| !is_given && reason != Finish::Length) {
                self.input(choice, *tool, &Json::known("\"{}\""), out);
            }
            self.chunk(choice, out, |o| {
                o.raw("delta", "{}");
                o.text("finish_reason", word(reason));
            });
        }
        if let Some(used) = self.usage.filter(|_| self.about.include_usage) {
            out.extend_from_slice(self.front.as_bytes());
            out.extend_from_slice(b"],\"usage\":");
            object(out, |o| usage(&used, o));
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

fn number(out: &mut Vec<u8>, value: u32) {
    if value < 10 {
        out.push(b'0' + value as u8);
    } else {
        out.extend_from_slice(value.to_string().as_bytes());
    }
}

/// The dialect's word for an end.
fn word(reason: Finish) -> &'static str {
    match reason {
        Finish::Stop | Finish::StopText | Finish::Pause => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter => "content_filter",
        Finish::Failed => "error",
    }
}

fn seal(o: &mut Object<'_>, signature: Option<&Json<'_>>) {
    if let Some(signature) = signature {
        o.object("extra_content", |extra| {
            extra.object("google", |google| google.json("thought_signature", signature));
        });
    }
}

/// Thought with its seal, so that a caller can give it back as it was.
fn thinking(delta: &mut Object<'_>, thought: &str, signature: Option<&Json<'_>>) {
    delta.array("thinking_blocks", |list| {
        list.object(|o| {
            o.text("type", "thinking");
            o.raw("thinking", &format!("\"{thought}\""));
            o.maybe("signature", signature);
        });
    });
}

fn sealed(delta: &mut Object<'_>, data: &Json<'_>) {
    delta.array("thinking_blocks", |list| {
        list.object(|o| {
            o.text("type", "redacted_thinking");
            o.json("data", data);
        });
    });
}

/// Writes the usage object's members.
pub fn usage(usage: &Usage, o: &mut Object<'_>) {
    o.number("prompt_tokens", usage.input_tokens);
    o.number("completion_tokens", usage.output_tokens);
    o.number("total_tokens", usage.input_tokens.saturating_add(usage.output_tokens));
    o.object("prompt_tokens_details", |details| {
        details.number("cached_tokens", usage.cache_read_tokens);
        if usage.cache_write_tokens > 0 {
            details.number("cache_write_tokens", usage.cache_write_tokens);
        }
    });
    o.object("completion_tokens_details", |details| {
        details.number("reasoning_tokens", usage.reasoning_tokens);
    });
}

/// Writes the answer in one piece.
pub fn document(answer: &Collected, about: &About) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    object(&mut out, |o| {
        o.raw("id", answer.id.as_ref().map_or(&*about.id_json(), Json::get));
        o.text("object", "chat.completion");
        o.number("created", about.created);
        o.raw("model", answer.model.as_ref().map_or(&*about.model_json(), Json::get));
        o.array("choices", |list| {
            for (index, choice) in answer.choices.iter().enumerate() {
                list.object(|o| {
                    o.number("index", index as u64);
                    o.object("message", |message| message_of(choice, about, message));
                    o.raw("logprobs", choice.logprobs.as_ref().map_or("null", Json::get));
                    o.text("finish_reason", word(choice.finish.unwrap_or(Finish::Stop)));
                });
            }
        });
        if let Some(used) = &answer.usage {
            o.object("usage", |o| usage(used, o));
        }
    });
    out
}

fn message_of(choice: &Gathered, about: &About, o: &mut Object<'_>) {
    let (mut content, mut thought, mut refusal) = (String::new(), String::new(), String::new());
    let (mut blocks, mut cites) = (Vec::new(), Vec::new());
    for block in &choice.blocks {
        match block {
            Block::Text { text, citations } => {
                content.push_str(text);
                cites.extend(citations);
            }
            Block::Reasoning { text, .. } => {
                thought.push_str(text);
                blocks.push(block);
            }
            Block::Sealed(_) => blocks.push(block),
            Block::Refusal(text) => refusal.push_str(text),
            Block::Tool { .. } => {}
        }
    }
    o.text("role", "assistant");
    let said = choice.blocks.iter().any(|block| matches!(block, Block::Text { .. }));
    let silent = !said && (choice.asks_for_tools() || !refusal.is_empty());
    let content = if silent { "null".to_owned() } else { format!("\"{content}\"") };
    o.raw("content", &content);
    if refusal.is_empty() {
        o.raw("refusal", "null");
    } else {
        o.raw("refusal", &format!("\"{refusal}\""));
    }
    if !thought.is_empty() {
        o.raw("reasoning_content", &format!("\"{thought}\""));
    }
    let keeps =
        |block: &&&Block| matches!(block, Block::Sealed(_) | Block::Reasoning { signature: Some(_), .. });
    if blocks.iter().any(|block| keeps(&block)) {
        o.array("thinking_blocks", |list| {
            for block in blocks.iter().filter(keeps) {
                list.object(|o| match block {
                    Block::Reasoning { text, signature } => {
                        o.text("type", "thinking");
                        o.raw("thinking", &format!("\"{text}\""));
                        o.maybe("signature", signature.as_ref().map(|seal| about.sealed(seal)).as_ref());
                    }
                    Block::Sealed(data) => {
                        o.text("type", "redacted_thinking");
                        o.json("data", data);
                    }
                    _ => {}
                });
            }
        });
    }
    if !cites.is_empty() {
        o.array("annotations", |list| cites.iter().for_each(|json| list.json(&citation::for_openai(json))));
    }
    if choice.asks_for_tools() {
        tool_calls(choice, about, o);
    }
}

fn tool_calls(choice: &Gathered, about: &About, o: &mut Object<'_>) {
    o.array("tool_calls", |list| {
        for block in &choice.blocks {
            let Block::Tool { tool, id, name, signature, input } = block else { continue };
            list.object(|o| {
                o.raw("id", id.as_ref().map_or(&*about.tool_id(*tool), Json::get));
                o.text("type", "function");
                o.object("function", |function| {
                    function.json("name", name);
                    let input = if input.is_empty() { "{}" } else { input };
                    function.raw("arguments", &format!("\"{input}\""));
                });
                seal(o, signature.as_ref());
            });
        }
    });
}
