//! Policies that wait until the test lets them go on, so that something can happen meanwhile.

use byway::policy::{Access, AuthError, Authenticator, Authorizer, Credentials, Decision, Identity};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Where somebody waits to be let through. Clones are the same gate.
#[derive(Clone)]
pub struct Gate(Arc<(Semaphore, Semaphore)>);

impl Gate {
    pub fn new() -> Self {
        Self(Arc::new((Semaphore::new(0), Semaphore::new(0))))
    }

    /// Waits until somebody is at the gate.
    pub async fn arrival(&self) {
        self.0.0.acquire().await.expect("gates stay").forget();
    }

    /// Lets one through.
    pub fn let_in(&self) {
        self.0.1.add_permits(1);
    }

    async fn pass(&self) {
        self.0.0.add_permits(1);
        self.0.1.acquire().await.expect("gates stay").forget();
    }
}

/// Knows who a client is, and waits before it says so.
pub struct SlowAuthenticator(pub Gate, pub Arc<dyn Authenticator>);

impl Authenticator for SlowAuthenticator {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Identity, AuthError>> {
        Box::pin(async move {
            let identity = self.1.authenticate(credentials).await;
            self.0.pass().await;
            identity
        })
    }
}

/// Allows everything, and waits before it says so.
pub struct SlowAuthorizer(pub Gate);

impl Authorizer for SlowAuthorizer {
    fn authorize<'a>(&'a self, _: Access<'a>) -> BoxFuture<'a, Decision> {
        Box::pin(async move {
            self.0.pass().await;
            Decision::Allow
        })
    }
}
