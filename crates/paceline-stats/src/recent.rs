//! Where the sums of the calls before lie: names are shared, so the addresses of a call's names tell nearly always where
//! it is counted, without a look at their texts.

use crate::rollup::{Facet, Names};
use paceline_types::id::Name;

/// Places that are remembered for each facet; a further one takes the room of another, which is then looked up again.
const SLOTS: usize = 256;

/// Three names by where they lie; 0 stands for one that the facet does not have.
type Addresses = [usize; 3];

/// A place that was looked up.
#[derive(Clone, Copy, Debug)]
struct Slot {
    start: i64,
    addresses: Addresses,
    place: usize,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    /// By facet, then by what the addresses come to; without room until the first call.
    slots: Vec<Slot>,
    /// The names of each slot: as long as they are held, nobody else has their addresses.
    held: Vec<Option<Names>>,
}

fn addresses(facet: Facet, names: &Names) -> Addresses {
    let of = |name: &Name| name.as_ptr().addr();
    match facet {
        Facet::Served => [of(&names.provider), of(&names.model), of(&names.region)],
        Facet::Tenant => [of(&names.tenant), of(&names.model), of(&names.provider)],
        Facet::Role => [of(&names.role), 0, 0],
        Facet::Task => [of(&names.task), 0, 0],
    }
}

/// Fibonacci hashing (Knuth, TAOCP 3, 6.4): the upper bits of a product depend on all bits below.
fn slot(facet: Facet, start: i64, addresses: Addresses) -> usize {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let sum = addresses
        .iter()
        .fold(start as u64, |sum, &address| (sum ^ address as u64).wrapping_mul(GOLDEN).rotate_left(23));
    facet as usize * SLOTS + (sum.wrapping_mul(GOLDEN) >> (64 - SLOTS.ilog2())) as usize
}

impl Recent {
    /// Where a call of these names is counted in the bucket that begins at `start`; `look_up` finds it where that is not
    /// remembered.
    pub(crate) fn place(
        &mut self,
        facet: Facet,
        start: i64,
        names: &Names,
        look_up: impl FnOnce() -> usize,
    ) -> usize {
        let addresses = addresses(facet, names);
        let at = slot(facet, start, addresses);
        if let Some(known) = self.slots.get(at)
            && known.start == start
            && known.addresses == addresses
        {
            return known.place;
        }
        if self.slots.is_empty() {
            // No name lies at address 1: such a slot is found by nobody.
            self.slots.resize(Facet::ALL.len() * SLOTS, Slot { start: 0, addresses: [1; 3], place: 0 });
            self.held.resize(Facet::ALL.len() * SLOTS, None);
        }
        let place = look_up();
        if let (Some(slot), Some(held)) = (self.slots.get_mut(at), self.held.get_mut(at)) {
            *slot = Slot { start, addresses, place };
            *held = Some(names.clone());
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(role: &str) -> Names {
        let [provider, model, tenant, task, region] = ["p", "m", "t", "k", ""].map(Into::into);
        Names { provider, model, tenant, role: role.into(), task, region }
    }

    #[test]
    fn a_place_is_found_again_by_the_names_that_it_was_found_by() {
        let mut recent = Recent::default();
        let one = names("a");
        assert_eq!(recent.place(Facet::Role, 0, &one, || 7), 7);
        assert_eq!(recent.place(Facet::Role, 0, &one.clone(), || unreachable!()), 7);
        // Another bucket, facet or name is looked up.
        assert_eq!(recent.place(Facet::Role, 60, &one, || 8), 8);
        assert_eq!(recent.place(Facet::Task, 0, &one, || 9), 9);
        assert_eq!(recent.place(Facet::Role, 0, &names("b"), || 10), 10);
    }

    #[test]
    fn names_that_came_and_went_are_never_taken_for_others() {
        let mut recent = Recent::default();
        // Each name is given up at once; if its memory came again for the next, that would be taken for it.
        for n in 0..10_000 {
            assert_eq!(recent.place(Facet::Role, 0, &names(&format!("{n:05}")), || n), n);
        }
    }
}
