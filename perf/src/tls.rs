//! A certificate authority for one run, the upstream's certificate, and the settings of both sides.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::error::{Context, Result};

/// Makes an authority, writes its certificate to `ca_file`, and returns what the upstream serves with.
///
/// Sessions are never resumed when `full_handshakes` is set.
pub(crate) fn server(ca_file: &Path, full_handshakes: bool) -> Result<Arc<ServerConfig>> {
    let mut authority = CertificateParams::new(Vec::new()).context("authority")?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    authority.distinguished_name.push(DnType::CommonName, "paceline-perf authority");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().context("authority's key")?)
        .context("authority")?;
    fs::write(ca_file, authority.pem()).context(ca_file.display())?;

    let key = KeyPair::generate().context("upstream's key")?;
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names)
        .and_then(|params| params.signed_by(&key, &authority))
        .context("upstream's certificate")?;
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).context("upstream's key")?;

    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .context("upstream's certificate")?;
    if full_handshakes {
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}

/// What a client needs to trust the authority in `ca_file` and nobody else.
pub(crate) fn client(ca_file: &Path) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca_file).context(ca_file.display())? {
        roots.add(certificate.context(ca_file.display())?).context(ca_file.display())?;
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
