//! The columns of a call record: their numbers on disk, and the numbers of enumerated values.
//!
//! Numbers are for ever: a new column or value takes the next free one, none is used again. A block that has fewer
//! columns than are known today was written by an earlier version; what it lacks reads as zero or as no text.

use paceline_types::error::ErrorKind;
use paceline_types::record::{AttemptReason, CacheState, Dialect, Operation, Status};
use paceline_types::tokens::UsageSource;

/// How a column is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
}

macro_rules! columns {
    ($($name:ident = $number:literal $kind:ident;)*) => {
        $(pub(crate) const $name: usize = $number;)*
        /// The kind of each column by its number.
        pub(crate) const KINDS: [Kind; [$($number),*].len()] = [$(Kind::$kind),*];
    };
}

columns! {
    ID_MS = 0 Int;
    ID_COUNT = 1 Int;
    ID_WORKER = 2 Int;
    STARTED = 3 Int;
    OPERATION = 4 Int;
    DIALECT = 5 Int;
    STREAM = 6 Int;
    STATUS = 7 Int;
    CACHE = 8 Int;
    ERROR_KIND = 9 Int;
    HTTP_STATUS = 10 Int;
    USAGE = 11 Int;
    INPUT = 12 Int;
    OUTPUT = 13 Int;
    CACHE_READ = 14 Int;
    CACHE_WRITE = 15 Int;
    REASONING = 16 Int;
    COST = 17 Int;
    DURATION = 18 Int;
    QUEUE = 19 Int;
    ROUTE = 20 Int;
    WORKED = 21 Int;
    FIRST = 22 Int;
    LAST = 23 Int;
    ITL = 24 Int;
    TENANT = 25 Text;
    WORKSPACE = 26 Text;
    KEY = 27 Text;
    ROLE = 28 Text;
    TASK = 29 Text;
    TASK_TYPE = 30 Text;
    OPERATION_LABEL = 31 Text;
    SESSION = 32 Text;
    USER = 33 Text;
    TRACE = 34 Text;
    TAGS = 35 Text;
    ERROR_CODE = 36 Text;
    FINISH = 37 Text;
    REQUESTED = 38 Text;
    PROVIDER = 39 Text;
    MODEL = 40 Text;
    UPSTREAM = 41 Text;
    REGION = 42 Text;
    ATTEMPTS = 43 Bytes;
    CACHE_WRITE_1H = 44 Int;
    ROUTE_NAME = 45 Text;
}

/// How many columns a block has.
pub(crate) const COLUMNS: usize = KINDS.len();

/// The columns that are asked for by text, and so get a dictionary in the zone or a Bloom filter.
pub(crate) const ASKED: [usize; 14] = [
    TENANT, WORKSPACE, KEY, ROLE, TASK, SESSION, USER, TAGS, REQUESTED, PROVIDER, MODEL, UPSTREAM,
    ERROR_CODE, ROUTE_NAME,
];

/// A value as its number.
pub(crate) trait Coded: Copy + Sized + 'static {
    /// All values by number.
    const ALL: &'static [Self];

    /// The value of a number; `None` for one of a later version.
    fn of(code: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }
}

/// The number of a value.
pub(crate) fn code<T: Coded + PartialEq>(value: T) -> u64 {
    T::ALL.iter().position(|known| *known == value).unwrap_or(0) as u64
}

impl Coded for Operation {
    const ALL: &'static [Self] = &[Self::Chat, Self::Embeddings, Self::Passthrough, Self::CountTokens];
}

impl Coded for Dialect {
    const ALL: &'static [Self] = &[
        Self::OpenAi,
        Self::Raw,
        Self::Responses,
        Self::Anthropic,
        Self::Gemini,
        Self::Bedrock,
        Self::Ollama,
    ];
}

impl Coded for Status {
    const ALL: &'static [Self] = &[Self::Ok, Self::Error, Self::Partial, Self::Canceled, Self::Refused];
}

impl Coded for CacheState {
    const ALL: &'static [Self] = &[Self::Off];
}

impl Coded for AttemptReason {
    const ALL: &'static [Self] = &[Self::First, Self::Fallback, Self::Retry, Self::Cascade];
}

impl Coded for UsageSource {
    const ALL: &'static [Self] = &[Self::Reported, Self::Counted, Self::Estimated];
}

impl Coded for ErrorKind {
    const ALL: &'static [Self] = &ErrorKind::ALL;
}

/// A value that may be missing: 0, else one more than its number.
pub(crate) fn optional<T: Coded + PartialEq>(value: Option<T>) -> u64 {
    value.map_or(0, |value| code(value) + 1)
}

/// Undoes [`optional`].
pub(crate) fn read_optional<T: Coded>(code: u64) -> Option<T> {
    T::of(code.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_number_of_its_own() {
        // Enumerations that grew without a number here would be read back as another value.
        for kind in ErrorKind::ALL {
            assert_eq!(read_optional(optional(Some(kind))), Some(kind));
        }
        for status in Status::ALL {
            assert_eq!(Status::of(code(*status)), Some(*status));
        }
        assert_eq!(read_optional::<Status>(0), None);
        assert_eq!(Status::of(99), None);
    }

    #[test]
    fn the_table_is_in_the_order_of_its_numbers() {
        assert_eq!(KINDS[TENANT], Kind::Text);
        assert_eq!(KINDS[ITL], Kind::Int);
        assert_eq!(KINDS[ATTEMPTS], Kind::Bytes);
        assert_eq!((KINDS[CACHE_WRITE_1H], KINDS[ROUTE_NAME]), (Kind::Int, Kind::Text));
        assert_eq!(ROUTE_NAME + 1, COLUMNS);
    }
}
