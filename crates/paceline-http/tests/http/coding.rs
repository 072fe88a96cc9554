//! The chunked coding: what is accepted, under any cut, and its bounds.

use crate::chunked::{check, decode};
use crate::smoke;
use paceline_http::chunked::BadChunk;
use proptest::prelude::*;

/// A body in chunks, as text, and its data.
fn body() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let size = prop::sample::select(&["", "0", "0000"][..]);
    let extension = prop::sample::select(&["", "", ";a", ";a=\"b;c\"", " ", "\t;x", "; \u{e9}"][..]);
    let chunk = (prop::collection::vec(any::<u8>(), 1..50), size, extension, any::<bool>());
    let trailers = prop::sample::select(&["", "a: b\r\n", "x-long: yyyyyyyyyyyyyyyyyyyyyyyy\r\nb:\r\n"][..]);
    (prop::collection::vec(chunk, 0..6), trailers, extension_of_last()).prop_map(
        |(chunks, trailers, last)| {
            let (mut text, mut data) = (Vec::new(), Vec::new());
            for (part, zeros, extension, upper) in chunks {
                let size = if upper { format!("{:X}", part.len()) } else { format!("{:x}", part.len()) };
                text.extend_from_slice(format!("{zeros}{size}{extension}\r\n").as_bytes());
                text.extend_from_slice(&part);
                text.extend_from_slice(b"\r\n");
                data.extend_from_slice(&part);
            }
            text.extend_from_slice(format!("{last}\r\n{trailers}\r\n").as_bytes());
            (text, data)
        },
    )
}

fn extension_of_last() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["0", "000", "0;a=b"][..])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn data_comes_out_and_what_follows_stays((mut text, data) in body(), after in prop::collection::vec(any::<u8>(), 0..9)) {
        let len = text.len();
        text.extend_from_slice(&after);
        check(&text);
        prop_assert_eq!(decode(&[&text]), (data, Ok((len, true))));
    }

    #[test]
    fn a_damaged_body_is_read_as_a_simple_reader_reads_it(
        (mut text, _) in body(),
        place in any::<prop::sample::Index>(),
        len in 0usize..3,
        bytes in prop::collection::vec(prop::sample::select(&b"\r\n;09afgx \t"[..]), 0..3),
    ) {
        let at = place.index(text.len());
        let until = (at + len).min(text.len());
        text.splice(at..until, bytes);
        check(&text);
    }
}

#[test]
fn corpus_and_mutations() {
    smoke::run("chunked", 3000, check);
}

/// Data is unbounded; what is thrown away is not.
#[test]
fn extensions_and_trailers_are_bounded_in_all() {
    let refused = Err(BadChunk("chunk extensions or trailers are too long"));
    let long = "x".repeat(20_000);
    let many = format!("1;{}\r\nx\r\n", "y".repeat(50)).repeat(1000);
    let lines = "a: b\r\n".repeat(5000);
    for text in [format!("1;{long}\r\n"), format!("0\r\n{long}"), many, format!("0\r\n{lines}\r\n")] {
        for piece in [1, 1000, text.len()] {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(piece).collect();
            assert_eq!(decode(&pieces).1, refused, "{}…", &text[..30]);
        }
    }
    let (size, data) = (1 << 20, vec![b'x'; 1 << 20]);
    let text = [format!("{size:x}\r\n").as_bytes(), &data, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(decode(&[&text]), (data, Ok((text.len(), true))));
}
