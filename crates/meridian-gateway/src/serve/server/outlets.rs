//! The streams that a publisher fills, by class.

use std::sync::Arc;

use super::config::GatewayConfig;
use crate::Publisher;
use crate::publish::sealed::{Class, InternalClass, PublicClass};
use crate::serve::connection::Hubs;
use crate::serve::hub::Outlet;

/// Where figures go out: each class's through its own door.
pub(super) struct Outlets {
    pub public: Outlet<PublicClass>,
    pub internal: Outlet<InternalClass>,
}

impl Outlets {
    /// Streams that nobody knows the position of yet.
    pub fn new(publisher: &Publisher, config: &GatewayConfig) -> Self {
        Self {
            public: unopened(publisher, config),
            internal: unopened(publisher, config),
        }
    }

    /// The streams, for those who follow them.
    pub fn hubs(&self) -> Hubs {
        Hubs {
            public: Arc::clone(self.public.hub()),
            internal: Arc::clone(self.internal.hub()),
        }
    }
}

fn unopened<C: Class>(publisher: &Publisher, config: &GatewayConfig) -> Outlet<C> {
    Outlet::new(
        0,
        0,
        publisher.hello_to(C::CLASS),
        config.signing.clone(),
        Arc::clone(&config.clock),
    )
}
