//! Social networks, as the API and as the formats name them.

use bauta_ipc::SocialNetwork;
use bauta_protocol::mask::Network;

/// The network of the API as the formats know it.
pub(super) fn network(network: SocialNetwork) -> Network {
    match network {
        SocialNetwork::Twitter => Network::Twitter,
        SocialNetwork::Facebook => Network::Facebook,
        SocialNetwork::Minds => Network::Minds,
        SocialNetwork::Instagram => Network::Instagram,
    }
}

/// The network of the formats as the API shows it; `None` for one without partitions.
pub(super) fn shown(network: Network) -> Option<SocialNetwork> {
    match network {
        Network::Twitter => Some(SocialNetwork::Twitter),
        Network::Facebook => Some(SocialNetwork::Facebook),
        Network::Minds => Some(SocialNetwork::Minds),
        Network::Instagram => Some(SocialNetwork::Instagram),
        Network::Unknown => None,
    }
}
