//! A daemon that no gateway takes says why, and what to do.

use std::time::Duration;

use bauta_localnet::Refusal;
use bauta_tests::program::Program;
use bauta_tests::wait::eventually;
use bauta_tests::world::World;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn status_doctor_and_log_name_the_reason() {
    let mut world = World::new(Program::new(env!("CARGO_BIN_EXE_chaos")), 4).await;
    tokio::task::block_in_place(|| {
        world.start_relay();
        let mut alice = world.person("alice");
        let refuse = |refusal: Option<Refusal>| {
            for gateway in world.localnet.gateways() {
                gateway.refuse(refusal);
            }
        };
        for (refusal, code, words) in [
            (Refusal::Clock, "network.clock", "clock"),
            (Refusal::Tickets, "network.tickets", "paid tickets"),
            (Refusal::Full, "network.full", "full"),
            (Refusal::Protocol(3), "network.protocol", "another version"),
        ] {
            refuse(Some(refusal));
            alice.launch();
            let item = eventually(&format!("{code} in the status"), SOON, || {
                let answer = alice.run(&["status"]);
                let status = (answer.code == 0).then(|| answer.json())?;
                assert_ne!(status["state"], "ready");
                status["health"].as_array().unwrap().iter().find(|item| item["code"] == code).cloned()
            });
            assert!(item["message"].as_str().unwrap().contains(words), "{item}");
            assert_ne!(item["hint"], "", "{item}");
            let doctor = alice.run(&["doctor"]);
            assert_eq!(doctor.code, 3, "{doctor:?}");
            let checks: Vec<Value> = doctor.json()["checks"].as_array().unwrap().clone();
            let check = checks.iter().find(|check| check["id"] == "network").unwrap();
            assert!(check["message"].as_str().unwrap().contains(words), "{check}");
            assert_eq!((&check["fix"], &check["state"]), (&item["hint"], &Value::from("fail")));
            let log = std::fs::read_to_string(alice.log()).unwrap();
            assert!(log.lines().any(|line| line.contains("WARN") && line.contains(words)), "{log}");

            refuse(None);
            eventually(&format!("a connection after {code}"), SOON, || {
                let status = alice.ok(&["status"]);
                (status["state"] == "ready" && status["health"].as_array().unwrap().is_empty()).then_some(())
            });
            alice.down();
        }
    });
}
