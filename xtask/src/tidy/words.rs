//! Words that must not stand in the sources.

use super::RustFile;
use crate::finding::Finding;
use crate::source::{Token, occurrences};

const UNFINISHED: &str = "what is committed is finished";
const GLOBAL: &str = "a global is shared by tests and configurations that must not know each other";

/// Tokens, why they are banned, what to do instead.
const BANNED: &[(&[&str], &str, &str)] = &[
    (&["todo", "!"], UNFINISHED, "build it, or leave it out"),
    (&["unimplemented", "!"], UNFINISHED, "build it, or leave it out"),
    (&["dbg", "!"], UNFINISHED, "remove it"),
    (&["static", "mut"], GLOBAL, "pass the state to those who need it"),
];

/// Checks one file.
pub(crate) fn check(file: &RustFile<'_>) -> Vec<Finding> {
    let tokens = &file.source.tokens;
    let mut findings = Vec::new();
    for (pattern, why, advice) in BANNED {
        for (index, token) in occurrences(tokens, pattern) {
            if !is_lifetime(tokens, index) {
                let what = format!("`{}`", pattern.join(if pattern[1] == "!" { "" } else { " " }));
                findings.push(Finding::new(file.path, token.line, what, why, *advice));
            }
        }
    }
    findings
}

/// `&'static mut T` is a lifetime, not a global.
fn is_lifetime(tokens: &[Token], index: usize) -> bool {
    index > 0 && tokens[index - 1].text == "'"
}

#[cfg(test)]
mod tests {
    use super::super::tests::{lines, rust};
    use super::*;

    #[test]
    fn unfinished_marks_and_globals_are_found() {
        let text = "fn a() { todo!() }\nfn b() { unimplemented!(\"x\") }\nfn c() { dbg!(1); }\nstatic mut D: u8 = 0;\n";
        assert_eq!(lines(check(&rust("a.rs", text))), [1, 2, 3, 4]);
    }

    #[test]
    fn text_comments_and_lifetimes_are_not() {
        let text = "// todo!()\nfn a(x: &'static mut u8) -> &'static str { \"dbg!(x)\" }\n";
        assert!(check(&rust("a.rs", text)).is_empty());
    }
}
