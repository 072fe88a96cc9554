//! Errors as Gemini writes them: waits and reasons are in the details, not in headers.

use crate::{exchange::Reply, fault::Fault};
use serde_json::{Value, json};

/// Status word and sentence that go with a status.
fn usual(status: u16) -> (&'static str, &'static str) {
    match status {
        401 => ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
        403 => ("PERMISSION_DENIED", "The caller does not have permission."),
        404 => ("NOT_FOUND", "Requested entity was not found."),
        409 => ("ABORTED", "The request conflicts with another one."),
        429 => ("RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan."),
        499 => ("CANCELLED", "The operation was cancelled."),
        503 => ("UNAVAILABLE", "The model is overloaded. Please try again later."),
        408 | 504 => ("DEADLINE_EXCEEDED", "The service was unable to finish within the deadline."),
        500.. => ("INTERNAL", "An internal error has occurred."),
        _ => ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    }
}

fn envelope(status: u16, message: Option<&str>, details: &[Value]) -> String {
    let (word, sentence) = usual(status);
    let mut error = json!({"code": status, "message": message.unwrap_or(sentence), "status": word});
    if !details.is_empty() {
        error["details"] = json!(details);
    }
    json!({"error": error}).to_string()
}

/// An error answer.
pub(crate) fn reply(status: u16, message: &str) -> Reply {
    Reply::json(status, envelope(status, Some(message), &[]))
}

/// The error answer a fault asks for.
pub(crate) fn faulty(fault: &Fault, status: u16, message: Option<&str>) -> Reply {
    Reply::json(status, envelope(status, message, &details(fault, status)))
}

/// The error in a stream.
pub(crate) fn in_stream(fault: &Fault) -> String {
    envelope(503, None, &details(fault, 503))
}

fn details(fault: &Fault, status: u16) -> Vec<Value> {
    let mut details = Vec::new();
    if let Some(code) = &fault.code {
        details.push(if status == 429 {
            let metric = "generativelanguage.googleapis.com/generate_content_requests";
            let violation = json!({"quotaMetric": metric, "quotaId": code});
            json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]})
        } else {
            json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code,
                "domain": "googleapis.com"})
        });
    }
    let in_ms = fault.retry_after_ms.as_ref().and_then(|ms| ms.parse::<f64>().ok());
    let seconds = in_ms.map(|ms| ms / 1_000.0).or_else(|| fault.retry_after.as_ref()?.parse().ok());
    let seconds = seconds.or_else(|| fault.retry_after_date.map(|seconds| seconds as f64));
    if let Some(seconds) = seconds {
        let digits = format!("{seconds:.9}");
        let delay = format!("{}s", digits.trim_end_matches('0').trim_end_matches('.'));
        details.push(json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}));
    }
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_and_quotas_are_in_the_details() {
        let fault = Fault::parse("status=429,retry-after=2,code=PerDay").unwrap();
        let body: Value = serde_json::from_slice(&faulty(&fault, 429, None).body).unwrap();
        assert_eq!(body["error"]["status"], "RESOURCE_EXHAUSTED");
        assert_eq!(body["error"]["details"][0]["violations"][0]["quotaId"], "PerDay");
        assert_eq!(body["error"]["details"][1]["retryDelay"], "2s");
        let fault = Fault::parse("retry-after-ms=45837.906927,retry-after=1").unwrap();
        assert_eq!(details(&fault, 429)[0]["retryDelay"], "45.837906927s");
    }
}
