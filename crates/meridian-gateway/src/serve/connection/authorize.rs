//! Authorization: who may connect, and to what.

use std::net::IpAddr;

use chrono::Utc;
use tokio_tungstenite::tungstenite::handshake::server::Request;
use tokio_tungstenite::tungstenite::http::{HeaderMap, StatusCode};

use super::SUBPROTOCOL_DESK;
use super::shared::Shared;
use crate::operate::access::{Denied, Grant, bearer};
use crate::operate::limits::origin_allowed;
use crate::serve::hub::Form;
use crate::serve::proxy::sign_of_a_proxy;
use meridian_wire::{DataClass, SUBPROTOCOL_BIN, SUBPROTOCOL_JSON, SUBPROTOCOL_ORDERS};

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
    /// It came through a proxy that nobody named.
    Proxy,
    Subprotocol,
    /// Its address is locked out, and it showed no token.
    LockedOut,
    /// It isn't known yet who may see what this relay will pass on.
    Unready,
}

impl Refused {
    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Login(denied) => denied.name(),
            Self::Role => "role",
            Self::Proxy => "proxy",
            Self::Subprotocol => "subprotocol",
            Self::LockedOut => "locked_out",
            Self::Unready => "unready",
        }
    }
}

impl Refused {
    /// Why, for people.
    pub fn words(self) -> String {
        match self {
            Self::Login(denied) => denied.to_string(),
            Self::Origin => "a page of an origin that isn't allowed".to_owned(),
            Self::Role => "the role doesn't allow that".to_owned(),
            Self::Proxy => "through a proxy that [proxy] doesn't name".to_owned(),
            Self::Subprotocol => "no subprotocol that is known".to_owned(),
            Self::LockedOut => "locked out".to_owned(),
            Self::Unready => "the feed that is passed on hasn't come yet".to_owned(),
        }
    }
}

/// Why a handshake was refused, and what is answered.
pub(super) struct Rejection {
    pub why: Refused,
    pub status: StatusCode,
    pub told: String,
    /// The token that was shown, where it was one and holds no longer.
    pub token: Option<String>,
}

impl Rejection {
    fn new(why: Refused, status: StatusCode, told: impl Into<String>) -> Self {
        Self {
            why,
            status,
            told: told.into(),
            token: None,
        }
    }
}

/// Where a client connects from.
pub(super) struct Caller {
    pub address: IpAddr,
    /// Through a proxy of ours.
    pub by_proxy: bool,
    /// The address is locked out.
    pub locked: bool,
}

impl Caller {
    /// Whether it is surely this machine that connects: not where a proxy is, or may be.
    fn is_this_machine(&self, shared: &Shared, headers: &HeaderMap) -> bool {
        self.address.is_loopback()
            && !self.by_proxy
            && shared.proxies.is_none()
            && sign_of_a_proxy(headers).is_none()
    }
}

/// Whether orders may come from somebody: with a token for it; on a machine without tokens from itself.
fn may_send(shared: &Shared, grant: &Grant, from_here: bool) -> bool {
    shared.intake.is_some() && (grant.role.sends() || shared.tokens.is_none() && from_here)
}

/// A token that was one, and isn't any more.
fn ended(header: Option<&str>, denied: Denied) -> Option<String> {
    let ended = matches!(denied, Denied::Expired | Denied::Revoked);
    let id = header.and_then(bearer)?.split('_').nth(1)?;
    ended.then(|| id.to_owned())
}

/// Decides who may connect, and to what. The client isn't told more than it has to know.
pub(super) fn authorize(
    shared: &Shared,
    caller: &Caller,
    request: &Request,
) -> Result<(Grant, Chosen, Option<&'static str>), Rejection> {
    let headers = request.headers();
    let origin = headers.get("origin").map(|value| value.to_str().unwrap_or("?"));
    if !origin_allowed(origin, &shared.origins) {
        let told = "this page's origin isn't allowed\n";
        return Err(Rejection::new(Refused::Origin, StatusCode::FORBIDDEN, told));
    }
    let token = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap_or(""));
    let granted = match (token, &shared.tokens) {
        (Some(header), Some(tokens)) => match bearer(header) {
            Some(token) => tokens.load().check(token, Utc::now()),
            None => Err(Denied::Malformed),
        },
        // Where there are no tokens, one that is shown anyway opens nothing more.
        _ => shared.anonymous.map(Grant::anonymous).ok_or(Denied::Missing),
    };
    let grant = granted.map_err(|denied| {
        let told = "a token is needed that allows this: Authorization: Bearer mrd_…\n";
        Rejection {
            token: ended(token, denied),
            ..Rejection::new(Refused::Login(denied), StatusCode::UNAUTHORIZED, told)
        }
    })?;
    if caller.locked && grant.id.is_empty() {
        let told = "this address is locked out for a while after failures: whoever has a token is let in\n";
        return Err(Rejection::new(
            Refused::LockedOut,
            StatusCode::TOO_MANY_REQUESTS,
            told,
        ));
    }
    let (chosen, name) = negotiate(headers)
        .map_err(|told| Rejection::new(Refused::Subprotocol, StatusCode::BAD_REQUEST, told))?;
    let from_here = caller.is_this_machine(shared, headers);
    let more_than_a_viewer = grant.role.class() == DataClass::Internal || grant.role.sends();
    let needs_to_be_here = grant.id.is_empty() && (more_than_a_viewer || chosen == Chosen::Orders);
    let proxied = caller.by_proxy || sign_of_a_proxy(headers).is_some();
    if needs_to_be_here && !from_here && (proxied || caller.address.is_loopback()) {
        let through = sign_of_a_proxy(headers).unwrap_or("[proxy] is set");
        let told = format!(
            "through a proxy ({through}) this needs a token; and the gateway's configuration has to name the proxy: [proxy] trusted\n"
        );
        return Err(Rejection::new(Refused::Proxy, StatusCode::FORBIDDEN, told));
    }
    let allowed = match chosen {
        Chosen::Desk => grant.role.directs(),
        Chosen::Orders => may_send(shared, &grant, from_here),
        Chosen::Feed(_) if !grant.role.follows() => false,
        Chosen::Feed(_) => {
            let sees = grant.role.class();
            match shared.hubs.of(sees).class() {
                Some(class) => sees.may_see(class),
                // Those who may see anything may wait guard.
                None if sees.may_see(DataClass::Internal) => true,
                None => {
                    let told = "what this gateway passes on hasn't come yet: try again\n";
                    return Err(Rejection::new(
                        Refused::Unready,
                        StatusCode::SERVICE_UNAVAILABLE,
                        told,
                    ));
                }
            }
        }
    };
    if !allowed {
        let told = "this token's role doesn't allow that\n";
        return Err(Rejection::new(Refused::Role, StatusCode::FORBIDDEN, told));
    }
    Ok((grant, chosen, name))
}
