//! Probabilities of tokens: Gemini's object as OpenAI's, and back.

use crate::neutral::json::Json;
use crate::neutral::write::{Object, object};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Theirs<'a> {
    #[serde(borrow, default)]
    chosen_candidates: Vec<Token<'a>>,
    #[serde(borrow, default)]
    top_candidates: Vec<Step<'a>>,
}

#[derive(Deserialize)]
struct Step<'a> {
    #[serde(borrow, default)]
    candidates: Vec<Token<'a>>,
}

#[derive(Deserialize)]
struct Token<'a> {
    #[serde(borrow, rename = "token")]
    text: Json<'a>,
    #[serde(borrow, alias = "logProbability")]
    logprob: Json<'a>,
    #[serde(borrow, default)]
    top_logprobs: Vec<Token<'a>>,
}

#[derive(Deserialize)]
struct Ours<'a> {
    #[serde(borrow, default)]
    content: Option<Vec<Token<'a>>>,
}

/// OpenAI's object of `logprobsResult`; `None` where it has another form.
pub(super) fn read(result: &Json<'_>) -> Option<Json<'static>> {
    let theirs: Theirs<'_> = serde_json::from_str(result.get()).ok()?;
    let write = |token: &Token<'_>, o: &mut Object<'_>| {
        o.json("token", &token.text);
        o.json("logprob", &token.logprob);
        o.raw("bytes", "null");
    };
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.array("content", |list| {
            for (place, token) in theirs.chosen_candidates.iter().enumerate() {
                list.object(|o| {
                    write(token, o);
                    o.array("top_logprobs", |list| {
                        for other in theirs.top_candidates.get(place).iter().flat_map(|step| &step.candidates)
                        {
                            list.object(|o| write(other, o));
                        }
                    });
                });
            }
        });
        o.raw("refusal", "null");
    });
    String::from_utf8(out).ok().map(Json::known)
}

/// `logprobsResult` of OpenAI's object.
pub(super) fn write(logprobs: &Json<'_>) -> Option<Json<'static>> {
    let content = serde_json::from_str::<Ours<'_>>(logprobs.get()).ok()?.content?;
    let write = |token: &Token<'_>, o: &mut Object<'_>| {
        o.json("token", &token.text);
        o.json("logProbability", &token.logprob);
    };
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.array("topCandidates", |list| {
            for token in &content {
                list.object(|o| {
                    o.array("candidates", |list| {
                        token.top_logprobs.iter().for_each(|other| list.object(|o| write(other, o)));
                    });
                });
            }
        });
        o.array("chosenCandidates", |list| {
            for token in &content {
                list.object(|o| write(token, o));
            }
        });
    });
    String::from_utf8(out).ok().map(Json::known)
}
