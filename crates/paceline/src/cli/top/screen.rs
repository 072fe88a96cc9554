//! What a person looks at: the view, the row, the order, the filter. No terminal is known here.

use super::data::Data;
use super::filter::Filter;
use super::models;
use serde_json::Value;

/// Windows that can be looked back.
pub(super) const WINDOWS: [&str; 5] = ["15m", "1h", "24h", "7d", "30d"];

/// A page of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum View {
    #[default]
    Overview,
    Models,
    Calls,
    Limits,
    Health,
}

impl View {
    pub(super) const ALL: [Self; 5] = [Self::Overview, Self::Models, Self::Calls, Self::Limits, Self::Health];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Models => "Models",
            Self::Calls => "Calls",
            Self::Limits => "Limits",
            Self::Health => "Health",
        }
    }

    /// Its rows can be chosen.
    pub(super) fn has_rows(self) -> bool {
        matches!(self, Self::Models | Self::Calls)
    }

    /// Its rows can be filtered.
    pub(super) fn has_filter(self) -> bool {
        self.has_rows()
    }
}

/// What the admin API has to be asked for this screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) view: View,
    pub(super) window: &'static str,
    /// Filters of `/v1/calls`, as a query.
    pub(super) calls: String,
    pub(super) paused: bool,
    /// Goes up when everything is wanted anew.
    pub(super) round: u64,
}

/// The state of the screen.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) view: View,
    window: usize,
    pub(super) paused: bool,
    pub(super) help: bool,
    /// The column that models are sorted by, and whether from the highest down.
    pub(super) sort: (usize, bool),
    filters: [Filter; View::ALL.len()],
    /// A filter that is being written.
    pub(super) typing: Option<String>,
    /// The call that is looked at alone.
    pub(super) open: Option<Value>,
    /// The chosen row of models.
    pub(super) row: usize,
    /// The chosen call; without one the newest, whichever that is.
    picked: Option<String>,
    /// The first line shown, for each view.
    pub(super) top: [usize; View::ALL.len()],
    /// The first line shown of the open call.
    pub(super) open_top: usize,
    /// Lines that a page key moves by; known once something was drawn.
    pub(super) page: usize,
    /// A remark on the last key.
    pub(super) said: Option<String>,
    pub(super) round: u64,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            view: View::Overview,
            window: 1,
            paused: false,
            help: false,
            sort: (models::BY_CALLS, true),
            filters: Default::default(),
            typing: None,
            open: None,
            row: 0,
            picked: None,
            top: [0; View::ALL.len()],
            open_top: 0,
            page: 10,
            said: None,
            round: 0,
        }
    }
}

impl Screen {
    /// One that shows this view.
    pub(super) fn of(view: View) -> Self {
        Self { view, ..Self::default() }
    }

    pub(super) fn window(&self) -> &'static str {
        WINDOWS[self.window]
    }

    pub(super) fn next_window(&mut self) {
        self.window = (self.window + 1) % WINDOWS.len();
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filters[self.view as usize]
    }

    pub(super) fn filter_of(&self, view: View) -> &Filter {
        &self.filters[view as usize]
    }

    pub(super) fn set_filter(&mut self, view: View, filter: Filter) {
        self.filters[view as usize] = filter;
        self.top[view as usize] = 0;
        if view == View::Calls {
            self.picked = None;
        } else {
            self.row = 0;
        }
    }

    pub(super) fn wish(&self) -> Wish {
        Wish {
            view: self.view,
            window: self.window(),
            calls: self.filter_of(View::Calls).query(),
            paused: self.paused,
            round: self.round,
        }
    }

    /// The row that is chosen, of those shown.
    pub(super) fn chosen(&self, data: &Data) -> usize {
        match self.view {
            View::Calls => self.picked.as_ref().map_or(0, |id| {
                let calls = data.calls_like(self.filter_of(View::Calls));
                calls.iter().position(|call| call["id"].as_str() == Some(id)).unwrap_or(0)
            }),
            View::Models => self.row.min(models::rows(data, self).len().saturating_sub(1)),
            _ => 0,
        }
    }

    /// Chooses another row, or shows other lines where there are no rows.
    pub(super) fn move_by(&mut self, lines: isize, data: &Data) {
        if self.open.is_some() {
            self.open_top = self.open_top.saturating_add_signed(lines);
            return;
        }
        let to = self.chosen(data).saturating_add_signed(lines);
        match self.view {
            View::Models => self.row = to,
            View::Calls => {
                let calls = data.calls_like(self.filter_of(View::Calls));
                let to = to.min(calls.len().saturating_sub(1));
                // Who stays at the top sees the newest.
                let id = calls.get(to).filter(|_| to > 0).and_then(|call| call["id"].as_str());
                self.picked = id.map(str::to_owned);
            }
            _ => {
                let top = &mut self.top[self.view as usize];
                *top = top.saturating_add_signed(lines);
            }
        }
        if self.view == View::Models {
            self.row = self.row.min(models::rows(data, self).len().saturating_sub(1));
        }
    }

    /// Keeps the first line in what is there, and the chosen row in sight.
    pub(super) fn scrolled(top: usize, lines: usize, height: usize, chosen: Option<usize>) -> usize {
        let last = lines.saturating_sub(height);
        let top = match chosen {
            Some(row) => top.clamp((row + 1).saturating_sub(height), row),
            None => top,
        };
        top.min(last)
    }
}
