//! The way to the provider: TCP, a proxy where there is one, and TLS.
//!
//! A run has one endpoint, so the way is chosen once. Trust comes from the
//! host's store, as with curl and git: there stand the roots of a company that
//! looks into its traffic, and there they are kept up to date. Unaware of what
//! is said over the connection.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

/// How long a connection without a request is kept. Providers close theirs
/// after a minute or more; a request must not meet that moment.
const IDLE_KEPT: Duration = Duration::from_secs(30);
/// How often an HTTP/2 connection is tried while requests wait on it, and how
/// long it may take: a dead one must not be given the next request as well.
const PING: Duration = Duration::from_secs(15);
/// How often a quiet TCP connection is tried.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

type BoxError = Box<dyn Error + Send + Sync>;

/// Sends a request over a connection that it finds or makes.
pub(super) type Sending = dyn Fn(Request<Full<Bytes>>) -> ResponseFuture + Send + Sync;

/// The proxies of the user's environment. What is given for plain HTTP is of no
/// use here: providers are reached by TLS, and the own host directly.
#[derive(Clone, Default)]
pub struct Proxies {
    /// `HTTPS_PROXY`.
    pub https: Option<String>,
    /// `ALL_PROXY`, where the other is not given.
    pub all: Option<String>,
    /// `NO_PROXY`: hosts and networks that are reached directly.
    pub no: Option<String>,
}

/// A proxy may carry a password.
impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxies").field("no", &self.no).finish_non_exhaustive()
    }
}

/// Why there is no way to the provider.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The address cannot be used.
    #[error("the provider's address `{url}` cannot be used: {reason}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The proxy cannot be used.
    #[error(
        "the proxy in HTTPS_PROXY or ALL_PROXY cannot be used\n  help: write http://HOST:PORT, \
         https://HOST:PORT or socks5://HOST:PORT, or put the provider's host into NO_PROXY"
    )]
    Proxy,
    /// The host trusts nobody.
    #[error(
        "this host has no certificates to know the provider by{reason}\n  help: install the \
         package ca-certificates, or name a file of them in SSL_CERT_FILE"
    )]
    Roots {
        /// What went wrong, with a colon before it, where something did.
        reason: String,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Returns the certificates that the host trusts.
///
/// # Errors
/// Fails when there is none.
pub(super) fn native_roots() -> Result<RootCertStore, UpstreamError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // One that nobody can read is not trusted; the others are.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let reason = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(UpstreamError::Roots { reason });
    }
    Ok(roots)
}

/// Makes a client for one address. `roots` are asked for when it needs TLS; a
/// connection that takes longer than `limit` is given up.
///
/// # Errors
/// Fails when the proxy cannot be used or there is nobody to trust.
pub(super) fn client(
    to: &Uri,
    proxies: &Proxies,
    roots: impl FnOnce() -> Result<RootCertStore, UpstreamError>,
    limit: Duration,
) -> Result<Box<Sending>, UpstreamError> {
    let tcp = tcp();
    if to.scheme_str() != Some("https") {
        return Ok(pooled(Timed { inner: tcp, limit }));
    }
    let tls = tls(roots()?)?;
    let Some(proxy) = proxies.between(to)? else {
        return Ok(pooled(Timed { inner: https(tls, tcp), limit }));
    };
    let place = proxy.uri().clone();
    match place.scheme_str() {
        Some("http") => Ok(pooled(Timed { inner: https(tls, tunnel(&proxy, tcp)), limit })),
        Some("https") => {
            let to_proxy = HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_only()
                .enable_http1()
                .wrap_connector(tcp);
            Ok(pooled(Timed { inner: https(tls, tunnel(&proxy, to_proxy)), limit }))
        }
        Some("socks5" | "socks5h") => {
            // The proxy looks the name up in both: here it would hold up all that
            // this thread serves.
            let mut socks = SocksV5::new(place, tcp);
            if let Some((user, password)) = proxy.raw_auth() {
                socks = socks.with_auth(user.to_owned(), password.to_owned());
            }
            Ok(pooled(Timed { inner: https(tls, socks), limit }))
        }
        _ => Err(UpstreamError::Proxy),
    }
}

impl Proxies {
    /// Returns the proxy on the way to an address.
    fn between(&self, to: &Uri) -> Result<Option<Intercept>, UpstreamError> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let Some(proxy) = given(&self.https).or_else(|| given(&self.all)) else {
            return Ok(None);
        };
        // A proxy that is not understood must not be passed by.
        let matcher = Matcher::builder().https(proxy.trim()).build();
        let Some(found) = matcher.intercept(to) else { return Err(UpstreamError::Proxy) };
        let no = given(&self.no).unwrap_or_default();
        let matcher = Matcher::builder().https(proxy.trim()).no(no).build();
        Ok(matcher.intercept(to).map(|_| found))
    }
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(TCP_KEEPALIVE));
    tcp
}

fn tls(roots: RootCertStore) -> Result<ClientConfig, UpstreamError> {
    // Named, so that no other crate's choice of a provider can change it.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn https<C>(tls: ClientConfig, inner: C) -> HttpsConnector<C> {
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_only();
    https.enable_all_versions().wrap_connector(inner)
}

fn tunnel<C>(proxy: &Intercept, inner: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(proxy.uri().clone(), inner);
    match proxy.basic_auth() {
        Some(auth) => tunnel.with_auth(auth.clone()),
        None => tunnel,
    }
}

/// Keeps connections and sends over them. Each kind of way is a type of its
/// own; what sends is not.
fn pooled<C>(connector: C) -> Box<Sending>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client: Client<C, Full<Bytes>> = Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_KEPT)
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PING)
        .build(connector);
    Box::new(move |request| client.request(request))
}

/// A way on which connecting has a limit, all of it: the look-up of the name,
/// the proxy and TLS too.
#[derive(Clone)]
struct Timed<C> {
    inner: C,
    limit: Duration,
}

impl<C> Service<Uri> for Timed<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (limit, connecting) = (self.limit, self.inner.call(to));
        Box::pin(async move {
            tokio::time::timeout(limit, connecting).await.map_or_else(
                |_| {
                    let message = format!("there is no connection after {limit:?}");
                    Err(io::Error::new(io::ErrorKind::TimedOut, message).into())
                },
                |connected| connected.map_err(Into::into),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(proxies: &Proxies, to: &'static str) -> Option<String> {
        let proxy = proxies.between(&Uri::from_static(to)).expect("a proxy");
        proxy.map(|proxy| proxy.uri().to_string())
    }

    const TO: &str = "https://api.openai.com/v1/responses";

    #[test]
    fn the_nearer_proxy_wins_and_exceptions_are_heard() {
        let some = |text: &str| Some(text.to_owned());
        let all = Proxies { all: some("socks5://p:1080"), ..Proxies::default() };
        assert_eq!(between(&Proxies::default(), TO), None);
        assert_eq!(between(&all, TO).as_deref(), Some("socks5://p:1080/"));
        let both = Proxies { https: some("proxy.example:3128"), ..all };
        assert_eq!(between(&both, TO).as_deref(), Some("http://proxy.example:3128/"));
        let no = |text: &str| Proxies { no: some(text), ..both.clone() };
        assert_eq!(between(&no(".openai.com, other.example"), TO), None);
        assert_eq!(between(&no("*"), TO), None);
        assert!(between(&no("notopenai.com"), TO).is_some());
        let empty = Proxies { https: some(" "), ..Proxies::default() };
        assert_eq!(between(&empty, TO), None);
    }

    #[test]
    fn a_proxy_that_is_not_understood_is_no_direct_way() {
        for text in ["ftp://p:1", "http://", "not a proxy"] {
            let proxies = Proxies { https: Some(text.to_owned()), ..Proxies::default() };
            let found = proxies.between(&Uri::from_static(TO));
            assert!(matches!(found, Err(UpstreamError::Proxy)), "{text}");
        }
        let socks4 = Proxies { all: Some("socks4://p:1".to_owned()), ..Proxies::default() };
        let roots = || Ok(RootCertStore::empty());
        let made = client(&Uri::from_static(TO), &socks4, roots, Duration::from_secs(1));
        assert!(matches!(made.err(), Some(UpstreamError::Proxy)));
    }

    #[test]
    fn a_password_of_a_proxy_is_not_shown() {
        let proxies = Proxies { https: Some("http://me:hidden@p".into()), ..Proxies::default() };
        assert!(!format!("{proxies:?}").contains("hidden"));
        let bad = Proxies { https: Some("ftp://me:hidden@p".into()), ..Proxies::default() };
        let error = bad.between(&Uri::from_static(TO)).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hidden"));
    }
}
