//! What the exporter says when the disk is full or the reader has gone.

use super::records;
use paceline_export::{ExportError, Exporter, Format};
use std::io::{Error, ErrorKind, Write};

/// Takes `room` bytes, then has no more.
struct Full {
    room: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        if self.room == 0 {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        let taken = bytes.len().min(self.room);
        self.room -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

fn export_into(format: Format, room: usize) -> Result<u64, ExportError> {
    let mut exporter = Exporter::new(format, Full { room })?;
    exporter.write(&records::many(50))?;
    exporter.finish()
}

#[test]
fn a_full_disk_is_told_as_such_wherever_it_strikes() {
    for format in Format::ALL {
        for room in [0, 1, 3, 10, 2000] {
            let error = export_into(format, room).unwrap_err();
            let ExportError::Write(io) = &error else { panic!("{format:?} with {room} bytes: {error}") };
            assert_eq!(io.kind(), ErrorKind::StorageFull, "{format:?} with {room} bytes");
        }
        assert_eq!(export_into(format, usize::MAX).unwrap(), 50);
    }
}
