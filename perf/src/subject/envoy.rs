//! Envoy as a plain HTTP/1.1 pass-through with one worker thread.

use std::path::Path;

use super::{Upstream, write};
use crate::error::Result;

/// Writes the configuration (JSON, which Envoy reads as well as YAML); gives the arguments.
pub(super) fn configure(port: u16, upstream: &Upstream, dir: &Path) -> Result<Vec<String>> {
    let address =
        |port: u16| serde_json::json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let package = "type.googleapis.com/envoy.extensions";
    let mut cluster = serde_json::json!({
        "name": "bench", "type": "STATIC", "connect_timeout": "5s",
        "load_assignment": {"cluster_name": "bench", "endpoints": [
            {"lb_endpoints": [{"endpoint": {"address": address(upstream.port)}}]}]}
    });
    if let Some(ca) = &upstream.ca {
        cluster["transport_socket"] = serde_json::json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": format!("{package}.transport_sockets.tls.v3.UpstreamTlsContext"),
                "sni": "localhost",
                "common_tls_context": {"validation_context": {
                    "trusted_ca": {"filename": ca.display().to_string()},
                    "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "localhost"}}]}}}
        });
    }
    let manager = serde_json::json!({
        "@type": format!("{package}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "bench",
        "http_filters": [{"name": "envoy.filters.http.router",
            "typed_config": {"@type": format!("{package}.filters.http.router.v3.Router")}}],
        "route_config": {"virtual_hosts": [{"name": "bench", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": "bench", "timeout": "0s"}}]}]}
    });
    let config = serde_json::json!({"static_resources": {
        "listeners": [{"name": "bench", "address": address(port), "filter_chains": [{"filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}],
        "clusters": [cluster]
    }});
    let file = dir.join("envoy.json");
    write(&file, &config.to_string())?;
    let file = file.display().to_string();
    Ok(["-c", &file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"]
        .map(str::to_owned)
        .to_vec())
}
