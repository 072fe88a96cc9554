//! TLS to providers: rustls with aws-lc-rs, the system's roots or one's own.

use crate::error::{HttpError, What};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// How to trust: made at start, loaded at the first handshake (reading the system's roots takes longer than starting).
#[derive(Debug, Default)]
pub struct Tls {
    ca_file: Option<PathBuf>,
    config: OnceLock<Result<Arc<ClientConfig>, HttpError>>,
}

impl Tls {
    /// Trusts the system's roots, or with `ca_file` (PEM) that file's certificates instead.
    pub fn new(ca_file: Option<PathBuf>) -> Self {
        Self { ca_file, config: OnceLock::new() }
    }

    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, HttpError> {
        self.config.get_or_init(|| self.load()).clone()
    }

    fn load(&self) -> Result<Arc<ClientConfig>, HttpError> {
        let fail = |message: String| HttpError::new(What::Tls, message);
        let mut roots = RootCertStore::empty();
        if let Some(path) = &self.ca_file {
            let certs = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| fail(format!("ca_file {} cannot be read: {error}", path.display())))?;
            let (added, _) = roots.add_parsable_certificates(certs);
            if added == 0 {
                return Err(fail(format!("ca_file {} holds no certificate", path.display())));
            }
        }
        if self.ca_file.is_none() {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if roots.is_empty() {
            return Err(fail(
                "no trusted certificates on this system; install ca-certificates or set ca_file".into(),
            ));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| fail(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
