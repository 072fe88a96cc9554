//! Answers of the admin side zipped for whoever takes it: figures over time and lists of calls shrink to a tenth.

use crate::admin::reply;
use axum::body::to_bytes;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// Below, the head is most of it.
const LEAST: usize = 1024;

/// Whether `asked` takes gzip: named, and not with the weight 0.
pub(crate) fn takes_gzip(asked: &HeaderMap) -> bool {
    let names = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    names.flat_map(|value| value.split(',')).any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight != Some(0.0)
    })
}

/// The answer, zipped where that is worth it. Streams of events and files that are zipped already stay as they are.
pub(crate) async fn zipped(answer: Response) -> Response {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let is_text = kind.starts_with("application/json") || kind.starts_with("text/plain");
    if !is_text || answer.headers().contains_key(header::CONTENT_ENCODING) {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    // Such answers are whole before they are sent: this waits for nothing and needs no bound.
    let plain = match to_bytes(body, usize::MAX).await {
        Ok(plain) => plain,
        Err(error) => {
            return reply::fail(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal_error",
                None,
                &error.to_string(),
            );
        }
    };
    head.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    if plain.len() < LEAST {
        return Response::from_parts(head, plain.into());
    }
    let mut gzip = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    match gzip.write_all(&plain).and_then(|()| gzip.finish()) {
        Ok(packed) => {
            head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            head.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(head, packed.into())
        }
        Err(_) => Response::from_parts(head, plain.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::takes_gzip;
    use axum::http::HeaderMap;

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        let takes = |value: &str| {
            takes_gzip(&HeaderMap::from_iter([(super::header::ACCEPT_ENCODING, value.parse().unwrap())]))
        };
        for yes in ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, GZIP;q=0.8"] {
            assert!(takes(yes), "{yes}");
        }
        for no in ["identity", "br", "gzip;q=0", "gzip; q=0.0", "xgzip"] {
            assert!(!takes(no), "{no}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
