//! Tests of signatures: AWS's published vectors, paths of models, and days.

use super::{Credentials, DAY_S, Request, Signer, body_hash, canonical, stamp};
use paceline_types::secret::Secret;
use paceline_types::time::Timestamp;

fn credentials(token: Option<&str>) -> Credentials {
    Credentials {
        access_key: "AKIDEXAMPLE".into(),
        secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: token.map(Secret::new),
    }
}

fn then() -> i64 {
    Timestamp::parse_rfc3339("2015-08-30T12:36:00Z").unwrap().seconds()
}

const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");
const HOST: (&str, &str) = ("host", "example.amazonaws.com");

/// The signature of AWS's test suite for a request without a body.
fn vector(method: &str, path: &str, query: &str, headers: &[(&str, &str)]) -> String {
    let signer = Signer::new(credentials(None), "us-east-1", "service", then());
    let request = Request { method, path, query, headers, body: &body_hash([]) };
    signer.authorization(&request, headers.to_vec(), &stamp(then()), then())
}

#[test]
fn the_published_vectors() {
    let vanilla = vector("GET", "/", "", &[HOST, DATE]);
    assert_eq!(
        vanilla,
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders=host;x-amz-date, \
         Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    );
    // `normalize-path/get-slashes`, `get-relative` and `get-vanilla` are the same request once it is in order.
    for path in ["//", "/./", "/example/.."] {
        assert_eq!(vector("GET", path, "", &[DATE, HOST]), vanilla, "{path}");
    }
    let query = vector("GET", "/", "Param2=value2&Param1=value1", &[HOST, DATE]);
    assert!(query.ends_with("b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"), "{query}");
    let post = vector("POST", "/", "", &[HOST, DATE]);
    assert!(post.ends_with("5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"), "{post}");
}

#[test]
fn a_path_is_encoded_once_more_and_values_are_put_in_order() {
    let headers = [("Host", " a  b "), ("X-B", "2"), ("x-a", "3"), ("x-b", "1")];
    let request = Request {
        method: "POST",
        path: "/model/anthropic.claude%3A0/converse/",
        query: "b&a=2&a=1",
        headers: &headers,
        body: &body_hash([&b"a"[..], b"bc"]),
    };
    let (text, names) = canonical(&request, headers.to_vec());
    assert_eq!(names, "host;x-a;x-b");
    assert_eq!(
        text,
        "POST\n/model/anthropic.claude%253A0/converse/\na=1&a=2&b=\nhost:a b\nx-a:3\nx-b:2,1\n\nhost;x-a;x-b\n\
         ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn the_lines_are_whole_and_hold_what_is_signed() {
    let signer = Signer::new(credentials(Some("session")), "eu-west-1", "bedrock", then());
    let body = body_hash([]);
    let request = Request { method: "POST", path: "/", query: "", headers: &[HOST], body: &body };
    let mut lines = Vec::new();
    signer.sign(&request, then(), &mut lines);
    let lines = String::from_utf8(lines).unwrap();
    let lines: Vec<&str> = lines.split_terminator("\r\n").collect();
    assert_eq!(lines[0], "x-amz-date: 20150830T123600Z");
    assert!(lines[1].starts_with("x-amz-content-sha256: e3b0c44298fc"));
    assert_eq!(lines[2], "x-amz-security-token: session");
    let names = "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, ";
    assert!(lines[3].starts_with("authorization: AWS4-HMAC-SHA256 ") && lines[3].contains(names));
    assert_eq!(lines.len(), 4);
    assert!(!format!("{signer:?}").contains("wJalr"));
}

#[test]
fn a_signer_signs_alike_whenever_it_was_made() {
    let body = body_hash([]);
    let request = Request { method: "GET", path: "/", query: "", headers: &[HOST], body: &body };
    for later in [-3, -1, 0, 1, 2, 400] {
        let when = then() + later * DAY_S;
        let lines = |signer: Signer| {
            let mut lines = Vec::new();
            signer.sign(&request, when, &mut lines);
            lines
        };
        let old = Signer::new(credentials(None), "us-east-1", "bedrock", then());
        assert_eq!(old.is_current(when), later == 0);
        assert_eq!(lines(old), lines(Signer::new(credentials(None), "us-east-1", "bedrock", when)));
    }
}
