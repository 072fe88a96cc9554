//! A bounded run of a fuzz target that is the same each time: its corpus, then mutations of it.

use super::cuts::Dice;
use std::path::Path;
use std::{fs, thread};

/// Bytes that decide something in what we read.
const WORDS: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b" ",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\r\r",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"0",
    b"-",
    b"1e9",
    b"null",
    b"true",
    b"false",
    b"\\u006d",
    b"data: ",
    b"data:",
    b": ",
    b"[DONE]",
    b"\"error\":",
    b"\"usage\":{}",
    b"\"choices\":[]",
    b"\"content\":\"x\"",
    b"\"stream\":true",
    b"\"stream_options\":",
    b"\"include_usage\":",
    b"\"model\":\"m\"",
    b"content-length: 3\r\n",
    b"chunked",
    b";",
    b"transfer-encoding: chunked\r\n",
    b"\t",
    b"GET / HTTP/1.1\r\n",
    b"0\r\n\r\n",
    b"fffffffffffffff0\r\n",
];

/// Checks every file of `fuzz/corpus/TARGET` and `rounds` mutations of them.
pub(crate) fn run(target: &str, rounds: usize, check: fn(&[u8])) {
    let seeds = corpus(target);
    assert!(!seeds.is_empty(), "no corpus for {target}");
    for seed in &seeds {
        tried(seed, check);
    }
    let mut dice = Dice::new(seeds.len() as u64);
    for _ in 0..rounds {
        let mut input = seeds[dice.below(seeds.len())].clone();
        for _ in 0..=dice.below(4) {
            let other = &seeds[dice.below(seeds.len())];
            mutate(&mut input, other, &mut dice);
        }
        tried(&input, check);
    }
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).expect("the corpus is part of the checkout");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    // The order of a folder is the machine's own; the run must not be.
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("readable")).collect()
}

/// Says which input it was, when the check panics.
fn tried(input: &[u8], check: fn(&[u8])) {
    struct Tell<'a>(&'a [u8]);
    impl Drop for Tell<'_> {
        #[expect(clippy::print_stderr, reason = "a failing test must tell its input")]
        fn drop(&mut self) {
            if thread::panicking() {
                eprintln!("input: b\"{}\"", self.0.escape_ascii());
            }
        }
    }
    let _tell = Tell(input);
    check(input);
}

fn mutate(input: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    let until = (at + dice.below(12)).min(input.len());
    match dice.below(7) {
        0 => input.truncate(at),
        1 => drop(input.drain(at..until)),
        2 => drop(input.splice(at..at, WORDS[dice.below(WORDS.len())].iter().copied())),
        3 => drop(input.splice(at..until, WORDS[dice.below(WORDS.len())].iter().copied())),
        4 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte = dice.below(256) as u8),
        5 => {
            // A part comes twice: repeated keys, events, chunks, headers.
            let end = (at + dice.below(120)).min(input.len());
            let part = input[at..end].to_vec();
            input.splice(end..end, part);
        }
        _ => {
            let from = dice.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }
    // The corpus is small; what grows beyond it is cut, so that the run stays short.
    input.truncate(4096);
}
