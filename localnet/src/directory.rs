//! What the network publishes for its clients.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

use nym_api_requests::{
    models::{
        BinaryBuildInformationOwned, KeyRotationDetails, KeyRotationInfoResponse, RewardedSetResponse,
        described::{
            type_translation::{
                AnnouncePortsV1, DeclaredRolesV1, HostInformationV1, HostKeysV1, NetworkRequesterDetailsV1,
                NymNodeAuxiliaryDetailsV1, SphinxKeyV1, WebSocketsV1,
            },
            v1::DescribedNodeTypeV1,
            v2::{NymNodeDataV2, NymNodeDescriptionV2},
        },
    },
    nym_nodes::{BasicEntryInformation, NodeRole, PaginatedCachedNodesResponseV2, SkimmedNodeV1},
    pagination::{PaginatedResponse, Pagination},
};
use nym_contracts_common::Percent;
use nym_mixnet_contract_common::KeyRotationState;

use crate::{
    Epochs, Node,
    epoch::{self, Epoch},
};

/// The current edition, exchanged as a whole: epoch, rotation and keys always belong together.
pub(crate) struct Directory {
    edition: RwLock<Arc<Edition>>,
    /// The Nym addresses of the exits, with the ids of their gateways.
    exits: RwLock<Vec<(u32, String)>>,
    /// Nodes that it leaves out.
    hidden: RwLock<HashSet<u32>>,
}

impl Directory {
    pub(crate) fn new(edition: Edition) -> Self {
        Directory {
            edition: RwLock::new(Arc::new(edition)),
            exits: RwLock::default(),
            hidden: RwLock::default(),
        }
    }

    pub(crate) fn current(&self) -> Arc<Edition> {
        let edition = self.edition.read().unwrap_or_else(PoisonError::into_inner).clone();
        let hidden = self.hidden.read().unwrap_or_else(PoisonError::into_inner);
        if hidden.is_empty() { edition } else { Arc::new(edition.without(&hidden)) }
    }

    /// Leaves out these nodes from now on, and no others.
    pub(crate) fn hide(&self, nodes: HashSet<u32>) {
        *self.hidden.write().unwrap_or_else(PoisonError::into_inner) = nodes;
    }

    pub(crate) fn publish(&self, edition: Edition) {
        *self.edition.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(edition);
    }

    pub(crate) fn set_exits(&self, exits: Vec<(u32, String)>) {
        *self.exits.write().unwrap_or_else(PoisonError::into_inner) = exits;
    }

    /// The gateways, with their exits. A gateway with several exits is listed once for each.
    pub(crate) fn described(&self) -> PaginatedResponse<NymNodeDescriptionV2> {
        let exits = self.exits.read().unwrap_or_else(PoisonError::into_inner);
        let edition = self.current();
        let mut data = Vec::new();
        for gateway in &edition.gateways {
            let mut addresses =
                exits.iter().filter(|(node, _)| *node == gateway.node_id).map(|(_, address)| address.clone());
            data.push(describe(gateway, edition.rotation(), addresses.next()));
            data.extend(addresses.map(|address| describe(gateway, edition.rotation(), Some(address))));
        }
        let pagination = Pagination { total: data.len(), page: 0, size: data.len() };
        PaginatedResponse { pagination, data }
    }
}

/// What is published during one epoch.
pub(crate) struct Edition {
    epoch: Epoch,
    epochs: Epochs,
    mixes: Vec<SkimmedNodeV1>,
    gateways: Vec<SkimmedNodeV1>,
}

/// A page of nodes, as all three node routes give it.
pub(crate) type Page = PaginatedCachedNodesResponseV2<SkimmedNodeV1>;

impl Edition {
    pub(crate) fn new(epoch: Epoch, epochs: Epochs, mixes: &[Node], gateways: &[Node]) -> Self {
        Edition {
            epoch,
            epochs,
            mixes: mixes.iter().map(skimmed).collect(),
            gateways: gateways.iter().map(skimmed).collect(),
        }
    }

    fn without(&self, hidden: &HashSet<u32>) -> Self {
        let shown = |nodes: &[SkimmedNodeV1]| {
            nodes.iter().filter(|node| !hidden.contains(&node.node_id)).cloned().collect()
        };
        Edition {
            epoch: self.epoch,
            epochs: self.epochs,
            mixes: shown(&self.mixes),
            gateways: shown(&self.gateways),
        }
    }

    /// The clock. A client reads it once and reckons on: all parts must agree with the node routes.
    pub(crate) fn key_rotation_info(&self) -> KeyRotationInfoResponse {
        KeyRotationInfoResponse::from(KeyRotationDetails {
            key_rotation_state: KeyRotationState {
                validity_epochs: self.epochs.per_rotation,
                initial_epoch_id: 0,
            },
            current_absolute_epoch_id: self.epoch.id,
            current_epoch_start: self.epoch.started,
            epoch_duration: self.epochs.duration,
        })
    }

    pub(crate) fn rewarded_set(&self) -> RewardedSetResponse {
        let gateways: Vec<_> = self.gateways.iter().map(|node| node.node_id).collect();
        let layer = |wanted: u8| {
            let in_layer =
                |node: &&SkimmedNodeV1| matches!(node.role, NodeRole::Mixnode { layer } if layer == wanted);
            self.mixes.iter().filter(in_layer).map(|node| node.node_id).collect()
        };
        RewardedSetResponse {
            epoch_id: self.epoch.id,
            entry_gateways: gateways.clone(),
            exit_gateways: gateways,
            layer1: layer(1),
            layer2: layer(2),
            layer3: layer(3),
            standby: Vec::new(),
        }
    }

    pub(crate) fn mixes(&self) -> Page {
        self.page(self.mixes.clone())
    }

    pub(crate) fn gateways(&self) -> Page {
        self.page(self.gateways.clone())
    }

    pub(crate) fn nodes(&self) -> Page {
        self.page(self.mixes.iter().chain(&self.gateways).cloned().collect())
    }

    pub(crate) fn rotation(&self) -> u32 {
        self.epoch.rotation(self.epochs)
    }

    fn page(&self, nodes: Vec<SkimmedNodeV1>) -> Page {
        Page::new_full(self.epoch.id, self.rotation(), epoch::now(), nodes)
    }
}

fn skimmed(node: &Node) -> SkimmedNodeV1 {
    let mix = node.mix_address();
    let is_gateway = node.layer().is_none();
    SkimmedNodeV1 {
        node_id: node.id(),
        ed25519_identity_pubkey: *node.identity_pair().public_key(),
        ip_addresses: vec![mix.ip()],
        mix_port: mix.port(),
        x25519_sphinx_pubkey: node.core().keys.keys().current.public(),
        role: node.layer().map_or(NodeRole::EntryGateway, |layer| NodeRole::Mixnode { layer }),
        // Clients take only nodes that can be an exit as the last hop to a recipient.
        supported_roles: DeclaredRolesV1 {
            mixnode: !is_gateway,
            entry: is_gateway,
            exit_nr: is_gateway,
            exit_ipr: is_gateway,
        },
        entry: node.websocket_address().map(|address| BasicEntryInformation {
            hostname: None,
            ws_port: address.port(),
            wss_port: None,
        }),
        performance: Percent::hundred(),
    }
}

/// What a gateway would publish about itself.
fn describe(gateway: &SkimmedNodeV1, rotation: u32, exit: Option<String>) -> NymNodeDescriptionV2 {
    let sphinx_key = gateway.x25519_sphinx_pubkey;
    // The type has the old field still, and needs it.
    #[allow(deprecated)]
    let keys = HostKeysV1 {
        ed25519: gateway.ed25519_identity_pubkey,
        x25519: sphinx_key,
        current_x25519_sphinx_key: SphinxKeyV1 { rotation_id: rotation, public_key: sphinx_key },
        pre_announced_x25519_sphinx_key: None,
        x25519_versioned_noise: None,
    };
    let unknown = || "localnet".to_owned();
    NymNodeDescriptionV2 {
        node_id: gateway.node_id,
        contract_node_type: DescribedNodeTypeV1::NymNode,
        description: NymNodeDataV2 {
            last_polled: epoch::now().into(),
            host_information: HostInformationV1 {
                ip_address: gateway.ip_addresses.clone(),
                hostname: None,
                keys,
            },
            declared_role: gateway.supported_roles,
            auxiliary_details: NymNodeAuxiliaryDetailsV1 {
                announce_ports: AnnouncePortsV1 { verloc_port: None, mix_port: Some(gateway.mix_port) },
                ..Default::default()
            },
            build_information: BinaryBuildInformationOwned {
                binary_name: unknown(),
                build_timestamp: unknown(),
                build_version: env!("CARGO_PKG_VERSION").to_owned(),
                commit_sha: unknown(),
                commit_timestamp: unknown(),
                commit_branch: unknown(),
                rustc_version: unknown(),
                rustc_channel: unknown(),
                cargo_profile: unknown(),
                cargo_triple: unknown(),
            },
            network_requester: exit
                .map(|address| NetworkRequesterDetailsV1 { address, uses_exit_policy: true }),
            ip_packet_router: None,
            authenticator: None,
            wireguard: None,
            mixnet_websockets: WebSocketsV1 {
                ws_port: gateway.entry.as_ref().map(|entry| entry.ws_port).unwrap_or_default(),
                wss_port: None,
            },
            lewes_protocol: None,
        },
    }
}
