//! Chains as the configuration states them: models one after the other, each with the places that serve it.

use crate::plan::{Patience, Pick};
use paceline_types::id::Name;

/// The most models in a chain, the first one included.
pub const MAX_LINKS: usize = 8;

/// A place that serves a model.
#[derive(Clone, Debug)]
pub struct Place {
    /// The provider's place in the list of providers.
    pub provider: usize,
    /// The model's name there.
    pub upstream: Name,
    /// How long to wait for it.
    pub patience: Patience,
    /// Its share where the chain picks by weight.
    pub weight: u32,
}

/// One model of a chain.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its name in records.
    pub model: Name,
    /// Where it is served, in the order they are tried.
    pub places: Vec<Place>,
}

/// Models in the order they are tried, and what holds for all of them.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// The model that was asked for, then those that are tried when it fails.
    pub links: Vec<Link>,
    /// Whether an answer that a content filter stopped moves on.
    pub fallback_on_content_filter: bool,
    /// Which place of the first model is tried first.
    pub pick: Pick,
    /// What gets a share of the calls besides, and which share, 0 to 1.
    pub shadow: Option<(Link, f64)>,
}

/// A role, and what its calls get that name no model.
#[derive(Clone, Debug)]
pub struct RoleEntry {
    /// Its name as configured.
    pub name: Name,
    /// What its calls get.
    pub chain: Chain,
}

/// The form in which names of roles are compared: without case, and `-`, `_` and space alike.
pub fn role_key(name: &str) -> String {
    let plain = |c: char| if c == '-' || c == ' ' { '_' } else { c };
    name.trim().to_lowercase().chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::role_key;

    #[test]
    fn a_role_is_one_however_it_is_spelled() {
        for name in ["Pricing Strategist", "PRICING_STRATEGIST", "pricing-strategist", " pricing_Strategist "]
        {
            assert_eq!(role_key(name), "pricing_strategist");
        }
        assert_ne!(role_key("pricingstrategist"), role_key("pricing strategist"));
    }
}
