//! A Rust source as the rules see it: tokens with lines, functions with lengths, imports as full paths.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

/// One token; `::` is one token, groups are an opening and a closing one. Attributes and doc comments are left out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
    pub(crate) is_literal: bool,
    /// Inside something that is only compiled for tests.
    pub(crate) in_test: bool,
    /// Inside a test whose clock is simulated.
    pub(crate) clock_paused: bool,
}

/// One function with a body, wherever it stands.
#[derive(Debug, PartialEq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// From the line of `fn` to the line of the closing brace.
    pub(crate) lines: usize,
}

/// One imported path, groups spelled out.
#[derive(Debug, PartialEq)]
pub(crate) struct Import {
    pub(crate) path: String,
    pub(crate) line: usize,
}

/// Everything read from one source.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) tokens: Vec<Token>,
    pub(crate) functions: Vec<Function>,
    pub(crate) imports: Vec<Import>,
}

/// What surrounds a token.
#[derive(Clone, Copy, Default)]
struct Place {
    in_test: bool,
    clock_paused: bool,
}

impl Place {
    fn under(self, attribute: &str) -> Self {
        let is_test = attribute == "test" || attribute.contains("::test") || attribute.contains("cfg(test)");
        Self {
            in_test: self.in_test || is_test || attribute.contains("cfg(any(test"),
            clock_paused: self.clock_paused || attribute.contains("start_paused=true"),
        }
    }
}

impl Source {
    /// Reads a source; the error names what is not Rust.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let stream: TokenStream = text.parse().map_err(|error| format!("not Rust: {error}"))?;
        let mut source = Self::default();
        source.walk(stream, Place::default());
        Ok(source)
    }

    fn walk(&mut self, stream: TokenStream, outer: Place) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut place = outer;
        let mut index = 0;
        while index < trees.len() {
            if let Some((attribute, length)) = attribute_at(&trees[index..]) {
                place = place.under(&attribute);
                index += length;
                continue;
            }
            match ident(&trees[index]).as_deref() {
                Some("fn") => self.function_at(&trees[index..]),
                Some("use") => self.imports_at(&trees[index..]),
                _ => {}
            }
            self.token_at(&trees, index, place);
            // An attribute reaches to the end of its item.
            if ends_item(&trees[index]) {
                place = outer;
            }
            index += 1;
        }
    }

    fn token_at(&mut self, trees: &[TokenTree], index: usize, place: Place) {
        match &trees[index] {
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                self.push(open, group.span_open().start().line, false, place);
                self.walk(group.stream(), place);
                self.push(close, group.span_close().start().line, false, place);
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => {
                let double = punct.spacing() == Spacing::Joint && is_punct(trees.get(index + 1), ':');
                let second = index > 0 && joined_colon(&trees[index - 1]);
                if !second {
                    self.push(if double { "::" } else { ":" }, punct.span().start().line, false, place);
                }
            }
            tree => {
                let is_literal = matches!(tree, TokenTree::Literal(_));
                self.push(&tree.to_string(), tree.span().start().line, is_literal, place);
            }
        }
    }

    fn push(&mut self, text: &str, line: usize, is_literal: bool, place: Place) {
        if !text.is_empty() {
            let Place { in_test, clock_paused } = place;
            self.tokens.push(Token { text: text.to_owned(), line, is_literal, in_test, clock_paused });
        }
    }

    /// Measures the function that begins here; a signature without a body and a function type are none.
    fn function_at(&mut self, trees: &[TokenTree]) {
        let Some(name) = trees.get(1).and_then(ident) else { return };
        let body = trees.iter().find_map(|tree| match tree {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(Some(group)),
            TokenTree::Punct(punct) if punct.as_char() == ';' => Some(None),
            _ => None,
        });
        if let Some(Some(body)) = body {
            let line = trees[0].span().start().line;
            let lines = body.span_close().end().line - line + 1;
            self.functions.push(Function { name, line, lines });
        }
    }

    fn imports_at(&mut self, trees: &[TokenTree]) {
        // `use<'a>` in a bound is not an import.
        if is_punct(trees.get(1), '<') {
            return;
        }
        let end = trees.iter().position(|tree| is_punct(Some(tree), ';')).unwrap_or(trees.len());
        self.spell_out("", &trees[1..end]);
    }

    fn spell_out(&mut self, prefix: &str, trees: &[TokenTree]) {
        let mut path = prefix.to_owned();
        let mut line = None;
        let mut renamed = false;
        for tree in trees {
            match tree {
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    self.spell_out(&path, &inner);
                    line = None;
                }
                TokenTree::Punct(punct) if punct.as_char() == ',' => {
                    self.import(&path, line);
                    prefix.clone_into(&mut path);
                    (line, renamed) = (None, false);
                }
                TokenTree::Ident(name) if *name == "as" => renamed = true,
                TokenTree::Ident(name) if !renamed => {
                    line = line.or(Some(name.span().start().line));
                    if !path.is_empty() {
                        path.push_str("::");
                    }
                    path.push_str(&name.to_string());
                }
                _ => {}
            }
        }
        self.import(&path, line);
    }

    fn import(&mut self, path: &str, line: Option<usize>) {
        if let Some(line) = line {
            let path = path.trim_end_matches("::self").to_owned();
            self.imports.push(Import { path, line });
        }
    }
}

/// The attribute that begins here, without spaces, and how many trees it takes.
fn attribute_at(trees: &[TokenTree]) -> Option<(String, usize)> {
    if !is_punct(trees.first(), '#') {
        return None;
    }
    let at = if is_punct(trees.get(1), '!') { 2 } else { 1 };
    match trees.get(at) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            Some((without_spaces(group), at + 1))
        }
        _ => None,
    }
}

fn without_spaces(group: &Group) -> String {
    group.stream().to_string().split_whitespace().collect()
}

fn ident(tree: &TokenTree) -> Option<String> {
    match tree {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    }
}

fn is_punct(tree: Option<&TokenTree>, wanted: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn joined_colon(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Punct(p) if p.as_char() == ':' && p.spacing() == Spacing::Joint)
}

fn ends_item(tree: &TokenTree) -> bool {
    match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        tree => is_punct(Some(tree), ';'),
    }
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

/// The lines on which `pattern` stands as consecutive tokens, with the first token of each.
pub(crate) fn occurrences<'a>(
    tokens: &'a [Token],
    pattern: &'a [&str],
) -> impl Iterator<Item = (usize, &'a Token)> {
    let width = pattern.len();
    tokens
        .windows(width)
        .enumerate()
        .filter(move |(_, window)| window.iter().zip(pattern).all(|(token, want)| token.text == **want))
        .map(|(index, window)| (index, &window[0]))
}

#[cfg(test)]
mod tests;
