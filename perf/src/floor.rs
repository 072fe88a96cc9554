//! The floors: a bare hyper pass-through, and the same with the least metering a gateway can do.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HOST};
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::error::{Context, Error, Result};
use crate::metering::{self, Meter, Metered};

/// Settings of the `floor` and `metering-floor` commands.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address to serve on.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Where calls go: http://HOST:PORT or https://HOST:PORT.
    #[arg(long)]
    pub(crate) upstream: Uri,
    /// The certificate authority to trust, for https.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// Serves until the process ends. The first line on standard output is the address.
pub(crate) async fn serve(args: Args, metering: bool) -> Result<()> {
    let listener = TcpListener::bind(args.listen).await.context(args.listen)?;
    crate::say(listener.local_addr().context("address")?);
    pass(listener, &args.upstream, args.ca.as_deref(), metering).await
}

/// Passes every call on `listener` to `upstream`, for ever.
pub(crate) async fn pass(
    listener: TcpListener,
    upstream: &Uri,
    ca: Option<&Path>,
    metering: bool,
) -> Result<()> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    let base = Base::of(upstream)?;
    match ca {
        None => route(listener, tcp, base, metering).await,
        Some(file) => {
            tcp.enforce_http(false);
            let tls = HttpsConnectorBuilder::new().with_tls_config(crate::tls::client(file)?);
            route(listener, tls.https_only().enable_http1().wrap_connector(tcp), base, metering).await
        }
    }
}

async fn route<C>(listener: TcpListener, connector: C, base: Base, metering: bool) -> Result<()>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let base = Arc::new(base);
    if metering {
        let client: Client<C, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
        let meter = Arc::new(Mutex::new(Meter::default()));
        accept(listener, move |request| {
            metered(client.clone(), Arc::clone(&base), Arc::clone(&meter), request)
        })
        .await
    } else {
        let client: Client<C, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
        accept(listener, move |request| bare(client.clone(), Arc::clone(&base), request)).await
    }
}

/// Serves each connection with `handler`.
async fn accept<H, F, B>(listener: TcpListener, handler: H) -> Result<()>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await.context("accept")?;
        stream.set_nodelay(true).context("no delay")?;
        let service = service_fn(handler.clone());
        let server =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // A connection that ends badly shows at the client, which checks every answer.
        tokio::spawn(async move { server.await.is_ok() });
    }
}

/// The authority calls are sent to.
struct Base {
    scheme: Scheme,
    authority: Authority,
}

impl Base {
    fn of(uri: &Uri) -> Result<Self> {
        let scheme = uri.scheme().cloned().context("the upstream needs a scheme")?;
        let authority = uri.authority().cloned().context("the upstream needs a host")?;
        Ok(Self { scheme, authority })
    }

    fn redirect<B>(&self, request: &mut Request<B>) -> Result<()> {
        let path = request.uri().path_and_query().cloned();
        let mut parts = hyper::http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        *request.uri_mut() = Uri::from_parts(parts).context("target")?;
        request.headers_mut().remove(HOST);
        request.headers_mut().remove(CONNECTION);
        Ok(())
    }
}

fn forward(mut response: Response<Incoming>) -> Response<Incoming> {
    response.headers_mut().remove(CONNECTION);
    response
}

async fn bare<C>(
    client: Client<C, Incoming>,
    base: Arc<Base>,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    base.redirect(&mut request)?;
    client.request(request).await.map(forward).context("upstream")
}

type Answer = Response<Either<Metered, Full<Bytes>>>;

async fn metered<C>(
    client: Client<C, Full<Bytes>>,
    base: Arc<Base>,
    meter: Arc<Mutex<Meter>>,
    request: Request<Incoming>,
) -> Result<Answer>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    if request.uri().path() == "/metrics" {
        let text = meter.lock().unwrap_or_else(PoisonError::into_inner).exposition();
        return Ok(Response::new(whole(text.into())));
    }
    let start = Instant::now();
    let (parts, body) = request.into_parts();
    let body = body.collect().await.context("request")?.to_bytes();
    let Some(model) = metering::model_of(&body) else {
        let mut refusal = Response::new(whole(Bytes::from_static(b"{\"error\":\"no model\"}")));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(refusal);
    };
    let mut request = Request::from_parts(parts, Full::new(body));
    base.redirect(&mut request)?;
    let answer = client.request(request).await.map(forward).map_err(|error| Error(error.to_string()))?;
    Ok(answer.map(|body| Either::Left(Metered::new(body, meter, model, start))))
}

fn whole(body: Bytes) -> Either<Metered, Full<Bytes>> {
    Either::Right(Full::new(body))
}
