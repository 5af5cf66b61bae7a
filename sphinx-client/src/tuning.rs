//! The SDK's settings, as a traffic profile wants them.

use std::time::Duration;

use nym_sdk::DebugConfig;

use crate::traffic::{Cover, Traffic};

/// The SDK retransmits a packet this often; beyond that, exchanges are sent again as a whole.
const RETRANSMISSIONS: u32 = 2;
/// The SDK drops a client's reply keys after this time. No exchange waits that long.
const REPLY_KEY_AGE: Duration = Duration::from_secs(15 * 60);

/// The SDK's settings for a client of exchanges.
pub(crate) fn client_config(traffic: Traffic) -> DebugConfig {
    let mut config = common(traffic);
    // Whoever holds one of our reply SURBs may ask for more. The SDK would send them under the tag that is in its map at
    // that moment, which links one exchange to another. So none are ever sent.
    config.reply_surbs.maximum_allowed_reply_surb_request_size = 0;
    config.reply_surbs.maximum_reply_key_age = REPLY_KEY_AGE;
    let Cover { stream, loops, mix_delay, ack_delay, .. } = traffic.profile().cover;
    match stream {
        Some(gap) => config.traffic.message_sending_average_delay = gap,
        None => config.traffic.disable_main_poisson_packet_distribution = true,
    }
    match loops {
        Some(gap) => config.cover_traffic.loop_cover_traffic_average_delay = gap,
        None => config.cover_traffic.disable_loop_cover_traffic_stream = true,
    }
    config.traffic.average_packet_delay = mix_delay;
    config.acknowledgements.average_ack_delay = ack_delay;
    config
}

/// The SDK's settings for the client of the streams: the same traffic as other clients, with retransmissions, and an exit
/// gets the reply SURBs it asks for. All its streams to one exit have one sender tag anyway.
pub(crate) fn exit_config(traffic: Traffic) -> DebugConfig {
    let nyms = DebugConfig::default();
    let mut config = client_config(traffic);
    config.reply_surbs = nyms.reply_surbs;
    config.traffic.maximum_number_of_retransmissions = nyms.traffic.maximum_number_of_retransmissions;
    config
}

/// The SDK's settings for a service, which is not anonymous; its clients are.
pub(crate) fn service_config(traffic: Traffic) -> DebugConfig {
    let mut config = common(traffic);
    config.cover_traffic.disable_loop_cover_traffic_stream = true;
    config.traffic.disable_main_poisson_packet_distribution = true;
    // A relay answers as fast as Nym's defaults allow, also those who wait longer by choice.
    let Cover { mix_delay, ack_delay, .. } = traffic.profile().cover;
    config.traffic.average_packet_delay = mix_delay.min(config.traffic.average_packet_delay);
    config.acknowledgements.average_ack_delay = ack_delay.min(config.acknowledgements.average_ack_delay);
    config
}

fn common(traffic: Traffic) -> DebugConfig {
    let tuning = traffic.tuning();
    let mut config = DebugConfig::default();
    config.stats_reporting.enabled = false;
    config.traffic.maximum_number_of_retransmissions = Some(RETRANSMISSIONS);
    // The SDK reads this for cover only, and makes everything else in the newer format: every hop reads the version, so
    // the older one would mark cover as cover.
    config.traffic.use_legacy_sphinx_format = false;
    config.topology.topology_refresh_rate = tuning.topology_look;
    config.topology.ignore_egress_epoch_role = true;
    // A reserve would hold back the one SURB of a small exchange and ask its sender for more.
    config.reply_surbs.minimum_reply_surb_storage_threshold = 0;
    config.reply_surbs.minimum_reply_surb_threshold_buffer = 0;
    config.reply_surbs.maximum_reply_surbs_rerequests = 0;
    config.gateway_connection.gateway_response_timeout = tuning.connect_timeout;
    config.acknowledgements.ack_wait_addition = traffic.profile().cover.ack_slack;
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::PROFILES;

    #[test]
    fn no_profile_gives_surbs_away_or_reports_statistics() {
        for profile in PROFILES {
            for config in [client_config(profile), service_config(profile)] {
                assert!(!config.stats_reporting.enabled && config.stats_reporting.provider_address.is_none());
                assert_eq!(config.reply_surbs.minimum_reply_surb_storage_threshold, 0);
                assert!(config.traffic.maximum_number_of_retransmissions.is_some());
                assert!(config.validate() && !config.traffic.disable_mix_hops);
                assert!(config.traffic.secondary_packet_size.is_none());
                assert!(!config.traffic.use_legacy_sphinx_format);
            }
            assert_eq!(client_config(profile).reply_surbs.maximum_allowed_reply_surb_request_size, 0);
        }
    }

    #[test]
    fn a_client_of_streams_looks_like_another_and_gives_surbs() {
        for profile in PROFILES {
            let (streams, exchanges) = (exit_config(profile), client_config(profile));
            assert_eq!(streams.cover_traffic, exchanges.cover_traffic);
            assert_eq!(streams.acknowledgements, exchanges.acknowledgements);
            assert!(streams.reply_surbs.maximum_allowed_reply_surb_request_size > 0);
            assert_eq!(streams.traffic.maximum_number_of_retransmissions, None);
            assert!(!streams.stats_reporting.enabled && streams.validate());
        }
    }

    #[test]
    fn full_is_what_nym_does() {
        let (ours, nyms) = (client_config(Traffic::Full), DebugConfig::default());
        assert_eq!(ours.cover_traffic, nyms.cover_traffic);
        assert_eq!(ours.acknowledgements, nyms.acknowledgements);
        assert_eq!(ours.traffic.message_sending_average_delay, nyms.traffic.message_sending_average_delay);
        assert_eq!(ours.traffic.average_packet_delay, nyms.traffic.average_packet_delay);
    }
}
