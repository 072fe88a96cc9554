//! An answer gathered from its events, for a caller that wants it in one piece.

use crate::neutral::event::{Event, Failure, Finish, Sink};
use crate::neutral::json::Json;
use paceline_types::tokens::Usage;

/// How many kinds of untold parts are named.
const MAX_UNTOLD: usize = 8;

/// The whole answer.
#[derive(Debug, Default)]
pub struct Collected {
    /// The provider's name for it, a JSON string.
    pub id: Option<Json<'static>>,
    /// The model's own name, a JSON string.
    pub model: Option<Json<'static>>,
    /// The answers, by their number.
    pub choices: Vec<Gathered>,
    /// Tokens, as reported.
    pub usage: Option<Usage>,
    /// It failed.
    pub failure: Option<Failure>,
    /// Kinds of parts that no other dialect has: what of the answer is not told.
    pub untold: Vec<String>,
}

/// One answer.
#[derive(Debug, Default)]
pub struct Gathered {
    /// What it is made of, in order.
    pub blocks: Vec<Block>,
    /// Why it is complete.
    pub finish: Option<Finish>,
    /// The stop text that was met, a JSON string.
    pub stop: Option<Json<'static>>,
    /// OpenAI's object.
    pub logprobs: Option<Json<'static>>,
}

/// A piece of an answer. Texts are what stands between the quotes of a JSON string.
#[derive(Debug)]
pub enum Block {
    /// Text, and what it cites.
    Text {
        /// The text.
        text: String,
        /// The provider's own objects.
        citations: Vec<Json<'static>>,
    },
    /// Thought and its seal.
    Reasoning {
        /// The text.
        text: String,
        /// A JSON string.
        signature: Option<Json<'static>>,
    },
    /// Sealed thought, a JSON string.
    Sealed(Json<'static>),
    /// The model declined.
    Refusal(String),
    /// A tool is asked for.
    Tool {
        /// Which of the choice.
        tool: u32,
        /// A JSON string.
        id: Option<Json<'static>>,
        /// A JSON string.
        name: Json<'static>,
        /// A JSON string.
        signature: Option<Json<'static>>,
        /// JSON text, escaped once.
        input: String,
    },
}

impl Block {
    /// What a tool is given, as JSON.
    pub fn tool_input(escaped: &str) -> Json<'static> {
        Json::known(format!("\"{escaped}\"")).unquoted().unwrap_or_else(|| Json::known("{}"))
    }
}

impl Collected {
    fn choice(&mut self, number: u32) -> &mut Gathered {
        // More answers than anybody asks for are the provider's mistake.
        let at = number.min(127) as usize;
        if self.choices.len() <= at {
            self.choices.resize_with(at + 1, Gathered::default);
        }
        &mut self.choices[at]
    }

    /// The first answer.
    pub fn first(&self) -> Option<&Gathered> {
        self.choices.first()
    }
}

impl Gathered {
    /// Whether tools are asked for.
    pub fn asks_for_tools(&self) -> bool {
        self.blocks.iter().any(|block| matches!(block, Block::Tool { .. }))
    }

    fn text(&mut self, piece: &str) {
        match self.blocks.last_mut() {
            Some(Block::Text { text, .. }) => text.push_str(piece),
            _ if piece.is_empty() => {}
            _ => self.blocks.push(Block::Text { text: piece.to_owned(), citations: Vec::new() }),
        }
    }

    fn reasoning(&mut self, piece: &str) {
        match self.blocks.last_mut() {
            Some(Block::Reasoning { text, signature: None }) => text.push_str(piece),
            _ if piece.is_empty() => {}
            _ => self.blocks.push(Block::Reasoning { text: piece.to_owned(), signature: None }),
        }
    }

    fn sign(&mut self, seal: &Json<'_>) {
        let seal = seal.clone().into_owned();
        match self.blocks.last_mut() {
            Some(Block::Reasoning { signature, .. }) => *signature = Some(seal),
            _ => self.blocks.push(Block::Reasoning { text: String::new(), signature: Some(seal) }),
        }
    }

    fn refusal(&mut self, piece: &str) {
        match self.blocks.last_mut() {
            Some(Block::Refusal(text)) => text.push_str(piece),
            _ => self.blocks.push(Block::Refusal(piece.to_owned())),
        }
    }

    fn cite(&mut self, json: &Json<'_>) {
        if let Some(Block::Text { citations, .. }) = self.blocks.last_mut() {
            citations.push(json.clone().into_owned());
        }
    }

    fn tool_piece(&mut self, wanted: u32, piece: &str) {
        for block in &mut self.blocks {
            if let Block::Tool { tool, input, .. } = block
                && *tool == wanted
            {
                input.push_str(piece);
            }
        }
    }
}

impl Sink for Collected {
    fn event(&mut self, event: &Event<'_>) {
        let owned = |json: &Option<Json<'_>>| json.clone().map(Json::into_owned);
        match event {
            Event::Begin { id, model } => {
                self.id = self.id.take().or_else(|| owned(id));
                self.model = self.model.take().or_else(|| owned(model));
            }
            Event::Text { choice, text } => self.choice(*choice).text(text.inner()),
            Event::Reasoning { choice, text } => self.choice(*choice).reasoning(text.inner()),
            Event::Signature { choice, signature } => self.choice(*choice).sign(signature),
            Event::Sealed { choice, data } => {
                self.choice(*choice).blocks.push(Block::Sealed(data.clone().into_owned()));
            }
            Event::Refusal { choice, text } => self.choice(*choice).refusal(text.inner()),
            Event::ToolCall { choice, tool, id, name, signature } => {
                let (id, name, signature) = (owned(id), name.clone().into_owned(), owned(signature));
                let block = Block::Tool { tool: *tool, id, name, signature, input: String::new() };
                self.choice(*choice).blocks.push(block);
            }
            Event::ToolInput { choice, tool, piece } => self.choice(*choice).tool_piece(*tool, piece.inner()),
            Event::Citation { choice, json } => self.choice(*choice).cite(json),
            Event::Logprobs { choice, json } => {
                self.choice(*choice).logprobs = Some(json.clone().into_owned());
            }
            Event::Finish { choice, reason, stop } => {
                let choice = self.choice(*choice);
                choice.finish = Some(*reason);
                choice.stop = owned(stop);
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Failed(failure) => self.failure = Some(failure.clone()),
            Event::Other { kind, .. } => {
                // It goes into a header.
                let kind: String = kind.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if !self.untold.contains(&kind) && self.untold.len() < MAX_UNTOLD {
                    self.untold.push(kind);
                }
            }
            Event::End => {}
        }
    }
}
