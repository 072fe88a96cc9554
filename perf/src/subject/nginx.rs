//! nginx as a pass-through for language models: kept connections, no buffering of answers, one worker.

use std::fs;
use std::path::Path;

use super::{Upstream, write};
use crate::error::{Context, Result};

/// Writes the configuration; gives the arguments.
pub(super) fn configure(port: u16, upstream: &Upstream, dir: &Path) -> Result<Vec<String>> {
    let temporary = dir.join("temp");
    fs::create_dir_all(&temporary).context(temporary.display())?;
    // Without it the worker of a master run by root could not enter the temporary folders.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {}/{kind};\n", temporary.display()))
        .concat();
    let tls = upstream.ca.as_ref().map(|ca| {
        format!(
            "      proxy_ssl_trusted_certificate {};\n      proxy_ssl_verify on;\n      \
             proxy_ssl_server_name on;\n      proxy_ssl_name localhost;\n      \
             proxy_ssl_protocols TLSv1.2 TLSv1.3;\n",
            ca.display()
        )
    });
    let scheme = if tls.is_some() { "https" } else { "http" };
    let text = format!(
        "daemon off;\n{user}\nworker_processes 1;\npid {dir}/nginx.pid;\nerror_log {dir}/error.log warn;\n\
         events {{ worker_connections 8192; }}\nhttp {{\n{folders}  access_log off;\n  \
         keepalive_timeout 3600s;\n  keepalive_requests 1000000000;\n  client_max_body_size 32m;\n  \
         client_body_buffer_size 1m;\n  upstream bench {{\n    server 127.0.0.1:{uport};\n    \
         keepalive 1024;\n    keepalive_requests 1000000000;\n    keepalive_timeout 3600s;\n  }}\n  \
         server {{\n    listen 127.0.0.1:{port};\n    location / {{\n      proxy_pass {scheme}://bench;\n      \
         proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_buffering off;\n      \
         proxy_buffer_size 16k;\n      proxy_buffers 8 16k;\n{tls}    }}\n  }}\n}}\n",
        dir = dir.display(),
        uport = upstream.port,
        tls = tls.unwrap_or_default(),
    );
    let config = dir.join("nginx.conf");
    write(&config, &text)?;
    let (dir, log) = (dir.display().to_string(), dir.join("error.log").display().to_string());
    Ok(vec!["-p".into(), dir, "-c".into(), config.display().to_string(), "-e".into(), log])
}
