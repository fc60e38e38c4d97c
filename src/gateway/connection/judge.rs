//! Who is let in, and to what.

use std::net::IpAddr;

use chrono::Utc;
use tokio_tungstenite::tungstenite::handshake::server::Request;
use tokio_tungstenite::tungstenite::http::{HeaderMap, StatusCode};

use super::super::access::{Denied, Grant, bearer};
use super::super::hub::Form;
use super::super::limits::origin_allowed;
use super::{House, SUBPROTOCOL_DESK, lock};
use crate::wire::{DataClass, SUBPROTOCOL_BIN, SUBPROTOCOL_JSON, SUBPROTOCOL_ORDERS};

/// What a client chose in its handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    Feed(Form),
    Desk,
    Orders,
}

/// Chooses from what a client offers: its first that we know.
fn negotiate(headers: &HeaderMap) -> Result<(Chosen, Option<&'static str>), String> {
    let mut offered = headers
        .get_all("sec-websocket-protocol")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .peekable();
    if offered.peek().is_none() {
        return Ok((Chosen::Feed(Form::Json), None));
    }
    for protocol in offered {
        match protocol {
            SUBPROTOCOL_BIN => return Ok((Chosen::Feed(Form::Bin), Some(SUBPROTOCOL_BIN))),
            SUBPROTOCOL_JSON => return Ok((Chosen::Feed(Form::Json), Some(SUBPROTOCOL_JSON))),
            SUBPROTOCOL_DESK => return Ok((Chosen::Desk, Some(SUBPROTOCOL_DESK))),
            SUBPROTOCOL_ORDERS => return Ok((Chosen::Orders, Some(SUBPROTOCOL_ORDERS))),
            _ => {}
        }
    }
    Err(format!(
        "none of the offered WebSocket subprotocols is known here: offer {SUBPROTOCOL_BIN} or {SUBPROTOCOL_JSON}, or none for JSON\n"
    ))
}

/// Why a handshake was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Origin,
    Login(Denied),
    Role,
    Subprotocol,
}

impl Refused {
    pub fn name(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Login(denied) => denied.name(),
            Self::Role => "role",
            Self::Subprotocol => "subprotocol",
        }
    }
}

/// Whether orders may come from somebody: with a token for it; on a machine without tokens from itself.
fn may_send(house: &House, grant: &Grant, address: IpAddr) -> bool {
    house.intake.is_some() && (grant.role.sends() || house.tokens.is_none() && address.is_loopback())
}

/// Judges a handshake. What the other side is told doesn't say more than it has to know.
pub(super) fn judge(
    house: &House,
    address: IpAddr,
    request: &Request,
) -> Result<(Grant, Chosen, Option<&'static str>), (Refused, StatusCode, String)> {
    let headers = request.headers();
    let origin = headers.get("origin").map(|value| value.to_str().unwrap_or("?"));
    if !origin_allowed(origin, &house.origins) {
        let told = "this page's origin isn't allowed\n".to_owned();
        return Err((Refused::Origin, StatusCode::FORBIDDEN, told));
    }
    let token = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap_or(""));
    let granted = match (token, &house.tokens) {
        (Some(header), Some(tokens)) => match bearer(header) {
            Some(token) => lock(tokens).check(token, Utc::now()),
            None => Err(Denied::Malformed),
        },
        // Where there are no tokens, one that is shown anyway opens nothing more.
        _ => house.anonymous.map(Grant::anonymous).ok_or(Denied::Missing),
    };
    let grant = granted.map_err(|denied| {
        let told = "a token is needed that allows this: Authorization: Bearer mrd_…\n".to_owned();
        (Refused::Login(denied), StatusCode::UNAUTHORIZED, told)
    })?;
    let (chosen, name) =
        negotiate(headers).map_err(|told| (Refused::Subprotocol, StatusCode::BAD_REQUEST, told))?;
    let allowed = match chosen {
        Chosen::Desk => grant.role.directs(),
        Chosen::Orders => may_send(house, &grant, address),
        Chosen::Feed(_) if !grant.role.follows() => false,
        Chosen::Feed(_) => {
            let class = house.hub(grant.role.class()).class();
            class == DataClass::Public || grant.role.class() == DataClass::Internal
        }
    };
    if !allowed {
        let told = "this token's role doesn't allow that\n".to_owned();
        return Err((Refused::Role, StatusCode::FORBIDDEN, told));
    }
    Ok((grant, chosen, name))
}
