//! The cases: what is called, how often, over what upstream.

use clap::ValueEnum;
use serde::Serialize;

use crate::payload::{self, translated};
use crate::subject::Subject;

/// One kind of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Case {
    /// Short answers, 32 connections at saturation.
    Small,
    /// Short answers, 1,000 calls a second on schedule.
    SmallOpen,
    /// 64 events 5 ms apart, 60 streams a second on schedule.
    Paced,
    /// 64 events without pauses, 16 connections at saturation.
    Burst,
    /// As burst, but Paceline's provider speaks Anthropic's dialect: it translates, where the others pass on.
    Translated,
    /// A prompt of 100 KB, 16 connections at saturation.
    Big,
    /// As small, the upstream speaks TLS.
    TlsSmall,
    /// As paced, the upstream speaks TLS.
    TlsPaced,
    /// As small with 8 connections; the TLS upstream closes after each answer and resumes no session.
    Storm,
}

/// How calls are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// This many connections, each starts its next call when the last has ended.
    Closed {
        /// Connections.
        connections: usize,
    },
    /// Calls start on schedule, whatever became of the earlier ones.
    Open {
        /// Calls a second.
        per_second: u32,
    },
}

/// What stands behind the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Behind {
    /// HTTP/1.1, kept alive.
    Plain,
    /// HTTP/1.1 over TLS, kept alive.
    Tls,
    /// HTTP/1.1 over TLS, a handshake per call.
    TlsClosing,
}

/// What a call sends and what has to come back, byte for byte.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// Body of the request.
    pub(crate) request: Vec<u8>,
    /// Body of the answer.
    pub(crate) answer: Vec<u8>,
    /// Bytes of the answer up to the end of its first event; the whole answer when it is not streamed.
    pub(crate) first: usize,
}

impl Exchange {
    /// A stream of the usual events from this model.
    pub(crate) fn stream(model: &str, ask_usage: bool) -> Self {
        let request = payload::request(model, false, true, ask_usage).into_bytes();
        let events = payload::events();
        let answer = (events.concat() + &payload::stream_end(ask_usage)).into_bytes();
        Self { request, answer, first: events[0].len() }
    }
}

impl Case {
    /// What `run` takes when nothing is named.
    pub(crate) const DEFAULT: [Self; 7] =
        [Self::Small, Self::SmallOpen, Self::Paced, Self::Burst, Self::Big, Self::TlsSmall, Self::TlsPaced];

    /// The name on the command line and in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::SmallOpen => "small-open",
            Self::Paced => "paced",
            Self::Burst => "burst",
            Self::Translated => "translated",
            Self::Big => "big",
            Self::TlsSmall => "tls-small",
            Self::TlsPaced => "tls-paced",
            Self::Storm => "storm",
        }
    }

    /// The name of the model that is asked for.
    pub(crate) fn model(self) -> &'static str {
        match self {
            Self::Small | Self::SmallOpen | Self::TlsSmall | Self::Storm => "small",
            Self::Paced | Self::TlsPaced => "paced",
            Self::Burst => "burst",
            Self::Translated => "translated",
            Self::Big => "big",
        }
    }

    /// How calls are started.
    pub(crate) fn pace(self) -> Pace {
        match self {
            Self::Small | Self::TlsSmall => Pace::Closed { connections: 32 },
            Self::Burst | Self::Translated | Self::Big => Pace::Closed { connections: 16 },
            Self::Storm => Pace::Closed { connections: 8 },
            Self::SmallOpen => Pace::Open { per_second: 1_000 },
            Self::Paced | Self::TlsPaced => Pace::Open { per_second: 60 },
        }
    }

    /// Whether the answer is a stream of events.
    pub(crate) fn streams(self) -> bool {
        matches!(self, Self::Paced | Self::TlsPaced | Self::Burst | Self::Translated)
    }

    /// The upstream this case needs.
    pub(crate) fn behind(self) -> Behind {
        match self {
            Self::TlsSmall | Self::TlsPaced => Behind::Tls,
            Self::Storm => Behind::TlsClosing,
            _ => Behind::Plain,
        }
    }

    /// What is sent to `subject` and what has to come back from it.
    pub(crate) fn exchange_with(self, subject: Subject, ask_usage: bool) -> Exchange {
        let exchange = self.exchange(ask_usage);
        if self != Self::Translated || !matches!(subject, Subject::Paceline | Subject::PacelineB) {
            return exchange;
        }
        let (events, end) = translated::expected(ask_usage);
        Exchange { answer: (events.concat() + &end).into_bytes(), first: events[0].len(), ..exchange }
    }

    /// What is sent and what has to come back. With `ask_usage` the caller itself asks for the usage of a stream.
    pub(crate) fn exchange(self, ask_usage: bool) -> Exchange {
        if self.streams() {
            return Exchange::stream(self.model(), ask_usage);
        }
        let long_prompt = self == Self::Big;
        let request = payload::request(self.model(), long_prompt, false, ask_usage).into_bytes();
        let answer = payload::completion(long_prompt).into_bytes();
        Exchange { request, first: answer.len(), answer }
    }
}
