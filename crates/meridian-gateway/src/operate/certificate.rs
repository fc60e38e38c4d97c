//! The gateway's TLS certificate, reloaded when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde::Deserialize;

use crate::operate::config_error::ConfigError;
use meridian_core::files::private::{self, Stamp};

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate and those between it and the root, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// The certificate that is shown now.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// A certificate and its key, kept current.
pub struct Certificate {
    files: TlsConfig,
    current: Arc<Current>,
    seen: [Option<Stamp>; 2],
    /// Why the files can't be used as they are now.
    problem: Option<ConfigError>,
}

fn stamps(files: &TlsConfig) -> [Option<Stamp>; 2] {
    [&files.certificate, &files.key].map(|path| Stamp::at(path).ok().flatten())
}

fn read(files: &TlsConfig) -> Result<CertifiedKey, ConfigError> {
    let wrong = |path: &Path, problem: String| ConfigError {
        file: path.display().to_string(),
        problem,
    };
    let pem = private::read_shown(&files.certificate)
        .map_err(|error| wrong(&files.certificate, error.to_string()))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| {
            wrong(
                &files.certificate,
                format!("no certificates in PEM form: {error}"),
            )
        })?;
    if chain.is_empty() {
        return Err(wrong(
            &files.certificate,
            "there is no certificate in it".to_owned(),
        ));
    }
    let (pem, _) = private::read(&files.key).map_err(|error| wrong(&files.key, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| wrong(&files.key, format!("no private key in PEM form: {error}")))?;
    let key = rustls::crypto::ring::sign::any_supported_type(&key)
        .map_err(|error| wrong(&files.key, error.to_string()))?;
    let certified = CertifiedKey::new(chain, key);
    certified
        .keys_match()
        .map_err(|error| wrong(&files.key, format!("it isn't the certificate's key: {error}")))?;
    Ok(certified)
}

/// Whether certificate and key can be served.
///
/// # Errors
/// [`ConfigError`] naming the file and what is wrong with it.
pub fn check_certificate(files: &TlsConfig) -> Result<(), ConfigError> {
    read(files).map(|_| ())
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// [`ConfigError`] naming the file and what is wrong with it.
    pub fn open(files: &TlsConfig) -> Result<Self, ConfigError> {
        let seen = stamps(files);
        Ok(Self {
            problem: None,
            current: Arc::new(Current(ArcSwap::from_pointee(read(files)?))),
            files: files.clone(),
            seen,
        })
    }

    /// What connections are accepted with.
    ///
    /// # Errors
    /// [`ConfigError`] when the protocol versions can't be had.
    pub fn server(&self) -> Result<Arc<ServerConfig>, ConfigError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ConfigError {
                file: self.files.certificate.display().to_string(),
                problem: error.to_string(),
            })?;
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&self.current) as _;
        Ok(Arc::new(
            builder.with_no_client_auth().with_cert_resolver(resolver),
        ))
    }

    /// Reads the files again if they changed; says whether they were read. Until both are good the old ones stay, and it is
    /// tried again each time.
    ///
    /// # Errors
    /// [`ConfigError`], once for each problem.
    pub fn reload_if_changed(&mut self) -> Result<bool, ConfigError> {
        let seen = stamps(&self.files);
        if seen == self.seen && self.problem.is_none() {
            return Ok(false);
        }
        self.seen = seen;
        match read(&self.files) {
            Ok(certified) => {
                self.problem = None;
                self.current.0.store(Arc::new(certified));
                Ok(true)
            }
            Err(problem) if self.problem.as_ref() == Some(&problem) => Ok(false),
            Err(problem) => {
                self.problem = Some(problem.clone());
                Err(problem)
            }
        }
    }
}
