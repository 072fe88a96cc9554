//! Tables of cells whose number is bounded, and the bounds of families.

use super::space::Key;
use paceline_stats::histogram::Histogram;
use std::collections::HashMap;

/// Combinations of provider, model, tenant and operation with series of their own; a cell takes about two kilobytes.
/// Calls of further ones count under `other`.
pub const MAX_CELLS: usize = 500;

/// How many series a family may still get, and how often there was no room.
#[derive(Clone, Debug)]
pub struct Room {
    /// The family's name.
    pub family: &'static str,
    left: usize,
    /// Counts that went to `other` instead of a series of their own.
    pub dropped: u64,
}

impl Room {
    /// Room for so many series of a family.
    pub const fn new(family: &'static str, left: usize) -> Self {
        Self { family, left, dropped: 0 }
    }

    fn take(&mut self) -> bool {
        let fits = self.left > 0;
        self.left = self.left.saturating_sub(1);
        self.dropped += u64::from(!fits);
        fits
    }
}

/// Something that is no series before the first count.
pub trait Slot {
    /// Whether nothing was counted yet.
    fn is_new(&self) -> bool;
}

impl Slot for u64 {
    fn is_new(&self) -> bool {
        *self == 0
    }
}

impl Slot for Histogram {
    fn is_new(&self) -> bool {
        self.count() == 0
    }
}

impl Slot for Option<Box<Histogram>> {
    fn is_new(&self) -> bool {
        self.is_none()
    }
}

/// Cells by key, at most [`MAX_CELLS`] and one `other` for each operation.
#[derive(Clone, Debug)]
pub struct Table<T> {
    places: HashMap<Key, usize>,
    cells: Vec<(Key, T)>,
    room: Room,
}

impl<T: Default> Table<T> {
    /// An empty table; its bound is told under `family`.
    pub fn new(family: &'static str) -> Self {
        Self { places: HashMap::new(), cells: Vec::new(), room: Room::new(family, MAX_CELLS) }
    }

    /// Where the key's cell stands.
    pub fn place(&mut self, key: Key) -> usize {
        if let Some(at) = self.places.get(&key) {
            return *at;
        }
        if !key.is_other() && !self.room.take() {
            return self.place(key.other());
        }
        self.places.insert(key, self.cells.len());
        self.cells.push((key, T::default()));
        self.cells.len() - 1
    }

    /// The cell at a place that [`Table::place`] gave.
    pub fn cell(&mut self, at: usize) -> &mut T {
        &mut self.cells[at].1
    }

    /// A series of the cell at a place that [`Table::place`] gave; that of `other` where the family has no room left.
    pub fn slot<S: Slot>(&mut self, at: usize, room: &mut Room, part: impl Fn(&mut T) -> &mut S) -> &mut S {
        let key = self.cells[at].0;
        let no_room = !key.is_other() && part(self.cell(at)).is_new() && !room.take();
        let at = if no_room { self.place(key.other()) } else { at };
        part(self.cell(at))
    }

    /// All cells in a steady order.
    pub fn sorted(&self) -> Vec<(Key, &T)> {
        let mut all: Vec<_> = self.cells.iter().map(|(key, cell)| (*key, cell)).collect();
        all.sort_by_key(|(key, _)| *key);
        all
    }

    /// The bound on cells.
    pub fn room(&self) -> &Room {
        &self.room
    }
}
