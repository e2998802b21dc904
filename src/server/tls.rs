//! TLS from two PEM files. Nothing of their content is ever shown.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// TLS that cannot be set up, and which file is to blame.
#[derive(Debug)]
pub struct TlsError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, and what was expected.
    pub problem: String,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl std::error::Error for TlsError {}

/// TLS 1.2 and 1.3 with the chain in `certificate` (the server's own certificate first) and the private key in `key`.
pub fn tls_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = read_chain(certificate)?;
    let private_key = PrivateKeyDer::from_pem_file(key).map_err(|error| pem_error(key, "a private key", &error))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| rustls_error(certificate, &error))?
        .with_no_client_auth();
    let mut config =
        builder.with_single_cert(chain, private_key).map_err(|error| mismatch(certificate, key, &error))?;
    // WebSockets over HTTP/2 (RFC 8441) are not served, so HTTP/1.1 is all that is offered.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match certificates {
        Ok(chain) if chain.is_empty() => Err(pem_error(path, "a certificate", &pem::Error::NoItemsFound)),
        Ok(chain) => Ok(chain),
        Err(error) => Err(pem_error(path, "a certificate", &error)),
    }
}

fn pem_error(path: &Path, expected: &str, error: &pem::Error) -> TlsError {
    let problem = match error {
        pem::Error::Io(error) => format!("cannot be read: {error}"),
        pem::Error::NoItemsFound => format!("holds no such thing; expected {expected} in PEM"),
        _ => format!("is not PEM; expected {expected} in PEM"),
    };
    TlsError { path: path.to_owned(), problem }
}

fn mismatch(certificate: &Path, key: &Path, error: &rustls::Error) -> TlsError {
    match error {
        rustls::Error::InconsistentKeys(_) => TlsError {
            path: key.to_owned(),
            problem: format!("is not the key of the certificate in {}", certificate.display()),
        },
        error => rustls_error(certificate, error),
    }
}

fn rustls_error(path: &Path, error: &rustls::Error) -> TlsError {
    TlsError { path: path.to_owned(), problem: format!("cannot be used: {error}") }
}
