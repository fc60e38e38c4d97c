//! Signed frames: Ed25519 over a frame's place in the stream and what it says.
//!
//! `prev` isn't signed, since it differs from connection to connection; `base` is: nothing but lights was
//! published between `base` and the frame. A frame that was altered, moved or taken out is noticed so.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

/// The prefix of a key's base64.
const SCHEME: &str = "ed25519:";
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// A signature, 64 bytes.
pub type Signature = [u8; 64];

/// Why a key can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a public key.
    #[error(
        "{0:?} isn't a public key: ed25519: and 44 characters of base64 are needed, as `meridian-gateway key` prints them"
    )]
    Public(String),
    /// A key file can't be read or written, or holds no private key.
    #[error("{file}: {problem}")]
    File {
        /// The file.
        file: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// Where a signed frame stands in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The stream.
    pub epoch: u64,
    /// The frame's number.
    pub seq: u64,
    /// The frame before which everything but lights must be known.
    pub base: u64,
    /// The number of its type; 0 in the JSON encoding.
    pub kind: u32,
}

impl Place {
    /// The bytes that are signed.
    fn message(&self, body: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(80);
        message.extend_from_slice(b"meridian.v1 frame\0");
        message.extend_from_slice(&self.epoch.to_le_bytes());
        message.extend_from_slice(&self.seq.to_le_bytes());
        message.extend_from_slice(&self.base.to_le_bytes());
        message.extend_from_slice(&self.kind.to_le_bytes());
        message.extend_from_slice(&Sha256::digest(body));
        message
    }
}

/// A gateway's public key, which displays pin.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Whether this key's owner signed the body at that place.
    pub fn verifies(&self, place: &Place, body: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0)
            .verify(&place.message(body), signature)
            .is_ok()
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{SCHEME}{}", BASE64.encode(self.0))
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{self}")
    }
}

impl std::str::FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        text.trim()
            .strip_prefix(SCHEME)
            .and_then(|encoded| BASE64.decode(encoded).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| KeyError::Public(text.to_owned()))
    }
}

/// A gateway's private key.
pub struct SigningKey(Ed25519KeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "SigningKey({})", self.public())
    }
}

impl SigningKey {
    /// Reads a key from a PEM file (PKCS #8) that only its owner may read, or makes one there.
    ///
    /// # Errors
    /// [`KeyError::File`].
    pub fn open_or_make(path: &Path) -> Result<Self, KeyError> {
        let wrong = |problem: String| KeyError::File {
            file: path.display().to_string(),
            problem,
        };
        match meridian_core::files::private::read_text(path) {
            Ok((text, _)) => Self::from_pem(&text).ok_or_else(|| {
                wrong("it holds no Ed25519 private key: a PEM file (PKCS #8) is needed, as `openssl genpkey -algorithm ed25519` writes".to_owned())
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let random = ring::rand::SystemRandom::new();
                let document = Ed25519KeyPair::generate_pkcs8(&random)
                    .map_err(|_| wrong("the system gives no random numbers".to_owned()))?;
                let mut pem = format!("{PEM_BEGIN}\n");
                for line in BASE64.encode(document.as_ref()).as_bytes().chunks(64) {
                    pem.push_str(&String::from_utf8_lossy(line));
                    pem.push('\n');
                }
                pem.push_str(PEM_END);
                pem.push('\n');
                meridian_core::files::private::make_folder_of(path)
                    .and_then(|()| meridian_core::files::private::write(path, pem.as_bytes()))
                    .map_err(|error| wrong(error.to_string()))?;
                Self::from_pem(&pem).ok_or_else(|| wrong("a key was made that can't be read".to_owned()))
            }
            Err(error) => Err(wrong(error.to_string())),
        }
    }

    fn from_pem(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(PEM_BEGIN)?;
        let (encoded, _) = rest.split_once(PEM_END)?;
        let encoded: String = encoded.split_whitespace().collect();
        let bytes = BASE64.decode(encoded).ok()?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes).ok().map(Self)
    }

    /// A key for the life of this process.
    ///
    /// # Errors
    /// [`KeyError::File`] when the system gives no random numbers.
    pub fn ephemeral() -> Result<Self, KeyError> {
        let random = ring::rand::SystemRandom::new();
        Ed25519KeyPair::generate_pkcs8(&random)
            .ok()
            .and_then(|document| Ed25519KeyPair::from_pkcs8(document.as_ref()).ok())
            .map(Self)
            .ok_or_else(|| KeyError::File {
                file: "a key".to_owned(),
                problem: "the system gives no random numbers".to_owned(),
            })
    }

    /// What displays pin.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        PublicKey(bytes)
    }

    /// Signs a body at its place.
    pub fn sign(&self, place: &Place, body: &[u8]) -> Signature {
        let signature = self.0.sign(&place.message(body));
        let mut bytes = [0; 64];
        for (to, from) in bytes.iter_mut().zip(signature.as_ref()) {
            *to = *from;
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_and_its_signature_holds_for_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed.pem");
        let key = SigningKey::open_or_make(&path).unwrap();
        assert_eq!(SigningKey::open_or_make(&path).unwrap().public(), key.public());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        let public: PublicKey = key.public().to_string().parse().unwrap();
        let place = Place {
            epoch: 7,
            seq: 3,
            base: 2,
            kind: 3,
        };
        let signature = key.sign(&place, b"body");
        assert!(public.verifies(&place, b"body", &signature));
        assert!(!public.verifies(&place, b"bodz", &signature));
        for other in [
            Place { epoch: 8, ..place },
            Place { seq: 4, ..place },
            Place { base: 1, ..place },
            Place { kind: 4, ..place },
        ] {
            assert!(!public.verifies(&other, b"body", &signature));
        }
        let stranger = SigningKey::ephemeral().unwrap();
        assert!(!stranger.public().verifies(&place, b"body", &signature));
        assert!(!public.verifies(&place, b"body", &signature[..63]));
    }

    #[test]
    fn what_is_no_key_is_refused_by_name() {
        for text in ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA"] {
            let error = text.parse::<PublicKey>().unwrap_err().to_string();
            assert!(error.contains("44 characters of base64"), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed.pem");
        meridian_core::files::private::write(&path, b"hello").unwrap();
        let error = SigningKey::open_or_make(&path).unwrap_err().to_string();
        assert!(
            error.contains("feed.pem") && error.contains("openssl genpkey"),
            "{error}"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
            let error = SigningKey::open_or_make(&path).unwrap_err().to_string();
            assert!(
                error.contains("its mode is 640") && error.contains("chmod 600"),
                "{error}"
            );
        }
    }
}
