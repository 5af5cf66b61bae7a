//! Who may connect.

use std::net::SocketAddr;

use subtle::ConstantTimeEq;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::{HOST, HeaderName, ORIGIN};
use tokio_tungstenite::tungstenite::http::{HeaderMap, StatusCode};

/// The rules of one endpoint.
pub(super) struct Access {
    path: String,
    /// The host names of this endpoint.
    hosts: Vec<String>,
}

impl Access {
    pub(super) fn new(address: SocketAddr, path: &str) -> Self {
        let hosts = vec![address.to_string(), format!("localhost:{}", address.port())];
        Self { path: path.to_owned(), hosts }
    }

    /// The HTTP status that refuses a request.
    fn refusal(&self, path: &str, headers: &HeaderMap) -> Option<StatusCode> {
        // An attacker's host name that resolves to this machine (DNS rebinding) shows in the Host.
        let is_ours = |host: &str| self.hosts.iter().any(|known| host.eq_ignore_ascii_case(known));
        if !only(headers, HOST).is_ok_and(|host| host.is_some_and(is_ours)) {
            return Some(StatusCode::FORBIDDEN);
        }
        if !only(headers, ORIGIN).is_ok_and(|origin| origin.is_none_or(|origin| self.is_welcome(origin))) {
            return Some(StatusCode::FORBIDDEN);
        }
        let is_secret: bool = path.as_bytes().ct_eq(self.path.as_bytes()).into();
        (!is_secret).then_some(StatusCode::NOT_FOUND)
    }

    /// Web pages are refused; programs send no origin, and browser extensions send their own.
    fn is_welcome(&self, origin: &str) -> bool {
        let extensions = ["chrome-extension://", "moz-extension://", "safari-web-extension://"];
        extensions.iter().any(|scheme| origin.starts_with(scheme))
            || origin.strip_prefix("http://").is_some_and(|host| self.hosts.iter().any(|known| host == known))
    }
}

impl Callback for &Access {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        match self.refusal(request.uri().path(), request.headers()) {
            None => Ok(response),
            Some(status) => {
                let mut refusal = ErrorResponse::new(None);
                *refusal.status_mut() = status;
                Err(refusal)
            }
        }
    }
}

/// The only value of a header; an error if there are several or it is not text.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, ()> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str()).transpose().map_err(|_| ())?;
    if values.next().is_some() { Err(()) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::http::HeaderValue;

    fn verdict(path: &str, headers: &[(HeaderName, &'static str)]) -> Option<u16> {
        let access = Access::new("127.0.0.1:4000".parse().unwrap(), "/secret/gun");
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        access.refusal(path, &map).map(|status| status.as_u16())
    }

    #[test]
    fn programs_and_extensions_are_let_in() {
        for host in ["127.0.0.1:4000", "localhost:4000", "LOCALHOST:4000"] {
            assert_eq!(verdict("/secret/gun", &[(HOST, host)]), None);
        }
        for origin in ["chrome-extension://abc", "moz-extension://abc", "http://127.0.0.1:4000"] {
            assert_eq!(verdict("/secret/gun", &[(HOST, "127.0.0.1:4000"), (ORIGIN, origin)]), None);
        }
    }

    #[test]
    fn others_are_not() {
        for host in ["evil.example", "127.0.0.1", "127.0.0.1:4001", "localhost.evil.example:4000"] {
            assert_eq!(verdict("/secret/gun", &[(HOST, host)]), Some(403), "{host}");
        }
        assert_eq!(verdict("/secret/gun", &[]), Some(403));
        assert_eq!(verdict("/secret/gun", &[(HOST, "127.0.0.1:4000"), (HOST, "127.0.0.1:4000")]), Some(403));
        for origin in ["https://evil.example", "null", "http://127.0.0.1:4001", "https://127.0.0.1:4000", ""]
        {
            assert_eq!(
                verdict("/secret/gun", &[(HOST, "127.0.0.1:4000"), (ORIGIN, origin)]),
                Some(403),
                "{origin}"
            );
        }
        for path in ["/", "/secret", "/secret/gun/", "/Secret/gun", "/other/gun"] {
            assert_eq!(verdict(path, &[(HOST, "127.0.0.1:4000")]), Some(404), "{path}");
        }
    }
}
