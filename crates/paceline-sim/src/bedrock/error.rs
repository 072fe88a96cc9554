//! Errors as Bedrock writes them: a message in the body, the type in a header or in the frame.

use crate::{exchange::Reply, fault::Fault};
use serde_json::json;

/// Type and sentence that go with a status.
fn usual(status: u16) -> (&'static str, &'static str) {
    match status {
        401 | 403 => {
            ("AccessDeniedException", "You don't have access to the model with the specified model ID.")
        }
        404 => ("ResourceNotFoundException", "The provided model identifier is invalid."),
        408 | 504 => ("ModelTimeoutException", "The model took too long to answer."),
        424 => ("ModelErrorException", "The model failed to process the request."),
        429 => ("ThrottlingException", "Too many requests, please wait before trying again."),
        503 | 529 => ("ServiceUnavailableException", "Bedrock is unable to process your request."),
        500.. => ("InternalServerException", "The server had an error while processing your request."),
        _ => ("ValidationException", "The request is not valid."),
    }
}

/// The status an exception has outside of a stream.
fn status_of(exception: &str) -> u16 {
    match exception.to_ascii_lowercase().trim_end_matches("exception") {
        "validation" | "servicequotaexceeded" => 400,
        "accessdenied" => 403,
        "resourcenotfound" => 404,
        "modeltimeout" => 408,
        "modelerror" | "modelstreamerror" => 424,
        "throttling" | "modelnotready" => 429,
        "serviceunavailable" => 503,
        _ => 500,
    }
}

fn named(status: u16, name: &str, message: &str) -> Reply {
    let headers = vec![("x-amzn-errortype", format!("{name}:http://internal.amazon.com/coral/"))];
    Reply { headers, ..Reply::json(status, json!({"message": message}).to_string()) }
}

/// An error answer.
pub(crate) fn reply(status: u16, message: &str) -> Reply {
    named(status, usual(status).0, message)
}

/// The error answer a fault asks for.
pub(crate) fn faulty(fault: &Fault, status: u16, message: Option<&str>) -> Reply {
    let status = fault.exception.as_deref().map_or(status, status_of);
    let (name, sentence) = usual(status);
    let name = fault.exception.as_deref().or(fault.code.as_deref()).unwrap_or(name);
    named(status, &upper_first(name), message.unwrap_or(sentence))
}

/// The name and the payload of the exception in a stream.
pub(crate) fn in_stream(fault: &Fault) -> (String, String) {
    let name = fault.exception.clone().unwrap_or_else(|| "internalServerException".to_owned());
    let status = status_of(&name);
    let mut body = json!({"message": usual(status).1});
    if name == "modelStreamErrorException" {
        body["originalStatusCode"] = json!(500);
        body["originalMessage"] = json!("The model broke off.");
    }
    (name, body.to_string())
}

fn upper_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_have_a_name_and_a_status() {
        let fault = Fault::parse("exception=throttlingException").unwrap();
        let reply = faulty(&fault, 500, None);
        assert_eq!(reply.status, 429);
        assert!(reply.headers[0].1.starts_with("ThrottlingException:"));
        assert_eq!(in_stream(&fault).0, "throttlingException");
        assert!(in_stream(&Fault::parse("exception=modelStreamErrorException").unwrap()).1.contains("500"));
    }
}
