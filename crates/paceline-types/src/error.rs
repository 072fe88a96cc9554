//! What can go wrong with a call: a small fixed set, with whose fault it is and whether to try again.

use serde::Serialize;

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Blame {
    /// The application that called.
    Caller,
    /// Paceline or its configuration.
    Gateway,
    /// The provider or the way to it.
    Provider,
}

/// Whether another try can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same request fails anywhere.
    Never,
    /// The same deployment may answer in a moment.
    Here,
    /// Another deployment may answer.
    Elsewhere,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The caller's request is not usable.
    BadRequest,
    /// The caller gave no key, or an unknown one.
    Unauthorized,
    /// The caller may not do this.
    Forbidden,
    /// The model, path or object does not exist.
    NotFound,
    /// The request is larger than allowed.
    TooLarge,
    /// The prompt is longer than the model's context.
    ContextTooLong,
    /// A limit was reached: the caller's or the provider's.
    RateLimited,
    /// The provider is overloaded or failed (5xx).
    ProviderFailed,
    /// The provider refused Paceline's own key or account.
    ProviderAuth,
    /// No connection: name, route, handshake, refused.
    Connect,
    /// A time limit passed.
    Timeout,
    /// The connection ended before the answer did.
    Truncated,
    /// The answer was not what the dialect allows.
    Garbage,
    /// The provider blocked content.
    ContentFilter,
    /// Paceline is full and refuses new work, or is being stopped and ends what is under way.
    Overloaded,
    /// The caller went away.
    Canceled,
    /// A defect in Paceline.
    Internal,
    /// The provider cannot do what is asked; another one may.
    Unsupported,
    /// An answer that did not pass the checks of its route; a better model is asked.
    NotGoodEnough,
}

impl ErrorKind {
    /// All kinds, for metrics and documentation.
    pub const ALL: [ErrorKind; 19] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::TooLarge,
        Self::ContextTooLong,
        Self::RateLimited,
        Self::ProviderFailed,
        Self::ProviderAuth,
        Self::Connect,
        Self::Timeout,
        Self::Truncated,
        Self::Garbage,
        Self::ContentFilter,
        Self::Overloaded,
        Self::Canceled,
        Self::Internal,
        Self::Unsupported,
        Self::NotGoodEnough,
    ];

    /// The stable name in records, metrics and error codes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::TooLarge => "too_large",
            Self::ContextTooLong => "context_too_long",
            Self::RateLimited => "rate_limited",
            Self::ProviderFailed => "provider_failed",
            Self::ProviderAuth => "provider_auth",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Truncated => "truncated",
            Self::Garbage => "garbage",
            Self::ContentFilter => "content_filter",
            Self::Overloaded => "overloaded",
            Self::Canceled => "canceled",
            Self::Internal => "internal",
            Self::Unsupported => "unsupported",
            Self::NotGoodEnough => "not_good_enough",
        }
    }

    /// Whose fault it is.
    pub const fn blame(self) -> Blame {
        match self {
            Self::BadRequest
            | Self::Unauthorized
            | Self::Forbidden
            | Self::NotFound
            | Self::TooLarge
            | Self::ContextTooLong
            | Self::ContentFilter
            | Self::Unsupported
            | Self::Canceled => Blame::Caller,
            Self::Overloaded | Self::Internal | Self::NotGoodEnough => Blame::Gateway,
            Self::RateLimited
            | Self::ProviderFailed
            | Self::ProviderAuth
            | Self::Connect
            | Self::Timeout
            | Self::Truncated
            | Self::Garbage => Blame::Provider,
        }
    }

    /// The HTTP status that tells it to a caller.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::ContextTooLong | Self::ContentFilter | Self::Unsupported => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::TooLarge => 413,
            Self::RateLimited => 429,
            Self::Canceled => 499,
            Self::Internal => 500,
            // Our key is not the caller's.
            Self::ProviderFailed
            | Self::ProviderAuth
            | Self::Connect
            | Self::Truncated
            | Self::Garbage
            | Self::NotGoodEnough => 502,
            Self::Overloaded => 503,
            Self::Timeout => 504,
        }
    }

    /// Whether another try can help.
    pub const fn retry(self) -> Retry {
        match self {
            Self::ContextTooLong
            | Self::RateLimited
            | Self::ProviderAuth
            | Self::Garbage
            | Self::Unsupported
            | Self::NotGoodEnough => Retry::Elsewhere,
            Self::ProviderFailed | Self::Connect | Self::Timeout | Self::Truncated => Retry::Here,
            _ => Retry::Never,
        }
    }
}
