//! Tests of the way to a provider: TLS in both versions of HTTP, who is
//! trusted, and proxies. The provider is of this process, with a certificate of
//! its own making.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;

use super::{Class, Endpoint, Key, Kind, Patience, Phase, Proxies, Trouble, Upstream};

const COMPLETED: &str = "data: {\"type\":\"response.completed\",\"response\":{}}\n\n";
const KEY: &str = "sk-test-0123456789";

fn run(test: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test);
}

/// A provider, and who trusts it.
struct Provider {
    address: SocketAddr,
    roots: RootCertStore,
    connections: Arc<AtomicUsize>,
}

/// Starts a provider that speaks only these, by their names in TLS, and says to
/// each request in which version it came.
async fn provider(protocols: &[&str]) -> Provider {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("it signs");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(ring).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth();
    let mut config = config.with_single_cert(vec![made.cert.der().clone()], key).expect("a pair");
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(acceptor.clone(), stream));
        }
    });
    Provider { address, roots, connections }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream) {
    // A client that does not trust it hangs up.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = TokioIo::new(stream);
    let _ = if is_h2 {
        let server = http2::Builder::new(TokioExecutor::new());
        server.serve_connection(stream, service_fn(answer)).await
    } else {
        http1::Builder::new().serve_connection(stream, service_fn(answer)).await
    };
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let version = match request.version() {
        Version::HTTP_2 => "2",
        _ => "1",
    };
    let is_authorised = request.headers()["authorization"] == format!("Bearer {KEY}");
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    assert!(is_authorised && body == "{}", "{body:?}");
    let response = Response::builder().header("x-request-id", version);
    Ok(response.body(Full::new(Bytes::from_static(COMPLETED.as_bytes()))).expect("a response"))
}

impl Provider {
    fn upstream(&self, proxies: Proxies, roots: RootCertStore) -> Upstream {
        let url = format!("https://localhost:{}/v1", self.address.port());
        let limit = Duration::from_secs(60);
        let patience = Patience { connect: limit, first_byte: limit, idle: limit };
        let key = Key::new(KEY).expect("a key");
        let endpoint = Endpoint { url, key, proxies, patience };
        Upstream::trusting(endpoint, || Ok(roots)).expect("a way")
    }

    fn direct(&self) -> Upstream {
        self.upstream(Proxies::default(), self.roots.clone())
    }
}

/// Asks once, and returns in which version of HTTP.
async fn ask(upstream: &Upstream) -> Result<String, Trouble> {
    let mut answer = upstream.send(Bytes::from_static(b"{}")).await?;
    let version = answer.request_id().expect("it says").to_owned();
    let frame = answer.next().await?.expect("an event");
    assert_eq!((frame.bytes.as_ref(), frame.kind), (COMPLETED.as_bytes(), Kind::Completed(None)));
    Ok(version)
}

#[test]
fn both_versions_of_http_are_spoken() {
    run(async {
        let both = provider(&["h2", "http/1.1"]).await;
        let upstream = both.direct();
        let (first, second) = tokio::join!(ask(&upstream), ask(&upstream));
        assert_eq!((first.unwrap().as_str(), second.unwrap().as_str()), ("2", "2"));
        for _ in 0..8 {
            assert_eq!(ask(&upstream).await.unwrap(), "2");
        }
        // Two may have been begun before it was known that one is enough.
        assert!(both.connections.load(Ordering::Relaxed) <= 2);
        let old = provider(&["http/1.1"]).await;
        assert_eq!(ask(&old.direct()).await.unwrap(), "1");
        let older = provider(&[]).await;
        assert_eq!(ask(&older.direct()).await.unwrap(), "1");
    });
}

#[test]
fn nothing_is_said_to_one_whom_nobody_trusts() {
    run(async {
        let (known, unknown) = (provider(&["h2"]).await, provider(&["h2"]).await);
        let upstream = unknown.upstream(Proxies::default(), known.roots);
        let trouble = ask(&upstream).await.unwrap_err();
        assert_eq!((trouble.phase, trouble.class), (Phase::Unsent, Class::Network));
        assert!(trouble.message.contains("certificate"), "{trouble}");
    });
}

#[test]
fn one_that_speaks_no_tls_is_not_sent_anything() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut plain = provider(&["h2"]).await;
        plain.address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            let mut heard = Vec::new();
            let _ = stream.read_to_end(&mut heard).await;
            heard
        });
        let trouble = ask(&plain.direct()).await.unwrap_err();
        assert_eq!((trouble.phase, trouble.class), (Phase::Unsent, Class::Network));
        let heard = serving.await.unwrap();
        assert!(!heard.windows(KEY.len()).any(|part| part == KEY.as_bytes()));
    });
}

/// A proxy that answers a CONNECT with this line and tunnels to a host if that
/// is a success. Returns its address, and what it was told.
async fn proxy(to: SocketAddr, line: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut told = Vec::new();
        while !told.ends_with(b"\r\n\r\n") {
            told.push(stream.read_u8().await.expect("a request"));
        }
        stream.write_all(format!("HTTP/1.1 {line}\r\n\r\n").as_bytes()).await.expect("it reads");
        if line.starts_with("200") {
            let mut provider = TcpStream::connect(to).await.expect("a provider");
            tokio::spawn(async move { copy_bidirectional(&mut stream, &mut provider).await });
        }
        String::from_utf8(told).expect("text")
    });
    (format!("me:word@{address}"), serving)
}

#[test]
fn a_proxy_carries_what_it_cannot_read() {
    run(async {
        let provider = provider(&["h2"]).await;
        let (place, serving) = proxy(provider.address, "200 OK").await;
        let proxies = Proxies { https: Some(format!("http://{place}")), ..Proxies::default() };
        let upstream = provider.upstream(proxies, provider.roots.clone());
        assert_eq!(ask(&upstream).await.unwrap(), "2");
        let told = serving.await.unwrap();
        let port = provider.address.port();
        assert!(told.starts_with(&format!("CONNECT localhost:{port} HTTP/1.1\r\n")), "{told}");
        assert!(told.contains("Basic bWU6d29yZA=="), "{told}");
        assert!(!told.contains(KEY), "{told}");
    });
}

#[test]
fn a_proxy_that_does_not_let_through_costs_nothing() {
    run(async {
        let provider = provider(&["h2"]).await;
        for line in ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"] {
            let (place, _serving) = proxy(provider.address, line).await;
            let proxies = Proxies { all: Some(format!("http://{place}")), ..Proxies::default() };
            let upstream = provider.upstream(proxies, provider.roots.clone());
            let trouble = ask(&upstream).await.unwrap_err();
            assert_eq!((trouble.phase, trouble.class), (Phase::Unsent, Class::Network));
            assert!(!trouble.message.contains("word"), "{trouble}");
        }
        assert_eq!(provider.connections.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_socks_proxy_looks_the_name_up() {
    run(async {
        let provider = provider(&["h2"]).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxies = Proxies {
            all: Some(format!("socks5://{}", listener.local_addr().unwrap())),
            ..Proxies::default()
        };
        let to = provider.address;
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut greeting = [0; 2];
            stream.read_exact(&mut greeting).await.unwrap();
            let mut methods = vec![0; usize::from(greeting[1])];
            stream.read_exact(&mut methods).await.unwrap();
            stream.write_all(&[5, 0]).await.unwrap();
            let mut asked = [0; 5];
            stream.read_exact(&mut asked).await.unwrap();
            let mut name = vec![0; usize::from(asked[4]) + 2];
            stream.read_exact(&mut name).await.unwrap();
            stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            let mut provider = TcpStream::connect(to).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut stream, &mut provider).await });
            (asked[3], String::from_utf8(name[..name.len() - 2].to_vec()).unwrap())
        });
        let upstream = provider.upstream(proxies, provider.roots.clone());
        assert_eq!(ask(&upstream).await.unwrap(), "2");
        // Kind 3 is a name.
        assert_eq!(serving.await.unwrap(), (3, "localhost".to_owned()));
    });
}

#[test]
fn a_connection_that_does_not_come_about_is_given_up() {
    run(async {
        // It takes the connection, and says nothing of TLS.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut mute = provider(&["h2"]).await;
        mute.address = listener.local_addr().unwrap();
        let upstream = mute.direct();
        tokio::time::pause();
        let trouble = ask(&upstream).await.unwrap_err();
        assert_eq!((trouble.phase, trouble.class), (Phase::Unsent, Class::Network));
        assert!(trouble.message.contains("no connection after 60s"), "{trouble}");
    });
}
