//! Speaks HTTP with one client of a passage: `CONNECT` for what is encrypted,
//! whole addresses for what is not.
//!
//! A plain request is sent on to the host that its address names, whatever its
//! headers say, in a connection of its own. Unaware of which hosts may be
//! reached.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::UnixStream;

use super::dial::{Dialed, Dialer, NotDialed};
use super::record::Denied;
use super::tasks::Tasks;

/// How long a client may take to say what it wants.
const HEADERS_MAX: Duration = Duration::from_secs(60);

/// Headers that belong to one connection and are not sent on (RFC 9110, 7.6.1).
const OF_ONE_CONNECTION: &[HeaderName] = &[
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
const OF_ONE_CONNECTION_TOO: &[&str] = &["keep-alive", "proxy-connection"];

type Body = Either<Incoming, Full<Bytes>>;

/// Serves one connection of a client to its end.
pub(super) async fn serve(stream: UnixStream, dialer: Dialer, tasks: Arc<Tasks>) {
    let service = hyper::service::service_fn(move |request| {
        let (dialer, tasks) = (dialer.clone(), Arc::clone(&tasks));
        async move { Ok::<_, Infallible>(answer(request, &dialer, &tasks).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // A broken connection is its client's.
    let _ = connection.await;
}

async fn answer(request: Request<Incoming>, dialer: &Dialer, tasks: &Arc<Tasks>) -> Response<Body> {
    let answered = if request.method() == Method::CONNECT {
        tunnel(request, dialer, tasks).await
    } else {
        forward(request, dialer, tasks).await
    };
    answered.unwrap_or_else(|problem| say(problem.status, &problem.message))
}

/// Why a request is not answered by the host it names.
struct Problem {
    status: StatusCode,
    message: String,
}

impl Problem {
    fn bad_request(message: &str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.to_owned() }
    }

    fn broken(error: &hyper::Error) -> Self {
        Self { status: StatusCode::BAD_GATEWAY, message: error.to_string() }
    }
}

impl From<NotDialed> for Problem {
    fn from(not: NotDialed) -> Self {
        match not.denied {
            Denied::Refused => {
                Self { status: StatusCode::FORBIDDEN, message: format!("refused: {}", not.message) }
            }
            Denied::Unreachable => Self { status: StatusCode::BAD_GATEWAY, message: not.message },
        }
    }
}

/// Opens a way through to the host that the client names.
async fn tunnel(
    mut request: Request<Incoming>,
    dialer: &Dialer,
    tasks: &Arc<Tasks>,
) -> Result<Response<Body>, Problem> {
    let authority = request.uri().authority();
    let target = authority.and_then(|to| Some((to.host().to_owned(), to.port_u16()?)));
    let (host, port) = target
        .ok_or_else(|| Problem::bad_request("CONNECT names a host and a port, as host:443"))?;
    let Dialed { mut stream, connected } = dialer.dial(&host, port).await?;
    let upgrade = hyper::upgrade::on(&mut request);
    tasks.spawn(async move {
        if let Ok(client) = upgrade.await {
            // Either side may leave; what was carried is counted.
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut stream).await;
        }
        drop((stream, connected));
    });
    Ok(Response::new(Either::Right(Full::default())))
}

/// Sends a plain request on, and the answer back.
async fn forward(
    mut request: Request<Incoming>,
    dialer: &Dialer,
    tasks: &Arc<Tasks>,
) -> Result<Response<Body>, Problem> {
    let uri = request.uri();
    let authority = match (uri.scheme(), uri.authority()) {
        (Some(scheme), Some(authority)) if *scheme == Scheme::HTTP => authority.clone(),
        (Some(_), Some(_)) => {
            return Err(Problem::bad_request("what is not http:// goes through CONNECT"));
        }
        _ => return Err(Problem::bad_request("this is a proxy: a request names a whole address")),
    };
    let (host, port) = (authority.host(), authority.port_u16().unwrap_or(80));
    let Dialed { stream, connected } = dialer.dial(host, port).await?;
    let path = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    // The host of the address, not of a header: the two may differ on purpose.
    let named = if port == 80 { host.to_owned() } else { format!("{host}:{port}") };
    let named = HeaderValue::from_str(&named)
        .map_err(|_| Problem::bad_request("the host has letters that no header can have"))?;
    strip(request.headers_mut());
    request.headers_mut().insert(header::HOST, named);
    *request.uri_mut() = Uri::from(path);
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| Problem::broken(&error))?;
    tasks.spawn(async move {
        // Ends with the answer, since the sender is gone by then.
        let _ = connection.await;
        drop(connected);
    });
    let mut response =
        sender.send_request(request).await.map_err(|error| Problem::broken(&error))?;
    strip(response.headers_mut());
    Ok(response.map(Either::Left))
}

/// Removes what belongs to one connection, also what its headers name so.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(OF_ONE_CONNECTION) {
        headers.remove(name);
    }
    for name in OF_ONE_CONNECTION_TOO {
        headers.remove(*name);
    }
}

fn say(status: StatusCode, message: &str) -> Response<Body> {
    let text = format!("eufm: {message}\n");
    let mut response = Response::new(Either::Right(Full::from(text)));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
