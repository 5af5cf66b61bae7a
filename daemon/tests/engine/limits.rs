//! The API and the parts below it are written apart; what both say is the same.

use bauta_ipc::limits::{MAX_TIMER, MIN_TIMER, TRAFFIC_PROFILES};
use bauta_protocol::timer::Timer;
use bauta_sphinx_client::{PROFILES, Traffic};

#[test]
fn the_api_and_the_protocol_agree_on_numbers() {
    assert_eq!(bauta_ipc::MAX_TEXT, bauta_protocol::limits::MAX_TEXT);
    assert_eq!((MIN_TIMER, MAX_TIMER), (Timer::MIN, Timer::MAX));
}

#[test]
fn the_api_names_every_traffic_profile() {
    assert_eq!(PROFILES.map(Traffic::name), TRAFFIC_PROFILES);
}
