//! What a program that is limited to some personas reads of the others.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Served, Stillness};

const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_health_of_a_persona_is_not_that_of_another_or_of_the_home() {
    let mixnet = Stillness::default();
    let served = Served::start_over(mixnet.clone()).await;
    let client = served.client().await;
    client.call_raw("persona.new", json!({"name": "alice"})).await.unwrap();
    mixnet.refuses.store(true, Ordering::Relaxed);
    client.call_raw("persona.new", json!({"name": "bob"})).await.unwrap();
    let health = async |personas: Value| -> Vec<String> {
        let status = client.call_raw("status.get", json!({"personas": personas})).await.unwrap();
        let items = status["health"].as_array().unwrap().iter();
        items.map(|item| item["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(health(json!(["alice"])).await, Vec::<String>::new());
    assert_eq!(health(json!(["bob"])).await, ["network.clock"]);
    assert_eq!(health(json!(["alice", "bob"])).await, ["network.clock"]);
    assert_eq!(health(Value::Null).await, ["network.clock"]);

    // What it says names a directory.
    client.call_raw("config.set", json!({"key": "backup.every", "values": ["1d"]})).await.unwrap();
    let deadline = Instant::now() + SOON;
    while health(Value::Null).await != ["network.clock", "backup.failed"] {
        assert!(Instant::now() < deadline, "no backup has failed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(health(json!(["alice"])).await, Vec::<String>::new());
}
