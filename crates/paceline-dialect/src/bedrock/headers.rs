//! The headers of a frame: read in place, written for tests and answers of ours.
//!
//! One header is `name_len u8 | name | type u8 | value`; types 0 to 9, numbers big-endian.

use super::frames::FrameError;

/// The value of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Types 0 (true) and 1 (false).
    Bool(bool),
    /// Type 2.
    Byte(i8),
    /// Type 3.
    Short(i16),
    /// Type 4.
    Int(i32),
    /// Type 5.
    Long(i64),
    /// Type 6, up to 65 535 bytes.
    Bytes(&'a [u8]),
    /// Type 7, up to 65 535 bytes.
    Text(&'a str),
    /// Type 8: Unix milliseconds.
    Timestamp(i64),
    /// Type 9.
    Uuid(&'a [u8; 16]),
}

/// The headers that say what a frame is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'a> {
    pub(super) message_type: Option<&'a str>,
    pub(super) event_type: Option<&'a str>,
    pub(super) exception_type: Option<&'a str>,
    pub(super) error_code: Option<&'a str>,
    pub(super) error_message: Option<&'a str>,
}

/// Headers that were read once, so that they hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Headers<'a> {
    bytes: &'a [u8],
    pub(super) known: Known<'a>,
}

impl<'a> Headers<'a> {
    /// Reads all of them.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let mut known = Known::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = bytes.len() - rest.len();
            let told = |what| FrameError::Header { at, what };
            let (name, value) = take(&mut rest).map_err(told)?;
            let slot = match name {
                ":message-type" => &mut known.message_type,
                ":event-type" => &mut known.event_type,
                ":exception-type" => &mut known.exception_type,
                ":error-code" => &mut known.error_code,
                ":error-message" => &mut known.error_message,
                _ => continue,
            };
            let Value::Text(text) = value else { return Err(told("a name of the frame is no string")) };
            // Two readers could take different ones of them.
            if slot.replace(text).is_some() {
                return Err(told("it came before"));
            }
        }
        Ok(Self { bytes, known })
    }

    pub(super) fn iter(self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || take(&mut rest).ok())
    }
}

/// Takes the first header.
fn take<'a>(rest: &mut &'a [u8]) -> Result<(&'a str, Value<'a>), &'static str> {
    const CUT: &str = "it is cut off";
    const TEXT: &str = "it is not UTF-8";
    let [name_len] = *fixed(rest).ok_or(CUT)?;
    let name = counted(rest, usize::from(name_len)).ok_or(CUT)?;
    let name = std::str::from_utf8(name).map_err(|_| TEXT)?;
    let [kind] = *fixed(rest).ok_or(CUT)?;
    let value = match kind {
        0 => Value::Bool(true),
        1 => Value::Bool(false),
        2 => Value::Byte(i8::from_be_bytes(*fixed(rest).ok_or(CUT)?)),
        3 => Value::Short(i16::from_be_bytes(*fixed(rest).ok_or(CUT)?)),
        4 => Value::Int(i32::from_be_bytes(*fixed(rest).ok_or(CUT)?)),
        5 => Value::Long(i64::from_be_bytes(*fixed(rest).ok_or(CUT)?)),
        6 | 7 => {
            let len = u16::from_be_bytes(*fixed(rest).ok_or(CUT)?);
            let bytes = counted(rest, usize::from(len)).ok_or(CUT)?;
            match kind {
                6 => Value::Bytes(bytes),
                _ => Value::Text(std::str::from_utf8(bytes).map_err(|_| TEXT)?),
            }
        }
        8 => Value::Timestamp(i64::from_be_bytes(*fixed(rest).ok_or(CUT)?)),
        9 => Value::Uuid(fixed(rest).ok_or(CUT)?),
        _ => return Err("its type is not known"),
    };
    Ok((name, value))
}

fn fixed<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (value, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(value)
}

fn counted<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (value, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(value)
}

/// Writes headers at the end of `out`; after an error some of them stand there.
pub(super) fn write(out: &mut Vec<u8>, headers: &[(&str, Value<'_>)]) -> Result<(), FrameError> {
    let start = out.len();
    for (name, value) in headers {
        let at = out.len() - start;
        let too_long = |what| move |_| FrameError::Header { at, what };
        out.push(u8::try_from(name.len()).map_err(too_long("its name is longer than 255 bytes"))?);
        out.extend_from_slice(name.as_bytes());
        let counted = |out: &mut Vec<u8>, kind, bytes: &[u8]| {
            let len = u16::try_from(bytes.len()).map_err(too_long("its value is longer than 65535 bytes"))?;
            out.push(kind);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(bytes);
            Ok(())
        };
        let fixed = |out: &mut Vec<u8>, kind, bytes: &[u8]| {
            out.push(kind);
            out.extend_from_slice(bytes);
        };
        match value {
            Value::Bool(value) => out.push(u8::from(!value)),
            Value::Byte(value) => fixed(out, 2, &value.to_be_bytes()),
            Value::Short(value) => fixed(out, 3, &value.to_be_bytes()),
            Value::Int(value) => fixed(out, 4, &value.to_be_bytes()),
            Value::Long(value) => fixed(out, 5, &value.to_be_bytes()),
            Value::Bytes(value) => counted(out, 6, value)?,
            Value::Text(value) => counted(out, 7, value.as_bytes())?,
            Value::Timestamp(value) => fixed(out, 8, &value.to_be_bytes()),
            Value::Uuid(value) => fixed(out, 9, *value),
        }
    }
    Ok(())
}
