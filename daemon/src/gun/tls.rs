//! TLS to Gun relays: the web's root certificates, and those that the user adds.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::error::GunConfigError;

/// How many extra roots are read.
const MAX_ROOTS: usize = 64;

/// A connector that trusts the roots of the web and the certificates of `extra_roots_pem`.
pub(super) fn connector(extra_roots_pem: Option<&[u8]>) -> Result<TlsConnector, GunConfigError> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(pem) = extra_roots_pem {
        let mut added = 0;
        for certificate in CertificateDer::pem_slice_iter(pem).take(MAX_ROOTS) {
            let certificate = certificate.map_err(|error| GunConfigError::Roots(error.to_string()))?;
            roots.add(certificate).map_err(|error| GunConfigError::Roots(error.to_string()))?;
            added += 1;
        }
        if added == 0 {
            return Err(GunConfigError::Roots("there is none".to_owned()));
        }
    }
    // Two providers are compiled in, so the one to use is named.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(GunConfigError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Whether a file holds certificates that can be used as extra roots.
///
/// # Errors
/// [`GunConfigError::Roots`].
pub(crate) fn check_roots(pem: &[u8]) -> Result<(), GunConfigError> {
    connector(Some(pem)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_must_be_certificates() {
        assert!(connector(None).is_ok());
        for bad in ["", "rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(connector(Some(bad.as_bytes())).is_err(), "{bad}");
        }
    }
}
