use super::{FromRequest, IntoReply, MissingState, Reply, Request, Result, States};
use futures_util::future::BoxFuture;
use std::future::Future;
use std::marker::PhantomData;

/// An async function of up to eight arguments that are [`FromRequest`], with a value that is [`IntoReply`].
///
/// The arguments are taken from left to right, and the first that is refused ends it: what costs little, such as
/// [`Principal`](crate::Principal), stands first.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no message handler",
    note = "expected an async function with at most eight arguments that are FromRequest, and a value that is IntoReply"
)]
pub trait MessageHandler<Args>: Send + Sync + 'static {
    /// Handles a message.
    fn call(&self, request: &Request) -> impl Future<Output = Result<Reply>> + Send;

    /// Whether all arguments could be taken in an application with these states.
    fn check(states: &States) -> Result<(), MissingState>;
}

macro_rules! functions {
    ($(($($arg:ident)*))*) => {$(
        impl<F, Answer, $($arg),*> MessageHandler<($($arg,)*)> for F
        where
            F: Fn($($arg),*) -> Answer + Send + Sync + 'static,
            Answer: Future<Output: IntoReply> + Send,
            $($arg: FromRequest + Send,)*
        {
            #[allow(non_snake_case, unused_variables)]
            async fn call(&self, request: &Request) -> Result<Reply> {
                $(let $arg = $arg::from_request(request).await?;)*
                self($($arg),*).await.into_reply()
            }

            #[allow(unused_variables)]
            fn check(states: &States) -> Result<(), MissingState> {
                $($arg::check(states)?;)*
                Ok(())
            }
        }
    )*};
}

functions! { () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E G) (A B C D E G H) (A B C D E G H I) }

/// A handler with its types erased.
pub(super) trait DynHandler: Send + Sync {
    fn call<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply>>;
    fn check(&self, states: &States) -> Result<(), MissingState>;
}

pub(super) fn erase<Args: 'static>(handler: impl MessageHandler<Args>) -> Box<dyn DynHandler> {
    Box::new(Erased(handler, PhantomData))
}

struct Erased<H, Args>(H, PhantomData<fn(Args)>);

impl<Args: 'static, H: MessageHandler<Args>> DynHandler for Erased<H, Args> {
    fn call<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply>> {
        Box::pin(self.0.call(request))
    }

    fn check(&self, states: &States) -> Result<(), MissingState> {
        H::check(states)
    }
}
