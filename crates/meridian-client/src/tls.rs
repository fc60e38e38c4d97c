//! TLS of the subscriber: which certificates it trusts.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256};

/// What stands before a pin's base64.
const SCHEME: &str = "sha256:";

/// The SHA-256 of a certificate's public key (its SubjectPublicKeyInfo), as RFC 7469 has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin of a certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
        let key = certificate.subject_public_key_info();
        Some(Self(Sha256::digest(&key).into()))
    }
}

impl std::fmt::Display for Pin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{SCHEME}{}", BASE64.encode(self.0))
    }
}

impl std::str::FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.trim()
            .strip_prefix(SCHEME)
            .and_then(|encoded| BASE64.decode(encoded).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| {
                format!("{text:?} isn't a pin: sha256: and 44 characters of base64 are needed, as `meridian-gateway key` prints them")
            })
    }
}

/// Which certificates a subscriber trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// The CA certificates, PEM; absent: the system's.
    pub ca: Option<PathBuf>,
    /// The gateway's own key: then nothing else of its certificate is checked.
    pub pin: Option<Pin>,
}

impl Trust {
    /// The configuration of a connection.
    ///
    /// # Errors
    /// The file and what is wrong with it.
    pub fn client(&self) -> Result<Arc<ClientConfig>, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        if let Some(pin) = self.pin {
            let verifier = Arc::new(Pinned { pin, provider });
            return Ok(Arc::new(
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(verifier)
                    .with_no_client_auth(),
            ));
        }
        let mut roots = RootCertStore::empty();
        match &self.ca {
            Some(path) => {
                let wrong = |problem: String| format!("{}: {problem}", path.display());
                let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
                    .and_then(Iterator::collect)
                    .map_err(|error| wrong(format!("no certificates in PEM form: {error}")))?;
                if certificates.is_empty() {
                    return Err(wrong("there is no certificate in it".to_owned()));
                }
                for certificate in certificates {
                    roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
            }
        }
        Ok(Arc::new(
            builder.with_root_certificates(roots).with_no_client_auth(),
        ))
    }
}

/// Accepts exactly one key, whatever else its certificate says.
#[derive(Debug)]
struct Pinned {
    pin: Pin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match Pin::of(end_entity) {
            Some(found) if found == self.pin => Ok(ServerCertVerified::assertion()),
            Some(found) => Err(rustls::Error::General(format!(
                "the gateway's certificate has the key {found}, pinned is {}",
                self.pin
            ))),
            None => Err(rustls::Error::General(
                "the gateway's certificate can't be read".to_owned(),
            )),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
