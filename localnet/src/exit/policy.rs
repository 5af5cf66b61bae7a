//! What an exit connects to.

use std::net::{Ipv4Addr, SocketAddr};

/// Which servers an exit connects to, all of them on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ExitPolicy {
    /// There is no exit.
    #[default]
    Off,
    /// Every port of 127.0.0.0/8.
    Loopback,
    /// These addresses of 127.0.0.0/8.
    Only(Vec<SocketAddr>),
}

impl ExitPolicy {
    /// Whether an address in it is not on loopback.
    pub(crate) fn names_foreign(&self) -> bool {
        matches!(self, ExitPolicy::Only(allowed) if !allowed.iter().all(is_loopback))
    }

    /// Where a request for `host:port` leads; `None` if it is refused.
    ///
    /// `localhost` is 127.0.0.1; no other name is known.
    pub(crate) fn target(&self, remote: &str) -> Option<SocketAddr> {
        let target = match remote.strip_prefix("localhost:") {
            Some(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?)),
            None => remote.parse().ok()?,
        };
        let allowed = match self {
            ExitPolicy::Off => false,
            ExitPolicy::Loopback => true,
            ExitPolicy::Only(allowed) => allowed.contains(&target),
        };
        (allowed && is_loopback(&target) && target.port() != 0).then_some(target)
    }
}

fn is_loopback(address: &SocketAddr) -> bool {
    address.is_ipv4() && address.ip().is_loopback()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_this_machine_is_reached() {
        let any = ExitPolicy::Loopback;
        assert_eq!(any.target("127.0.0.1:80"), Some("127.0.0.1:80".parse().unwrap()));
        assert_eq!(any.target("127.9.9.9:80"), Some("127.9.9.9:80".parse().unwrap()));
        assert_eq!(any.target("localhost:80"), Some("127.0.0.1:80".parse().unwrap()));
        for remote in [
            "10.0.0.1:80",
            "example.org:80",
            "localhost",
            "localhost:",
            "localhost:0",
            "localhost:70000",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
            "0.0.0.0:80",
            "",
            ":80",
        ] {
            assert_eq!(any.target(remote), None, "{remote}");
        }
    }

    #[test]
    fn a_list_is_a_list() {
        let only = ExitPolicy::Only(vec!["127.0.0.1:80".parse().unwrap(), "10.0.0.1:80".parse().unwrap()]);
        assert!(only.target("localhost:80").is_some());
        assert_eq!(only.target("127.0.0.1:81"), None);
        assert_eq!(only.target("10.0.0.1:80"), None, "not even if listed");
        assert!(only.names_foreign() && !ExitPolicy::Loopback.names_foreign());
        assert_eq!(ExitPolicy::Off.target("127.0.0.1:80"), None);
    }

    proptest! {
        #[test]
        fn no_text_leads_away_from_loopback(remote: String) {
            let target = ExitPolicy::Loopback.target(&remote);
            prop_assert!(target.is_none_or(|target| target.ip().is_loopback()));
        }
    }
}
