//! The way to Gun relays: which of them, and through which exits of the mixnet.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bauta_ipc::{GunRelay, GunStatus};
use bauta_sphinx_client::{ExitAddress, Mixnet};
use zeroize::Zeroizing;

use super::config::{GUN_ENDPOINT, GUN_EXITS, GUN_RELAYS, GUN_ROOT, given_or_kept};
use super::error::NodeError;
use crate::gun::endpoint::{Endpoint, new_secret_path};
use crate::gun::{Gun, GunConfig, GunUrl, check_roots};
use crate::posts::{Guns, Way};
use crate::store::{Store, StoreError, Tx};

const SECRET_PATH: &str = "gun.endpoint";

/// Gun relays and the exits that lead to them, as set at this start. What is absent stays as at the last start.
#[derive(Clone, Default)]
pub struct GunSettings {
    /// Relays, from now on; the default is Mask's.
    pub relays: Option<Vec<GunUrl>>,
    /// Roots that are trusted for relays besides the usual ones, in PEM, from now on.
    pub extra_roots_pem: Option<Vec<u8>>,
    /// Exits, from now on; an empty list means those of the network's directory, which is the default.
    pub exits: Option<Vec<ExitAddress>>,
    /// The exit that the network's own description names; used if `exits` is absent. Not remembered.
    pub network_exit: Option<ExitAddress>,
    /// Serve local Gun clients on this port of 127.0.0.1, from now on; 0 is any free one.
    pub endpoint: Option<u16>,
}

impl fmt::Debug for GunSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GunSettings").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// What a node has of the world outside of the mixnet.
pub(crate) struct Outside {
    guns: Guns,
    /// The way of programs that use the endpoint: no persona's.
    programs: Option<Way>,
    endpoint: Option<Endpoint>,
    shown: GunStatus,
}

impl Outside {
    /// Applies the settings. Nothing is sent before somebody asks for something.
    pub(super) async fn open(
        settings: GunSettings,
        store: &Store,
        mixnet: &Mixnet,
    ) -> Result<Self, NodeError> {
        // Before they are kept: ones that cannot be used would be tried again at each start.
        if let Some(pem) = &settings.extra_roots_pem {
            check_roots(pem).map_err(NodeError::Gun)?;
        }
        let network_exit = settings.network_exit.clone();
        let kept = store.run(move |tx| Kept::of(tx, settings)).await.map_err(NodeError::Store)?;
        let Kept { relays, exits, extra_roots_pem, endpoint } = kept;
        let fixed = exits.unwrap_or_else(|| network_exit.into_iter().collect());
        let mut shown = GunStatus {
            relays: relays.iter().map(|relay| GunRelay { url: relay.to_string() }).collect(),
            exits: fixed.iter().map(ToString::to_string).collect(),
            extra_root: extra_roots_pem.is_some(),
            endpoint: None,
        };
        let mixnet = mixnet.clone();
        let make = move || {
            let exits = mixnet.exits(fixed.clone());
            let dial = Arc::new(exits.clone());
            let (relays, extra_roots_pem) = (relays.clone(), extra_roots_pem.clone());
            let gun = Gun::new(GunConfig { relays, extra_roots_pem, dial })?;
            Ok(Way { gun, exits: Some(exits) })
        };
        // Made even if no program may use it: whatever is wrong with the settings shows now.
        let programs = make().map_err(NodeError::Gun)?;
        let endpoint = match endpoint {
            None => None,
            Some(port) => {
                let secret = store.run(secret_path).await.map_err(NodeError::Store)?;
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                Some(
                    Endpoint::start(programs.gun.clone(), &secret, address)
                        .await
                        .map_err(NodeError::Endpoint)?,
                )
            }
        };
        shown.endpoint = endpoint.as_ref().map(Endpoint::url);
        Ok(Self { guns: Guns::new(make), programs: Some(programs), endpoint, shown })
    }

    /// With a way out of the caller's making, for all personas.
    pub(super) fn of(gun: Gun) -> Self {
        let guns = Guns::shared(gun);
        Self { guns, programs: None, endpoint: None, shown: GunStatus::default() }
    }

    pub(crate) fn guns(&self) -> &Guns {
        &self.guns
    }

    pub(super) fn status(&self) -> GunStatus {
        self.shown.clone()
    }

    pub(super) async fn stop(&self) {
        if let Some(endpoint) = &self.endpoint {
            endpoint.stop().await;
        }
        self.guns.stop().await;
        if let Some(programs) = &self.programs {
            programs.stop().await;
        }
    }
}

/// What a start is given, and otherwise what an earlier one was.
struct Kept {
    relays: Vec<GunUrl>,
    exits: Option<Vec<ExitAddress>>,
    extra_roots_pem: Option<Vec<u8>>,
    endpoint: Option<u16>,
}

impl Kept {
    fn of(tx: &Tx<'_>, settings: GunSettings) -> Result<Self, StoreError> {
        let relays = given_or_kept(tx, GUN_RELAYS, settings.relays)?.unwrap_or_default();
        if let Some(pem) = &settings.extra_roots_pem {
            tx.set_meta(GUN_ROOT, pem)?;
        }
        let endpoint = given_or_kept(tx, GUN_ENDPOINT, settings.endpoint.map(|port| vec![port]))?;
        Ok(Self {
            relays: if relays.is_empty() { GunUrl::MASK.parse().into_iter().collect() } else { relays },
            exits: given_or_kept(tx, GUN_EXITS, settings.exits)?,
            extra_roots_pem: tx.meta(GUN_ROOT)?.filter(|pem| !pem.is_empty()),
            endpoint: endpoint.unwrap_or_default().pop(),
        })
    }
}

/// The path of the local endpoint stays, so that programs find it again.
fn secret_path(tx: &Tx<'_>) -> Result<Zeroizing<String>, StoreError> {
    if let Some(kept) = tx.meta(SECRET_PATH)? {
        return String::from_utf8(kept).map(Zeroizing::new).map_err(|_| StoreError::Damaged("a setting"));
    }
    let drawn = Zeroizing::new(new_secret_path());
    tx.set_meta(SECRET_PATH, drawn.as_bytes())?;
    Ok(drawn)
}
