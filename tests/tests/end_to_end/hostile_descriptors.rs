//! A relay that signs different descriptors for different clients is caught by the messages the clients exchange.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bauta_protocol::address::RelayAddress;
use bauta_protocol::descriptor::{Descriptor, DescriptorTerms, RelayIdentity};
use bauta_protocol::relay::{Describe, Reply, Request};
use bauta_relay::{Desk, DeskConfig, SqliteOptions, SqliteStorage};
use bauta_sphinx_client::{Network, Service, ServiceConfig, Traffic};
use bauta_tests::program::Program;
use bauta_tests::wait::eventually;
use bauta_tests::world::{World, introduce};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(180);

/// A relay that keeps all rules but one: who asks for its descriptor gets the one of two that `face` says.
async fn two_faced_relay(data: &Path, api: &str, face: Arc<AtomicUsize>) -> RelayAddress {
    let mut rng = UnwrapErr(SysRng);
    let secret = RelayIdentity::generate(&mut rng).to_bytes();
    let identity = || RelayIdentity::from_bytes(&secret).unwrap();
    let (service, mut incoming) = Service::start(ServiceConfig {
        network: Network::local(api).unwrap(),
        relay_id: identity().id(),
        dir: data.join("doors"),
        doors: 2,
        traffic: Traffic::Test,
        observer: None,
    })
    .await
    .unwrap();
    let storage = Arc::new(SqliteStorage::open(&data.join("relay.db"), SqliteOptions::default()).unwrap());
    let doors = service.doors();
    let desk =
        Desk::open(storage, identity(), doors.clone(), Box::new(rng), DeskConfig::default()).await.unwrap();

    // The first face is the honest one; the other differs in its doors alone, and is signed just as well.
    let Some(Reply::Descriptor(honest)) = desk.answer(Request::Describe(Describe)).await else {
        panic!("no descriptor")
    };
    let honest = Descriptor::from_bytes(honest.as_slice(), desk.relay()).unwrap();
    let terms = DescriptorTerms {
        day: honest.day(),
        doors: doors[..1].to_vec(),
        put_bits: honest.put_bits(),
        deposit_bits: honest.deposit_bits(),
        size: honest.size(),
        takes_personas: honest.takes_personas(),
        last_header: honest.last_header().copied(),
        expiry: honest.expiry(),
    };
    let faces = [honest, Descriptor::sign(&identity(), &terms, &mut rng).unwrap()];
    let address = RelayAddress { id: identity().id(), doors };
    let desk = Arc::new(desk);
    tokio::spawn(async move {
        // The service lives as long as its requests are answered.
        let _service = service;
        while let Some(request) = incoming.recv().await {
            if let Ok(Request::Describe(Describe)) = Request::decode(request.class, &request.body) {
                let face = &faces[face.load(Ordering::SeqCst)];
                let reply = Reply::Descriptor(Box::new(*face.as_bytes()));
                request.responder.send(reply.encode(request.class).unwrap());
                continue;
            }
            let desk = Arc::clone(&desk);
            tokio::spawn(async move {
                if let Some(reply) = desk.answer_body(request.class, request.body).await {
                    request.responder.send(reply);
                }
            });
        }
    });
    address
}

/// Whether the daemon's health says that the relay has two faces.
fn proved(status: &Value) -> bool {
    status["health"].as_array().unwrap().iter().any(|entry| entry["code"] == "relay.dishonest")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_faces_for_one_day_are_found_out() {
    let mut world = World::new(Program::new(env!("CARGO_BIN_EXE_chaos")), 2).await;
    let data = world.dir().join("hostile");
    std::fs::create_dir(&data).unwrap();
    let face = Arc::new(AtomicUsize::new(0));
    let address = two_faced_relay(&data, &world.localnet.api_url(), Arc::clone(&face)).await;
    world.use_relay(&address.to_string());
    tokio::task::block_in_place(|| {
        // Each has asked once it is ready, and does not ask again that day.
        let (mut alice, mut bob) = (world.person("alice"), world.person("bob"));
        alice.up();
        alice.persona("alice");
        eventually("alice has asked", SOON, || {
            (!alice.ok(&["persona", "show", "alice"])["published"].is_null()).then_some(())
        });
        face.store(1, Ordering::SeqCst);
        bob.up();
        bob.persona("bob");
        introduce(&alice, "bob", &bob, "alice", SOON);
        // Each message names the descriptor its sender saw.
        let mut n = 0;
        eventually("the proof in the health of one of them", SOON, || {
            n += 1;
            alice.run(&["send", "bob", &format!("from alice {n}"), "--wait", "queued"]);
            bob.run(&["send", "alice", &format!("from bob {n}"), "--wait", "queued"]);
            [&alice, &bob].iter().any(|person| proved(&person.ok(&["status"]))).then_some(())
        });
    });
}
