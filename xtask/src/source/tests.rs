//! Sources in small: what is a token, a function, an import, a test.

use super::*;

fn parse(text: &str) -> Source {
    Source::parse(text).unwrap()
}

#[test]
fn functions_are_measured_from_fn_to_the_closing_brace() {
    let source = parse("/// Doc.\n#[inline]\nfn a(\n    x: u8,\n) -> u8 {\n    x\n}\nfn b() {}\n");
    let lengths: Vec<_> = source.functions.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect();
    assert_eq!(lengths, [("a", 3, 5), ("b", 8, 1)]);
}

#[test]
fn functions_in_impls_traits_functions_and_macros_are_seen() {
    let text = "impl A { fn one() { fn two() {} } }\ntrait T { fn sig(); fn three() {} }\nproptest! { fn four() {} }\n";
    let source = parse(text);
    let names: Vec<_> = source.functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["one", "two", "three", "four"]);
}

#[test]
fn a_function_type_is_no_function() {
    assert!(parse("struct S { f: fn(u8) -> u8 }").functions.is_empty());
}

#[test]
fn groups_of_imports_are_spelled_out() {
    let source = parse("use std::{\n    fs::{self, File as F},\n    env,\n};\nuse a::b as c;\n");
    let paths: Vec<_> = source.imports.iter().map(|i| (i.path.as_str(), i.line)).collect();
    assert_eq!(paths, [("std::fs", 2), ("std::fs::File", 2), ("std::env", 3), ("a::b", 5)]);
}

#[test]
fn a_path_is_found_over_line_ends_and_not_in_text_or_comments() {
    let source = parse("// std::fs\nfn a() {\n    let _ = \"std::fs\";\n    std\n        ::fs::read();\n}\n");
    let found: Vec<_> = occurrences(&source.tokens, &["std", "::", "fs"]).map(|(_, t)| t.line).collect();
    assert_eq!(found, [4]);
}

#[test]
fn test_modules_and_paused_tests_are_known() {
    let text = "fn product() { p(); }\n#[cfg(test)]\nmod tests {\n    #[tokio::test(start_paused = true)]\n    async fn paused() { q(); }\n    #[test]\n    fn real() { r(); }\n}\nfn after() { s(); }\n";
    let source = parse(text);
    let flags = |name: &str| {
        let token = source.tokens.iter().find(|t| t.text == name).unwrap();
        (token.in_test, token.clock_paused)
    };
    assert_eq!(flags("p"), (false, false));
    assert_eq!(flags("q"), (true, true));
    assert_eq!(flags("r"), (true, false));
    assert_eq!(flags("s"), (false, false));
}

#[test]
fn what_is_not_rust_is_an_error() {
    assert!(Source::parse("fn a( {").is_err());
}
