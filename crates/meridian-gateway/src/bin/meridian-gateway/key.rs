//! `key`: prints what displays pin.

use std::path::Path;

use anyhow::{Context, bail};
use meridian_client::tls::Pin;
use meridian_core::files::private;
use meridian_core::say;
use meridian_gateway::config::Config;
use meridian_wire::SigningKey;

/// The pin of a certificate in a PEM file.
pub(crate) fn certificate_pin(path: &Path) -> anyhow::Result<Pin> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    let pem = private::read_shown(path).with_context(|| path.display().to_string())?;
    let certificate = CertificateDer::from_pem_slice(&pem)
        .map_err(|error| anyhow::anyhow!("{}: no certificate in PEM form: {error}", path.display()))?;
    Pin::of(&certificate).with_context(|| format!("{}: the certificate can't be read", path.display()))
}

/// Prints the key that frames are signed with, and the pin of the certificate.
pub(crate) fn key(path: &Path) -> anyhow::Result<()> {
    let config = Config::read(path)?;
    if config.signing.is_none() && config.tls.is_none() {
        bail!("{}: there is neither [signing] nor [tls] in it", path.display());
    }
    if let Some(signing) = &config.signing {
        say!("--feed-key {}", SigningKey::open_or_make(&signing.key)?.public());
    }
    if let Some(tls) = &config.tls {
        say!("--feed-pin {}", certificate_pin(&tls.certificate)?);
    }
    Ok(())
}
