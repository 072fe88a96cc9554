//! Thought of other providers in a conversation that is passed on: callers give back whatever they got, and a provider
//! refuses what it has not sealed itself. Only where a conversation has moved between providers is anything found.

use crate::neutral::json::{Json, Members};
use crate::neutral::seal;
use crate::neutral::write::{Array, array, object};
use paceline_types::record::Dialect;

/// The body without blocks of thought that its provider cannot have sealed; `None` where there are none.
pub fn without(dialect: Dialect, body: &[u8]) -> Option<Vec<u8>> {
    if !matches!(dialect, Dialect::Anthropic | Dialect::Responses) || !is_suspect(body) {
        return None;
    }
    let (list, is_foreign): (&str, fn(&Json<'_>) -> bool) = match dialect {
        Dialect::Anthropic => ("messages", |_| false),
        Dialect::Responses => ("input", is_foreign_item),
        _ => return None,
    };
    let Members(members) = Members::read(body).ok()?;
    let mut out = Vec::with_capacity(body.len());
    let mut found = false;
    object(&mut out, |o| {
        for (key, value) in &members {
            match value.split().filter(|_| key == list) {
                None => o.json(key, value),
                Some(elements) => o.array(key, |list| {
                    for element in elements {
                        if is_foreign(&element) {
                            found = true;
                        } else if dialect == Dialect::Anthropic {
                            found |= message(&element, list);
                        } else {
                            list.json(&element);
                        }
                    }
                }),
            }
        }
    });
    found.then_some(out)
}

/// A first look, which nearly every body passes.
fn is_suspect(body: &[u8]) -> bool {
    seal::MARKS.iter().any(|mark| memchr::memmem::find(body, mark.as_bytes()).is_some())
}

/// Writes a message of Anthropic's without foreign thought; whether it had any.
fn message(message: &Json<'_>, list: &mut Array<'_>) -> bool {
    let blocks = message.member("content").and_then(|content| content.split());
    let Some(blocks) = blocks.filter(|blocks| blocks.iter().any(is_foreign_block)) else {
        list.json(message);
        return false;
    };
    let mut kept = Vec::new();
    array(&mut kept, |kept| {
        blocks.iter().filter(|block| !is_foreign_block(block)).for_each(|block| kept.json(block));
    });
    let Some(Members(members)) = message.open().filter(|_| kept != b"[]") else { return true };
    let kept = String::from_utf8_lossy(&kept);
    list.object(|o| {
        for (key, value) in &members {
            if key == "content" {
                o.raw(key, &kept);
            } else {
                o.json(key, value);
            }
        }
    });
    true
}

fn is_foreign_block(block: &Json<'_>) -> bool {
    let key = match block.member("type").as_ref().map(Json::inner) {
        Some("thinking") => "signature",
        Some("redacted_thinking") => "data",
        _ => return false,
    };
    block.member(key).is_some_and(|seal| seal::is_marked(&seal))
}

fn is_foreign_item(item: &Json<'_>) -> bool {
    item.member("type").is_some_and(|kind| kind.is("reasoning"))
        && item.member("encrypted_content").is_some_and(|seal| seal::is_marked(&seal))
}

#[cfg(test)]
mod tests {
    use super::without;
    use paceline_types::record::Dialect;

    fn cut(dialect: Dialect, body: &str) -> Option<String> {
        without(dialect, body.as_bytes()).map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn only_thought_of_others_goes() {
        let body = r#"{"model":"m", "messages":[{"role":"user","content":"a \ud800"},{"role":"assistant","content":[
            {"type":"thinking","thinking":"t","signature": "unsigned#"},{"type":"thinking","thinking":"u","signature":"own"},
            {"type":"redacted_thinking","data":"gemini-call#x"},{"type":"tool_use","id":"c","name":"f","input":{"n":9007199254740993}}]},
            {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"gemini#x"}]}],"new":{"field": 1.0}}"#;
        let kept = cut(Dialect::Anthropic, body).unwrap();
        assert_eq!(
            kept,
            r#"{"model":"m","messages":[{"role":"user","content":"a \ud800"},{"role":"assistant","content":[{"type":"thinking","thinking":"u","signature":"own"},{"type":"tool_use","id":"c","name":"f","input":{"n":9007199254740993}}]}],"new":{"field": 1.0}}"#
        );
        let items = r#"{"input":[{"type":"reasoning","encrypted_content":"gemini#x"},{"role":"user","content":"a"}]}"#;
        assert_eq!(
            cut(Dialect::Responses, items).as_deref(),
            Some(r#"{"input":[{"role":"user","content":"a"}]}"#)
        );
    }

    #[test]
    fn what_has_none_is_not_touched() {
        for body in [
            r#"{"messages":[{"role":"user","content":"what is gemini#?"}]}"#,
            r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":""}]}]}"#,
            r#"{"input":"gemini#"}"#,
            r#"{"messages":"signature"#,
        ] {
            assert_eq!(cut(Dialect::Anthropic, body), None, "{body}");
            assert_eq!(cut(Dialect::Responses, body), None, "{body}");
        }
    }
}
