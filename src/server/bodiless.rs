//! `HEAD`: a `GET` whose answer has no body (RFC 9110, section 9.3.2).

use poem::http::Method;
use poem::{Endpoint, IntoEndpoint, Request, Result};

/// An endpoint that is not told whether the body of its answer is wanted: hyper sends none, and all fields of the head.
pub(super) struct HeadAsGet<E>(E);

/// What answers `GET`, and `HEAD` with it; other methods are 405.
pub(super) fn get<E: IntoEndpoint<Endpoint: 'static>>(endpoint: E) -> impl Endpoint + use<E> {
    head_as_get(poem::get(endpoint))
}

/// The same for an endpoint that answers several methods. It must not open anything that lasts.
pub(super) fn head_as_get<E: Endpoint>(endpoint: E) -> HeadAsGet<E> {
    HeadAsGet(endpoint)
}

impl<E: Endpoint> Endpoint for HeadAsGet<E> {
    type Output = E::Output;

    async fn call(&self, mut request: Request) -> Result<E::Output> {
        if request.method() == Method::HEAD {
            request.set_method(Method::GET);
        }
        self.0.call(request).await
    }
}
