//! Sources that an answer names. Each dialect has objects of its own; what most of them can say is an address.

use crate::neutral::json::Json;
use crate::neutral::write::{Object, object};

/// A source with an address.
#[derive(Debug)]
pub struct Link {
    /// A JSON string.
    pub url: Json<'static>,
    /// A JSON string.
    pub title: Json<'static>,
    /// Where in the text it is meant, in characters; 0 and 0 where the dialect does not say.
    pub place: (u64, u64),
}

/// The address in a citation of any dialect; `None` where it has none (a place in a document of the prompt).
pub fn link(json: &Json<'_>) -> Option<Link> {
    let mut members = json.open()?;
    // OpenAI's chat, Gemini and Bedrock put it one object deeper.
    for key in ["url_citation", "location", "web"] {
        if let Some(mut inner) = members.take(key).and_then(|inner| inner.open()) {
            inner.0.append(&mut members.0);
            members = inner;
        }
    }
    let url = members.take("url").or_else(|| members.take("uri")).filter(Json::is_string)?.into_owned();
    let title = members.take("title").filter(Json::is_string).map(Json::into_owned);
    let mut place = |key: &str, camel: &str| {
        members.take(key).or_else(|| members.take(camel)).and_then(|at| at.unsigned()).unwrap_or(0)
    };
    let place = (place("start_index", "startIndex"), place("end_index", "endIndex"));
    Some(Link { url, title: title.unwrap_or_else(|| Json::known("\"\"")), place })
}

fn made(fill: impl FnOnce(&mut Object<'_>)) -> Json<'static> {
    let mut out = Vec::new();
    object(&mut out, fill);
    Json::known(String::from_utf8_lossy(&out).into_owned())
}

/// As an annotation of OpenAI's chat; what has no address stays the provider's own object.
pub fn for_openai(json: &Json<'_>) -> Json<'static> {
    let Some(Link { url, title, place }) = link(json) else { return json.clone().into_owned() };
    made(|o| {
        o.text("type", "url_citation");
        o.object("url_citation", |inner| {
            inner.json("url", &url);
            inner.json("title", &title);
            inner.number("start_index", place.0);
            inner.number("end_index", place.1);
        });
    })
}

/// As an annotation of OpenAI's responses; `None` for what has no address.
pub fn for_responses(json: &Json<'_>) -> Option<Json<'static>> {
    let Link { url, title, place } = link(json)?;
    Some(made(|o| {
        o.text("type", "url_citation");
        o.number("start_index", place.0);
        o.number("end_index", place.1);
        o.json("url", &url);
        o.json("title", &title);
    }))
}

/// As a citation of Anthropic's; `None` for what it has no form for.
pub fn for_anthropic(json: &Json<'_>) -> Option<Json<'static>> {
    if json.member("type").is_some_and(|kind| kind.inner().ends_with("_location")) {
        return Some(json.clone().into_owned());
    }
    let Link { url, title, .. } = link(json)?;
    Some(made(|o| {
        o.text("type", "web_search_result_location");
        o.json("url", &url);
        o.json("title", &title);
        o.text("cited_text", "");
        o.text("encrypted_index", "");
    }))
}

#[cfg(test)]
mod tests {
    use super::{for_anthropic, for_openai, for_responses};
    use crate::neutral::json::Json;

    #[test]
    fn addresses_cross() {
        let links = [
            r#"{"type":"url_citation","url_citation":{"url":"https://a","title":"t","start_index":1,"end_index":2}}"#,
            r#"{"type":"url_citation","url":"https://a","title":"t","start_index":1,"end_index":2}"#,
            r#"{"web":{"uri":"https://a","title":"t"},"startIndex":1,"endIndex":2}"#,
            r#"{"title":"t","location":{"web":{"url":"https://a"}},"start_index":1,"end_index":2}"#,
        ];
        for link in links.map(Json::known) {
            assert_eq!(for_openai(&link).get(), links[0]);
            assert_eq!(
                for_responses(&link).unwrap().get(),
                r#"{"type":"url_citation","start_index":1,"end_index":2,"url":"https://a","title":"t"}"#
            );
            assert_eq!(
                for_anthropic(&link).unwrap().get(),
                r#"{"type":"web_search_result_location","url":"https://a","title":"t","cited_text":"","encrypted_index":""}"#
            );
        }
        let place = Json::known(r#"{"type":"char_location","cited_text":"x"}"#);
        assert_eq!((for_openai(&place).get(), for_responses(&place)), (place.get(), None));
        assert_eq!(for_anthropic(&place).unwrap().get(), place.get());
        assert_eq!(for_anthropic(&Json::known(r#"{"type":"other"}"#)), None);
    }
}
