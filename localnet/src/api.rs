//! The nym-api routes that a client asks for, over HTTP on loopback.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use nym_api_requests::models::{
    KeyRotationInfoResponse, RewardedSetResponse, described::v2::NymNodeDescriptionV2,
};
use nym_api_requests::pagination::PaginatedResponse;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};

use crate::{
    directory::{Directory, Page},
    listener::Scope,
};

/// A connection that sends no complete request head for this long is closed, between requests too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Bounds the request head; there are no bodies.
const READ_BUFFER: usize = 16 * 1024;
const CONNECTIONS: usize = 256;

/// Serves the directory until the scope ends.
pub(crate) fn serve(scope: &Scope, listener: TcpListener, directory: Arc<Directory>) {
    let service = TowerToHyperService::new(router(directory));
    scope.accept(listener, CONNECTIONS, move |stream| connection(stream, service.clone()));
}

async fn connection(stream: TcpStream, service: TowerToHyperService<Router>) {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(READ_BUFFER);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "A connection to the directory ended early.");
    }
}

/// Answers are JSON, whatever `output` asks for: clients use the content type of the answer.
fn router(directory: Arc<Directory>) -> Router {
    Router::new()
        .route("/api/v1/epoch/key-rotation-info", get(key_rotation_info))
        .route("/api/v1/nym-nodes/rewarded-set", get(rewarded_set))
        .route("/api/v2/unstable/nym-nodes/skimmed/mixnodes/active", get(mixes))
        .route("/api/v2/unstable/nym-nodes/skimmed/entry-gateways", get(gateways))
        .route("/api/v2/unstable/nym-nodes/skimmed", get(nodes))
        .route("/api/v2/nym-nodes/described", get(described))
        .with_state(directory)
}

async fn key_rotation_info(State(directory): State<Arc<Directory>>) -> Json<KeyRotationInfoResponse> {
    Json(directory.current().key_rotation_info())
}

async fn rewarded_set(State(directory): State<Arc<Directory>>) -> Json<RewardedSetResponse> {
    Json(directory.current().rewarded_set())
}

async fn mixes(State(directory): State<Arc<Directory>>) -> Json<Page> {
    Json(directory.current().mixes())
}

async fn gateways(State(directory): State<Arc<Directory>>) -> Json<Page> {
    Json(directory.current().gateways())
}

async fn nodes(State(directory): State<Arc<Directory>>) -> Json<Page> {
    Json(directory.current().nodes())
}

/// The gateways as they describe themselves; the only route that names exits.
async fn described(
    State(directory): State<Arc<Directory>>,
    Query(wanted): Query<Wanted>,
) -> Json<PaginatedResponse<NymNodeDescriptionV2>> {
    let mut page = directory.described();
    if wanted.page != 0 {
        // Everything is on the first.
        page.data.clear();
        page.pagination.page = wanted.page;
    }
    Json(page)
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    page: u32,
}
