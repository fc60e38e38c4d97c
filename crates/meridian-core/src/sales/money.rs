//! Money in minor units: exact, never a float.

use serde::{Deserialize, Serialize};

/// A currency: its ISO 4217 code and how many decimal digits its minor unit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    code: [u8; 3],
    digits: u8,
}

/// A code that isn't an ISO 4217 currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} isn't a currency: an ISO 4217 code of three capital letters is needed, as in \"CNY\"")]
pub struct CurrencyError(pub String);

impl Currency {
    /// Chinese yuan, counted in fen.
    pub const CNY: Self = Self {
        code: *b"CNY",
        digits: 2,
    };

    /// The currency of an ISO 4217 code.
    ///
    /// # Errors
    /// [`CurrencyError`] when `code` isn't three capital ASCII letters.
    pub fn from_code(code: &str) -> Result<Self, CurrencyError> {
        let bytes: [u8; 3] = code
            .as_bytes()
            .try_into()
            .map_err(|_| CurrencyError(code.to_owned()))?;
        if !bytes.iter().all(u8::is_ascii_uppercase) {
            return Err(CurrencyError(code.to_owned()));
        }
        let digits = match code {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
            | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            _ => 2,
        };
        Ok(Self { code: bytes, digits })
    }

    /// The ISO 4217 code.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).unwrap_or("???")
    }

    /// Decimal digits of the minor unit: 2 for fen and cents, 0 for yen.
    pub const fn digits(&self) -> u8 {
        self.digits
    }

    /// The sign that stands before an amount; the code itself where there is no common sign.
    pub fn symbol(&self) -> &str {
        match self.code() {
            "CNY" | "JPY" => "¥",
            "EUR" => "€",
            "GBP" => "£",
            "USD" => "$",
            other => other,
        }
    }

    /// How many minor units make one whole unit.
    pub fn minor_per_unit(&self) -> i64 {
        10_i64.pow(u32::from(self.digits))
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::from_code(&code).map_err(serde::de::Error::custom)
    }
}

/// One amount in minor units (fen, cents). Negative for a correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub i64);

/// A sum of amounts, in minor units: wide enough never to overflow in a sale's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MoneySum(pub i128);

impl Money {
    /// The sum, or `None` when it doesn't fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl MoneySum {
    /// The sum with one more amount. A sum of `i64`s can't reach the bounds of `i128`.
    pub fn plus(self, amount: Money) -> Self {
        Self(self.0.saturating_add(i128::from(amount.0)))
    }

    /// The sum as the feed carries it.
    ///
    /// # Errors
    /// [`SumTooLarge`] outside the range of 64 bits (92 quadrillion yuan).
    pub fn to_wire(self) -> Result<i64, SumTooLarge> {
        i64::try_from(self.0).map_err(|_| SumTooLarge(self.0))
    }
}

impl std::iter::Sum<Money> for MoneySum {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Self::plus)
    }
}

/// A sum that 64 bits of minor units can't carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sum of {0} minor units is beyond what the feed can carry ({max})", max = i64::MAX)]
pub struct SumTooLarge(pub i128);
