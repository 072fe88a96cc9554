//! Where a model is served: the names a call's target has.

use crate::id::Name;

/// One place that serves a model: a provider and the model's name there.
///
/// `deployment` is the one name of the pair, `provider/upstream-name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deployment {
    /// `provider/upstream-name`.
    pub name: Name,
    /// The provider's name in the configuration.
    pub provider: Name,
    /// The model as users ask for it.
    pub model: Name,
    /// The model's name at the provider.
    pub upstream_model: Name,
    /// Where the provider computes, when configured.
    pub region: Option<Name>,
}
