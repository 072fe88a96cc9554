//! Blocks of an answer, for dialects that open and close thoughts, text and every tool call.

use super::answer::Token;
use crate::call::Part;

/// One block: its place in the answer, what it holds, and which tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) index: usize,
    pub(crate) part: Part,
    pub(crate) tool: usize,
}

/// What a token does to the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// The block that ends before it.
    pub(crate) closed: Option<Block>,
    /// The block it belongs to, and whether it is the first there.
    pub(crate) block: Block,
    pub(crate) opens: bool,
}

/// The blocks of one answer so far.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    open: Option<Block>,
    begun: usize,
}

impl Blocks {
    pub(crate) fn turn(&mut self, token: Token<'_>) -> Turn {
        if let Some(block) = self.open.filter(|open| (open.part, open.tool) == (token.part, token.tool)) {
            return Turn { closed: None, block, opens: false };
        }
        let closed = self.close();
        let block = Block { index: self.begun, part: token.part, tool: token.tool };
        self.begun += 1;
        self.open = Some(block);
        Turn { closed, block, opens: true }
    }

    /// Closes the block that is open, if any.
    pub(crate) fn close(&mut self) -> Option<Block> {
        self.open.take()
    }
}
