//! The table as Parquet: types, dictionaries for names, real nulls, zstd.

use crate::columns::{COLUMNS, Column, Kind, Value};
use crate::error::ExportError;
use paceline_types::money::Cost;
use paceline_types::record::{Attempt, CallRecord};
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;
use std::io::Write;
use std::sync::Arc;

/// Records that wait for a row group to be full; then it is written.
const GROUP_ROWS: usize = 16_384;
/// The same in bytes held, for records with many labels and tries.
const GROUP_BYTES: usize = 32 * 1024 * 1024;
/// What Zstandard calls its default.
const ZSTD_LEVEL: i32 = 3;
/// Characters of a text that its column's smallest and largest value may take in the file's directory.
const STATISTICS_BYTES: usize = 64;

/// A file being written.
pub(crate) struct ParquetTable<W: Write + Send> {
    file: SerializedFileWriter<W>,
    waiting: Vec<Arc<CallRecord>>,
    waiting_bytes: usize,
}

impl<W: Write + Send> ParquetTable<W> {
    pub(crate) fn new(writer: W) -> Result<Self, ExportError> {
        let schema = Arc::new(parse_message_type(&schema())?);
        let file = SerializedFileWriter::new(writer, schema, Arc::new(properties()?))?;
        Ok(Self { file, waiting: Vec::new(), waiting_bytes: 0 })
    }

    pub(crate) fn push(&mut self, record: &Arc<CallRecord>) -> Result<(), ExportError> {
        self.waiting.push(Arc::clone(record));
        self.waiting_bytes += held_bytes(record);
        if self.waiting.len() >= GROUP_ROWS || self.waiting_bytes >= GROUP_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    /// Writes what waits and the file's directory.
    pub(crate) fn finish(mut self) -> Result<(), ExportError> {
        if !self.waiting.is_empty() {
            self.write_group()?;
        }
        self.file.finish()?;
        self.file.inner_mut().flush()?;
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), ExportError> {
        let mut group = self.file.next_row_group()?;
        for column in COLUMNS {
            let mut writer = group.next_column()?.ok_or_else(|| ExportError::Encode(missing(column)))?;
            write_column(column, &self.waiting, &mut writer)?;
            writer.close()?;
        }
        group.close()?;
        self.waiting.clear();
        self.waiting_bytes = 0;
        Ok(())
    }
}

fn missing(column: &Column) -> String {
    format!("the Parquet schema has no place for {}", column.name)
}

/// About how much memory a record holds. Names are shared with others and do not count.
fn held_bytes(record: &CallRecord) -> usize {
    let labels = record.labels.as_deref().map_or(0, |labels| {
        let one = [&labels.role, &labels.task, &labels.task_type, &labels.operation].into_iter().chain([
            &labels.session,
            &labels.user,
            &labels.trace_id,
        ]);
        let tags = labels.tags.iter().map(|(key, value)| key.len() + value.len() + 32);
        size_of_val(labels) + one.flatten().map(|text| text.len()).sum::<usize>() + tags.sum::<usize>()
    });
    size_of::<CallRecord>() + record.attempts.len() * size_of::<Attempt>() + labels
}

/// The schema in Parquet's own words, from the table of columns.
fn schema() -> String {
    let column = |column: &Column| {
        let presence = if column.optional { "optional" } else { "required" };
        let (physical, logical) = match column.kind {
            Kind::Name | Kind::Text => ("binary", " (STRING)"),
            Kind::Int => ("int64", ""),
            Kind::Float => ("double", ""),
            Kind::Bool => ("boolean", ""),
            Kind::Time => ("int64", " (TIMESTAMP(MICROS,true))"),
            Kind::Money => ("fixed_len_byte_array(16)", " (DECIMAL(38,12))"),
        };
        format!("{presence} {physical} {}{logical};\n", column.name)
    };
    format!("message calls {{\n{}}}", COLUMNS.iter().map(column).collect::<String>())
}

/// Version 1 pages and encodings: every reader has them.
fn properties() -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("paceline version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_dictionary_enabled(false)
        // Statistics per page would make the directory, which is held in memory until the end, several times as large.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES));
    for column in COLUMNS.iter().filter(|column| matches!(column.kind, Kind::Name | Kind::Int)) {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column.name), true);
    }
    Ok(properties.build())
}

fn write_column(
    column: &Column,
    records: &[Arc<CallRecord>],
    writer: &mut SerializedColumnWriter<'_>,
) -> Result<(), ParquetError> {
    match column.kind {
        Kind::Name | Kind::Text => write_as::<ByteArrayType>(column, records, writer, |value| match value {
            Value::Text(text) => Some(ByteArray::from(text.into_owned().into_bytes())),
            _ => None,
        }),
        Kind::Int => write_as::<Int64Type>(column, records, writer, |value| match value {
            Value::Int(number) => Some(number),
            _ => None,
        }),
        Kind::Float => write_as::<DoubleType>(column, records, writer, |value| match value {
            Value::Float(number) => Some(number),
            _ => None,
        }),
        Kind::Bool => write_as::<BoolType>(column, records, writer, |value| match value {
            Value::Bool(truth) => Some(truth),
            _ => None,
        }),
        Kind::Time => write_as::<Int64Type>(column, records, writer, |value| match value {
            Value::Time(time) => Some(time.0),
            _ => None,
        }),
        Kind::Money => write_as::<FixedLenByteArrayType>(column, records, writer, |value| match value {
            Value::Money(Cost(pico)) => Some(decimal(pico)),
            _ => None,
        }),
    }
}

/// A decimal is a whole number, here of pico-dollars, in two's complement, highest byte first.
fn decimal(pico: i64) -> FixedLenByteArray {
    ByteArray::from(i128::from(pico).to_be_bytes().to_vec()).into()
}

/// Cells that `pick` does not know are null, which Parquet tells by levels beside the values: 1 is there, 0 is not.
fn write_as<T: DataType>(
    column: &Column,
    records: &[Arc<CallRecord>],
    writer: &mut SerializedColumnWriter<'_>,
    pick: fn(Value<'_>) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let cells = records.iter().map(|record| pick((column.value)(record)));
    let mut values = Vec::with_capacity(records.len());
    let mut levels = Vec::with_capacity(records.len());
    for cell in cells {
        levels.push(i16::from(cell.is_some()));
        values.extend(cell);
    }
    let levels = column.optional.then_some(levels.as_slice());
    writer.typed::<T>().write_batch(&values, levels, None)?;
    Ok(())
}
