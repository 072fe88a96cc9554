//! What a simulated model answers: the tokens of every choice, from a seed.

use super::{
    ask::{Ask, Format, Thinking},
    cache::{Caching, Hit},
    schema, words,
};
use crate::{
    call::{Part, Tokens},
    config::SimModel,
    fault::{Fault, Flag, TOKENS_MAX},
    hash::Fnv,
    rng::Rng,
};
use serde_json::{Value, json};

/// Tokens all choices of a call may have together.
const CALL_TOKENS_MAX: usize = 4 * TOKENS_MAX as usize;

/// A call of a tool.
#[derive(Debug, PartialEq)]
pub(crate) struct ToolCall {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: Vec<String>,
}

/// Why a choice ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Stop,
    /// At one of the texts at which the caller wanted it to end.
    StopText,
    Length,
    Tools,
    /// What was asked must not be answered.
    Blocked,
}

/// One choice, in tokens.
#[derive(Debug, PartialEq)]
pub(crate) struct Choice {
    pub(crate) reasoning: Vec<String>,
    pub(crate) text: Vec<String>,
    pub(crate) tools: Vec<ToolCall>,
    pub(crate) finish: Finish,
    /// The text at which it was ended.
    pub(crate) stopped_at: Option<String>,
}

/// A token of a choice, where it belongs and whether it opens or closes a tool call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Token<'a> {
    pub(crate) part: Part,
    pub(crate) text: &'a str,
    /// For tool calls: which one, and whether this is its first token, or its last.
    pub(crate) tool: usize,
    pub(crate) opens: bool,
    pub(crate) closes: bool,
}

/// All choices and what they cost.
#[derive(Debug, PartialEq)]
pub(crate) struct ChatAnswer {
    /// Names the answer; the same for the same answer.
    pub(crate) id: u64,
    pub(crate) choices: Vec<Choice>,
    pub(crate) prompt_tokens: u64,
    pub(crate) cache: Hit,
}

impl ToolCall {
    /// Its id with the start that a dialect gives them.
    pub(crate) fn id_as(&self, start: &str) -> String {
        format!("{start}{}", self.id.trim_start_matches("call_"))
    }

    /// Its arguments as an object; what was cut off too early has none.
    pub(crate) fn input(&self) -> Value {
        serde_json::from_str(&self.arguments.concat()).unwrap_or_else(|_| json!({}))
    }
}

impl Choice {
    fn blocked() -> Self {
        let (reasoning, text, tools) = (Vec::new(), Vec::new(), Vec::new());
        Self { reasoning, text, tools, finish: Finish::Blocked, stopped_at: None }
    }

    pub(crate) fn tokens(&self) -> usize {
        self.reasoning.len()
            + self.text.len()
            + self.tools.iter().map(|tool| tool.arguments.len()).sum::<usize>()
    }

    /// The token at this place: reasoning first, then the text, then the tools.
    pub(crate) fn token(&self, index: usize) -> Option<Token<'_>> {
        let plain = |part, text| Some(Token { part, text, tool: 0, opens: false, closes: false });
        if let Some(text) = self.reasoning.get(index) {
            return plain(Part::Reasoning, text);
        }
        let mut index = index - self.reasoning.len();
        if let Some(text) = self.text.get(index) {
            return plain(Part::Text, text);
        }
        index -= self.text.len();
        for (tool, call) in self.tools.iter().enumerate() {
            if let Some(text) = call.arguments.get(index) {
                let closes = index + 1 == call.arguments.len();
                return Some(Token { part: Part::ToolArguments, text, tool, opens: index == 0, closes });
            }
            index -= call.arguments.len();
        }
        None
    }

    /// Shortens the choice to this many tokens.
    fn limit(&mut self, max: usize) {
        if self.tokens() <= max {
            return;
        }
        let mut left = max;
        let mut cut = |list: &mut Vec<String>| {
            list.truncate(left);
            left -= list.len();
        };
        cut(&mut self.reasoning);
        cut(&mut self.text);
        for tool in &mut self.tools {
            cut(&mut tool.arguments);
        }
        self.tools.retain(|tool| !tool.arguments.is_empty());
        self.finish = Finish::Length;
        self.stopped_at = None;
    }

    /// Ends the text before the first of these texts in it.
    fn stop_at(&mut self, stops: &[String]) {
        let text = self.text.concat();
        let found = stops.iter().filter_map(|stop| text.find(stop.as_str()).map(|at| (at, stop))).min();
        let Some((mut left, stop)) = found else { return };
        for token in &mut self.text {
            let keep = token.len().min(left);
            token.truncate(keep);
            left -= keep;
        }
        self.text.retain(|token| !token.is_empty());
        (self.finish, self.stopped_at) = (Finish::StopText, Some(stop.clone()));
    }
}

impl ChatAnswer {
    /// The seed of everything drawn for a call: the provider's seed, the request's own seed or else the
    /// number of the call, the model, and what shapes the answer.
    pub(crate) fn seed(provider: u64, n: u64, model: &SimModel, request: &Ask) -> u64 {
        let own =
            request.seed.map_or_else(|| Fnv::new().number(n), |seed| Fnv::new().text("own").number(seed));
        own.number(provider).text(&model.name).number(request.fingerprint).value()
    }

    pub(crate) fn draw(seed: u64, model: &SimModel, request: &Ask, fault: &Fault) -> Self {
        let share = CALL_TOKENS_MAX / request.n;
        let choice = |index: usize| {
            let mut rng = Rng::fork(seed, 1_000 + index as u64);
            if fault.has(Flag::Blocked) {
                return Choice::blocked();
            }
            let mut choice = draw_choice(&mut rng, model, request, fault);
            choice.stop_at(&request.stops);
            choice.limit(request.max_tokens.unwrap_or(usize::MAX).min(share));
            choice
        };
        let prompt = request.prompt_tokens;
        // Long prompts are taken as half cached, in blocks as providers count them.
        let automatic = matches!(request.caching, Caching::Automatic) && prompt >= 1_024;
        let cached = if automatic { prompt / 2 / 128 * 128 } else { 0 };
        let cache = Hit { read: cached, ..Hit::default() };
        Self {
            id: seed,
            choices: (0..request.n).map(choice).collect(),
            prompt_tokens: prompt,
            cache: cache.told(fault, prompt),
        }
    }

    /// What it costs.
    pub(crate) fn tokens(&self) -> Tokens {
        Tokens {
            input_total: self.prompt_tokens,
            cache_read: self.cache.read,
            cache_write: self.cache.write(),
            cache_write_1h: self.cache.write_1h,
            output_total: self.output_tokens(),
            reasoning: self.reasoning_tokens(),
        }
    }

    pub(crate) fn output_tokens(&self) -> u64 {
        self.choices.iter().map(|choice| choice.tokens() as u64).sum()
    }

    pub(crate) fn reasoning_tokens(&self) -> u64 {
        self.choices.iter().map(|choice| choice.reasoning.len() as u64).sum()
    }

    /// The length of the longest choice: choices are generated side by side.
    pub(crate) fn steps(&self) -> usize {
        self.choices.iter().map(Choice::tokens).max().unwrap_or(0)
    }
}

fn draw_choice(rng: &mut Rng, model: &SimModel, request: &Ask, fault: &Fault) -> Choice {
    let length =
        |dist: crate::Dist, rng: &mut Rng| (dist.draw(rng).round() as usize).min(TOKENS_MAX as usize);
    let thought = model.reasoning_tokens.map_or(0, |dist| length(dist, rng).max(1));
    let drawn = length(model.output_tokens, rng).max(1);
    let usual = words::reasoning(rng, thought);
    let reasoning = match request.thinking {
        Thinking::Off => Vec::new(),
        // From numbers of its own, so that the answer is the same with thinking and without.
        Thinking::On if usual.is_empty() => thoughts(&mut rng.clone()),
        Thinking::On | Thinking::AsUsual => usual,
    };
    if !request.calls.is_empty() {
        let tools = request.calls.iter().map(|spec| ToolCall {
            id: format!("call_{:016x}{:08x}", rng.next_u64(), rng.next_u64() >> 32),
            name: spec.name.clone(),
            arguments: words::fragments(&arguments(&spec.parameters, rng), rng),
        });
        let tools = tools.collect();
        return Choice { reasoning, text: Vec::new(), tools, finish: Finish::Tools, stopped_at: None };
    }
    let tokens = fault.tokens.unwrap_or(drawn);
    let text = match &request.format {
        Format::Text if fault.has(Flag::Unicode) => words::hard(tokens),
        Format::Text => words::answer(rng, tokens),
        Format::JsonObject => words::fragments(&object(rng), rng),
        Format::JsonSchema(schema) => {
            let text = schema::sample(schema, rng).to_string();
            words::fragments(&text, rng)
        }
    };
    Choice { reasoning, text, tools: Vec::new(), finish: Finish::Stop, stopped_at: None }
}

/// What a model thinks that was told to.
fn thoughts(rng: &mut Rng) -> Vec<String> {
    let length = 12 + rng.below(24);
    words::reasoning(rng, length)
}

fn arguments(parameters: &Value, rng: &mut Rng) -> String {
    match schema::sample(parameters, rng) {
        Value::Object(object) => Value::Object(object).to_string(),
        _ => "{}".to_owned(),
    }
}

fn object(rng: &mut Rng) -> String {
    let answer = words::answer(rng, 8).concat();
    json!({"answer": answer, "confidence": (rng.unit() * 100.0).round() / 100.0, "items": [1, 2, 3]})
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64, extra: &Value, spec: &str) -> ChatAnswer {
        let mut body = json!({"messages": [{"role": "user", "content": "use the tool"}]});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let request = Ask::read(&body).unwrap();
        let model = SimModel { reasoning_tokens: Some(crate::Dist::constant(5.0)), ..SimModel::default() };
        ChatAnswer::draw(seed, &model, &request, &Fault::parse(spec).unwrap())
    }

    #[test]
    fn the_same_seed_says_the_same() {
        assert_eq!(draw(1, &json!({"n": 3}), ""), draw(1, &json!({"n": 3}), ""));
        assert_ne!(draw(1, &json!({}), ""), draw(2, &json!({}), ""));
        let answer = draw(1, &json!({"n": 2}), "");
        assert_ne!(answer.choices[0], answer.choices[1]);
    }

    #[test]
    fn seeds_depend_on_what_they_should() {
        let seed = |provider, n, name: &str, extra: Value| {
            let mut body = json!({"messages": [{"role": "user", "content": "hi"}]});
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let request = Ask::read(&body).unwrap();
            let model = SimModel { name: name.into(), ..SimModel::default() };
            ChatAnswer::seed(provider, n, &model, &request)
        };
        let plain = seed(1, 1, "a", json!({}));
        assert_eq!(plain, seed(1, 1, "a", json!({"stream": true})));
        let others = [
            seed(2, 1, "a", json!({})),
            seed(1, 2, "a", json!({})),
            seed(1, 1, "b", json!({})),
            seed(1, 1, "a", json!({"temperature": 1})),
            seed(1, 1, "a", json!({"seed": 1})),
        ];
        assert!(!others.contains(&plain));
        assert_eq!(seed(1, 1, "a", json!({"seed": 7})), seed(1, 9, "a", json!({"seed": 7})));
    }

    #[test]
    fn the_limit_counts_reasoning_too() {
        let answer = draw(1, &json!({"max_tokens": 7}), "tokens=50");
        let choice = &answer.choices[0];
        assert_eq!((choice.reasoning.len(), choice.text.len(), choice.finish), (5, 2, Finish::Length));
        assert_eq!((answer.output_tokens(), answer.reasoning_tokens()), (7, 5));
    }

    #[test]
    fn the_first_stop_in_the_text_ends_it() {
        let mut choice = draw(1, &json!({}), "tokens=3").choices.remove(0);
        choice.text = ["One", " two", " three"].map(str::to_owned).to_vec();
        choice.stop_at(&["absent".to_owned()]);
        assert_eq!((choice.text.len(), choice.finish), (3, Finish::Stop));
        choice.stop_at(&["th".to_owned(), "wo t".to_owned()]);
        assert_eq!((choice.text.concat().as_str(), choice.stopped_at.as_deref()), ("One t", Some("wo t")));
        assert_eq!((choice.text.len(), choice.finish), (2, Finish::StopText));
    }

    #[test]
    fn thinking_does_not_change_what_is_said() {
        let model =
            |reasons: Option<crate::Dist>| SimModel { reasoning_tokens: reasons, ..SimModel::default() };
        let said = |thinking: Thinking, reasons: Option<crate::Dist>| {
            let body = json!({"messages": [{"role": "user", "content": "hi"}]});
            let ask = Ask { thinking, ..Ask::read(&body).unwrap() };
            let choice = ChatAnswer::draw(1, &model(reasons), &ask, &Fault::default()).choices.remove(0);
            (choice.reasoning.is_empty(), choice.text)
        };
        let some = Some(crate::Dist::constant(5.0));
        let (off, usual, on) = (Thinking::Off, Thinking::AsUsual, Thinking::On);
        assert_eq!(said(usual, some).1, said(off, some).1);
        assert_eq!(said(usual, None).1, said(on, None).1);
        let none = [said(usual, some).0, said(off, some).0, said(usual, None).0, said(on, None).0];
        assert_eq!(none, [false, true, true, false]);
    }

    #[test]
    fn tokens_come_in_order() {
        let tools = json!([{"type": "function", "function": {"name": "f", "parameters":
            {"type": "object", "properties": {"city": {"type": "string"}}}}}]);
        let answer = draw(1, &json!({"tools": tools}), "");
        let choice = &answer.choices[0];
        let tokens: Vec<Token<'_>> = (0..choice.tokens()).filter_map(|i| choice.token(i)).collect();
        assert_eq!(tokens.len(), choice.tokens());
        assert!(tokens[..5].iter().all(|token| token.part == Part::Reasoning));
        assert!(tokens[5].opens && tokens[6..].iter().all(|token| !token.opens));
        let arguments: String = tokens[5..].iter().map(|token| token.text).collect();
        assert!(serde_json::from_str::<Value>(&arguments).unwrap()["city"].is_string());
        assert_eq!(choice.token(choice.tokens()), None);
    }
}
