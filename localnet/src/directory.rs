//! What the network tells its clients about itself.

use std::sync::{Arc, PoisonError, RwLock};

use nym_api_requests::{
    models::{
        KeyRotationDetails, KeyRotationInfoResponse, RewardedSetResponse,
        described::type_translation::DeclaredRolesV1,
    },
    nym_nodes::{BasicEntryInformation, NodeRole, PaginatedCachedNodesResponseV2, SkimmedNodeV1},
};
use nym_contracts_common::Percent;
use nym_mixnet_contract_common::KeyRotationState;
use time::OffsetDateTime;

use crate::{Epochs, Node, epoch::Epoch};

/// The current edition, exchanged as a whole: epoch, rotation and keys always belong together.
pub(crate) struct Directory(RwLock<Arc<Edition>>);

impl Directory {
    pub(crate) fn new(edition: Edition) -> Self {
        Directory(RwLock::new(Arc::new(edition)))
    }

    pub(crate) fn current(&self) -> Arc<Edition> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn publish(&self, edition: Edition) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(edition);
    }
}

/// What is told during one epoch.
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
        Page::new_full(self.epoch.id, self.rotation(), OffsetDateTime::now_utc(), nodes)
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
