//! JSON lines are the records' own JSON, one a line.

use super::{export, records};
use paceline_export::Format;
use proptest::prelude::*;

proptest! {
    #[test]
    fn each_line_is_the_record(records in records::records(), batch in 1..5usize) {
        let bytes = export(Format::JsonLines, &records, batch);
        let expected: String =
            records.iter().map(|record| serde_json::to_string(&**record).unwrap() + "\n").collect();
        prop_assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}
