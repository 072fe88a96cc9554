//! The dashboard's files: built from `web/` by `build.rs`, kept zipped in the binary, sent with a strict policy.

use crate::admin::reply;
use crate::admin::zip::takes_gzip;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use std::io::Read;

include!(concat!(env!("OUT_DIR"), "/web.rs"));

/// The page that all addresses of the dashboard are.
const PAGE: &str = "/index.html";

/// Scripts, styles and data from here alone; no inline code, no frames, nothing sent elsewhere, no HTML made of text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// What browsers are told about everything from here.
const GUARDS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Of files whose names change with their content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Whether `path` is the dashboard's: it shows nothing by itself, so it needs no key.
pub(crate) fn is_open(path: &str) -> bool {
    matches!(path, "/" | "/ui" | "/page.css") || path.starts_with("/ui/") || path.starts_with("/assets/")
}

/// `/` and `/ui/…`: one page, which looks at its address itself.
pub(crate) async fn page(headers: HeaderMap) -> Response {
    match find(PAGE) {
        Some(zipped) => send(zipped, "text/html; charset=utf-8", "no-cache", &headers),
        None => whole(include_bytes!("index.html"), "text/html; charset=utf-8", "no-cache"),
    }
}

/// `/assets/…`.
pub(crate) async fn asset(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let Some(zipped) = find(path) else { return reply::no_such_path(method, uri).await };
    let (kind, keep) = match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("js") => ("text/javascript; charset=utf-8", FOR_EVER),
        Some("css") => ("text/css; charset=utf-8", FOR_EVER),
        // Its name stays the same.
        Some("svg") => ("image/svg+xml", "max-age=86400"),
        _ => ("application/octet-stream", "no-cache"),
    };
    send(zipped, kind, keep, &headers)
}

/// The style of the plain page.
pub(crate) async fn plain_style() -> Response {
    whole(include_bytes!("page.css"), "text/css", "no-cache")
}

fn find(path: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(name, _)| *name == path).map(|(_, zipped)| *zipped)
}

/// Zipped, as every browser takes it; others get it plain.
fn send(zipped: &'static [u8], kind: &'static str, keep: &'static str, asked: &HeaderMap) -> Response {
    let mut answer = if takes_gzip(asked) {
        let mut answer = whole(zipped, kind, keep);
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        answer
    } else {
        let mut plain = Vec::new();
        if let Err(error) = flate2::read::GzDecoder::new(zipped).read_to_end(&mut plain) {
            return reply::fail(
                http::StatusCode::INTERNAL_SERVER_ERROR,
                "internal_error",
                None,
                &error.to_string(),
            );
        }
        whole(plain, kind, keep)
    };
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    answer
}

fn whole(body: impl IntoResponse, kind: &'static str, keep: &'static str) -> Response {
    let mut answer = body.into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    for (name, value) in GUARDS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::{FILES, find, is_open};

    #[test]
    fn only_the_dashboards_own_paths_are_open() {
        for open in ["/", "/ui", "/ui/calls", "/ui/calls/01abc", "/assets/index.js"] {
            assert!(is_open(open), "{open}");
        }
        for closed in ["/v1/calls", "/metrics", "/uix", "/assetsx", "/v1/live", "/UI", ""] {
            assert!(!is_open(closed), "{closed}");
        }
    }

    #[test]
    fn what_is_embedded_is_small_and_asks_nobody_else() {
        let bytes: usize = FILES.iter().map(|(_, zipped)| zipped.len()).sum();
        assert!(bytes <= 350 * 1024, "{bytes} bytes");
        assert!(FILES.is_empty() || find("/index.html").is_some());
        assert!(find("/../index.html").is_none());
    }
}
