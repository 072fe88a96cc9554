//! A request between dialects.
//!
//! What several dialects know has a field here. What one alone knows is carried in `extra` with its name, for a target of
//! the same family, or named to the caller as not sent.

use crate::neutral::json::Json;
use paceline_types::record::Dialect;

/// A request for an answer.
#[derive(Debug)]
pub struct ChatRequest<'a> {
    /// The dialect it was written in.
    pub from: Dialect,
    /// Whether the answer is to come as a stream.
    pub stream: bool,
    /// What stands above the conversation.
    pub system: Vec<Part<'a>>,
    /// The conversation; never two turns of one side in a row.
    pub turns: Vec<Turn<'a>>,
    /// Tools the model may ask for.
    pub tools: Vec<Tool<'a>>,
    /// Which of them.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several at once.
    pub parallel_tools: Option<bool>,
    /// The output limit, tokens.
    pub max_tokens: Option<u64>,
    /// `temperature`.
    pub temperature: Option<Json<'a>>,
    /// `top_p`.
    pub top_p: Option<Json<'a>>,
    /// `top_k`.
    pub top_k: Option<Json<'a>>,
    /// `seed`.
    pub seed: Option<Json<'a>>,
    /// `presence_penalty`.
    pub presence_penalty: Option<Json<'a>>,
    /// `frequency_penalty`.
    pub frequency_penalty: Option<Json<'a>>,
    /// Texts that end the answer.
    pub stop: Vec<Json<'a>>,
    /// How many answers; 1 unless said.
    pub choices: u64,
    /// Whether probabilities of tokens are wanted, and of how many alternatives.
    pub logprobs: Option<u64>,
    /// The form of the answer.
    pub format: Option<Format<'a>>,
    /// How much to reason.
    pub reasoning: Option<Reasoning>,
    /// Who the end user is, as told to the provider.
    pub user: Option<Json<'a>>,
    /// What only `from` knows, by the name it has there.
    pub extra: Vec<(String, Json<'a>)>,
}

impl ChatRequest<'_> {
    /// A request that says nothing yet.
    pub fn new(from: Dialect) -> Self {
        Self {
            from,
            stream: false,
            system: Vec::new(),
            turns: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            parallel_tools: None,
            max_tokens: None,
            temperature: None,
            top_p: None,
            top_k: None,
            seed: None,
            presence_penalty: None,
            frequency_penalty: None,
            stop: Vec::new(),
            choices: 1,
            logprobs: None,
            format: None,
            reasoning: None,
            user: None,
            extra: Vec::new(),
        }
    }
}

impl ChatRequest<'_> {
    /// Whether thinking may be on at Anthropic's models: they want an assistant's turn that asks for tools to begin with its
    /// sealed thought, where the results of these tools are what is answered now.
    pub fn thought_can_follow(&self) -> bool {
        let is_result = |part: &Part<'_>| matches!(part, Part::ToolResult { .. });
        let answers_tools = self.turns.last().is_some_and(|turn| turn.parts.iter().any(is_result));
        let last = self.turns.iter().rev().find(|turn| turn.side == Side::Assistant);
        let is_sealed = |part: &Part<'_>| {
            matches!(part, Part::Reasoning { signature: Some(_), .. } | Part::Sealed { .. })
        };
        !answers_tools || last.is_none_or(|turn| turn.parts.iter().any(is_sealed))
    }
}

impl<'a> ChatRequest<'a> {
    /// Adds parts to the conversation, to the last turn where it is of the same side.
    pub fn say(&mut self, side: Side, parts: impl IntoIterator<Item = Part<'a>>) {
        match self.turns.last_mut() {
            Some(turn) if turn.side == side => turn.parts.extend(parts),
            _ => self.turns.push(Turn { side, parts: parts.into_iter().collect() }),
        }
    }

    /// The name of the tool that a call with this id asked for.
    pub fn tool_of(&self, id: &Json<'_>) -> Option<&Json<'a>> {
        self.turns.iter().flat_map(|turn| &turn.parts).find_map(|part| match part {
            Part::ToolCall(call) if call.id.as_ref().is_some_and(|own| own.get() == id.get()) => {
                Some(&call.name)
            }
            _ => None,
        })
    }

    /// Takes a member out of what is carried.
    pub fn take_extra(&mut self, key: &str) -> Option<Json<'a>> {
        let at = self.extra.iter().position(|(name, _)| name == key)?;
        Some(self.extra.remove(at).1)
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The user, and results of tools.
    User,
    /// The model.
    Assistant,
}

/// What one side says at once.
#[derive(Debug)]
pub struct Turn<'a> {
    /// Who.
    pub side: Side,
    /// What.
    pub parts: Vec<Part<'a>>,
}

/// A piece of what is said.
#[derive(Clone, Debug)]
pub enum Part<'a> {
    /// Text.
    Text {
        /// A JSON string.
        text: Json<'a>,
        /// `cache_control`: the prompt up to here is worth keeping (Anthropic's object).
        cache: Option<Json<'a>>,
    },
    /// A picture.
    Image {
        /// Where it is.
        source: Source<'a>,
        /// How closely to look (OpenAI).
        detail: Option<Json<'a>>,
        /// As for text.
        cache: Option<Json<'a>>,
    },
    /// Sound: base64, and its form (`wav`, `mp3`).
    Audio {
        /// A JSON string of base64.
        data: Json<'a>,
        /// A JSON string.
        format: Json<'a>,
    },
    /// A document.
    File {
        /// Where it is.
        source: Source<'a>,
        /// Its name.
        name: Option<Json<'a>>,
        /// As for text.
        cache: Option<Json<'a>>,
    },
    /// The model asks for a tool.
    ToolCall(ToolCall<'a>),
    /// What a tool said.
    ToolResult {
        /// Whose call it answers.
        id: Option<Json<'a>>,
        /// The tool, where the dialect names it.
        name: Option<Json<'a>>,
        /// What it said: text, pictures.
        content: Vec<Part<'a>>,
        /// It failed.
        is_error: bool,
        /// As for text.
        cache: Option<Json<'a>>,
    },
    /// What the model thought.
    Reasoning {
        /// A JSON string.
        text: Json<'a>,
        /// The provider's seal on it, which only its own family can read.
        signature: Option<Json<'a>>,
    },
    /// Sealed thought.
    Sealed {
        /// A JSON string.
        data: Json<'a>,
    },
    /// The model declined.
    Refusal {
        /// A JSON string.
        text: Json<'a>,
    },
    /// What only one dialect has: its own object.
    Other {
        /// Its kind there.
        kind: String,
        /// The object as it came.
        json: Json<'a>,
    },
}

impl Part<'_> {
    /// Whether the prompt up to here is to be kept in the provider's cache.
    pub fn is_marked(&self) -> bool {
        matches!(
            self,
            Part::Text { cache: Some(_), .. }
                | Part::Image { cache: Some(_), .. }
                | Part::File { cache: Some(_), .. }
        )
    }
}

impl<'a> Part<'a> {
    /// Plain text.
    pub fn text(text: Json<'a>) -> Self {
        Self::Text { text, cache: None }
    }
}

/// A tool the model asks for.
#[derive(Clone, Debug)]
pub struct ToolCall<'a> {
    /// The call's name, a JSON string; `None` where the dialect has none.
    pub id: Option<Json<'a>>,
    /// The tool, a JSON string.
    pub name: Json<'a>,
    /// What it is given, a JSON object.
    pub input: Json<'a>,
    /// Gemini's seal on it.
    pub signature: Option<Json<'a>>,
    /// As for text.
    pub cache: Option<Json<'a>>,
}

/// Where a picture or document is.
#[derive(Clone, Debug)]
pub enum Source<'a> {
    /// At an address (a JSON string).
    Url(Json<'a>),
    /// Here, in base64.
    Data {
        /// A JSON string: `image/png`.
        media_type: Json<'a>,
        /// A JSON string of base64.
        data: Json<'a>,
    },
    /// Stored at the provider under this id (a JSON string).
    Id(Json<'a>),
    /// Plain text (a JSON string).
    Text(Json<'a>),
}

/// A tool the model may ask for.
#[derive(Clone, Debug)]
pub enum Tool<'a> {
    /// One that the application runs.
    Function {
        /// A JSON string.
        name: Json<'a>,
        /// A JSON string.
        description: Option<Json<'a>>,
        /// A JSON schema.
        schema: Option<Json<'a>>,
        /// Whether arguments must fit the schema exactly.
        strict: Option<bool>,
        /// As for text.
        cache: Option<Json<'a>>,
    },
    /// One that the provider runs: its own object.
    Hosted {
        /// Its kind there.
        kind: String,
        /// The object as it came.
        json: Json<'a>,
    },
}

/// Which tool.
#[derive(Clone, Debug)]
pub enum ToolChoice<'a> {
    /// As the model likes.
    Auto,
    /// At least one.
    Any,
    /// None.
    Never,
    /// This one (a JSON string).
    Named(Json<'a>),
}

/// The form of the answer.
#[derive(Clone, Debug)]
pub enum Format<'a> {
    /// Some JSON.
    Json,
    /// JSON of this schema.
    Schema {
        /// A JSON string.
        name: Option<Json<'a>>,
        /// The schema.
        schema: Json<'a>,
        /// Whether it must fit exactly.
        strict: Option<bool>,
    },
}

/// How much to reason before answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reasoning {
    /// Not at all.
    Off,
    /// As much as the model finds right.
    Adaptive,
    /// In words.
    Effort(Effort),
    /// In tokens.
    Budget(u64),
}

/// Effort in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// The least.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// The most.
    Max,
}

impl Effort {
    /// Reads a word of any dialect.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "minimal" => Self::Minimal,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            "max" | "xhigh" => Self::Max,
            _ => return None,
        })
    }

    /// The budget that stands for it, tokens. Providers publish no table; these are the steps most clients use.
    pub const fn budget(self) -> u64 {
        match self {
            Self::Minimal => 1024,
            Self::Low => 2048,
            Self::Medium => 8192,
            Self::High => 16384,
            Self::Max => 32768,
        }
    }

    /// The word nearest to a budget.
    pub const fn of_budget(tokens: u64) -> Self {
        match tokens {
            0..=1024 => Self::Minimal,
            1025..=4096 => Self::Low,
            4097..=12288 => Self::Medium,
            12289..=24576 => Self::High,
            _ => Self::Max,
        }
    }
}
