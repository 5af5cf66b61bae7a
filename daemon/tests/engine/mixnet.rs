//! Two daemons, a relay and a mixnet on this machine: invitations, requests, restarts and kills, end to end.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bauta_daemon::node::{GunSettings, Node, NodeConfig};
use bauta_daemon::unlock::Unlock;
use bauta_ipc::{
    AcceptRequest, AddContact, ConnectionState, ContactApi, CreateInvitation, DaemonApi, Empty, InboxOf,
    ListOf, MessageApi, MessageState, NewPersona, PersonaApi, SendMessage, StatusApi, StatusOf, WaitFor,
};
use bauta_localnet::{Localnet, LocalnetConfig};
use bauta_protocol::address::RelayAddress;
use bauta_relay::{Relay, RelayConfig};
use bauta_sphinx_client::{Network, Traffic};
use tokio_util::sync::CancellationToken;

async fn open(home: &Path, net: &Localnet, relay: &RelayAddress) -> Arc<Node> {
    let config = NodeConfig {
        home: home.to_owned(),
        network: Network::local(&net.api_url()).unwrap(),
        relays: vec![relay.clone()],
        own_relays: None,
        traffic: Some(Traffic::Test),
        lock_after: None,
        unlock: Unlock::KeyFile,
        gun: GunSettings::default(),
    };
    Node::open(config).await.unwrap()
}

async fn ready(node: &Node) {
    let deadline = Instant::now() + Duration::from_secs(180);
    while node.status_get(StatusOf::default()).await.unwrap().state != ConnectionState::Ready {
        assert!(Instant::now() < deadline, "not ready: {:?}", node.status_get(StatusOf::default()).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn send(node: &Node, contact: &str, text: &str) -> String {
    let params = SendMessage { persona: None, contact: contact.to_owned(), text: text.to_owned(), id: None };
    node.message_send(params).await.unwrap().id
}

async fn delivered(node: &Node, id: &str) {
    let params = WaitFor { id: id.to_owned(), state: MessageState::Delivered, timeout_ms: 180_000 };
    node.message_wait(params).await.unwrap();
}

async fn texts(node: &Node) -> Vec<String> {
    let inbox = node.message_inbox(InboxOf::default()).await.unwrap();
    inbox.messages.into_iter().map(|message| message.body.text().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_daemons_talk_through_the_mixnet() {
    let dir = tempfile::tempdir().unwrap();
    let net = Localnet::start(LocalnetConfig { gateways: 2, ..LocalnetConfig::default() }).await.unwrap();
    let relay = Relay::start(RelayConfig {
        data: dir.path().join("relay"),
        network: Network::local(&net.api_url()).unwrap(),
        traffic: Traffic::Test,
        doors: 2,
        metrics: None,
        observer: None,
    })
    .await
    .unwrap();
    let address = relay.address();
    let (alice, bob) = (dir.path().join("alice"), dir.path().join("bob"));
    let alice = open(&alice, &net, &address).await;
    // Without a persona: a relay answers all the same.
    ready(&alice).await;
    let persona = alice.persona_new(NewPersona { name: "alice".to_owned(), apart: false }).await.unwrap();
    let bob_home = bob;
    let bob = open(&bob_home, &net, &address).await;
    bob.persona_new(NewPersona { name: "bob".to_owned(), apart: false }).await.unwrap();
    ready(&alice).await;
    ready(&bob).await;

    // A stranger's request, over the inbox.
    let params = AddContact { persona: None, name: "alice".to_owned(), address: persona.address };
    bob.contact_add(params).await.unwrap();
    let first = send(&bob, "alice", "may I?").await;
    let deadline = Instant::now() + Duration::from_secs(180);
    let request = loop {
        let mut requests = alice.contact_requests(ListOf::default()).await.unwrap().requests;
        if let Some(request) = requests.pop() {
            break request;
        }
        assert!(Instant::now() < deadline, "no request came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    alice
        .contact_accept(AcceptRequest { persona: None, id: request.id, name: "bob".to_owned() })
        .await
        .unwrap();
    delivered(&bob, &first).await;
    assert_eq!(texts(&alice).await, ["may I?"]);
    delivered(&alice, &send(&alice, "bob", &"you may ".repeat(1000)).await).await;

    // A third daemon takes an invitation.
    let carol = open(&dir.path().join("carol"), &net, &address).await;
    carol.persona_new(NewPersona { name: "carol".to_owned(), apart: false }).await.unwrap();
    let invite = CreateInvitation { persona: None, name: Some("carol".to_owned()) };
    let invitation = alice.contact_invite(invite).await.unwrap().address;
    let params = AddContact { persona: None, name: "alice".to_owned(), address: invitation };
    carol.contact_add(params).await.unwrap();
    delivered(&carol, &send(&carol, "alice", "through the invitation").await).await;

    // A daemon that is killed loses nothing.
    let mut last = String::new();
    for number in 0..10 {
        last = send(&alice, "bob", &format!("line {number}")).await;
    }
    drop(bob);
    let bob = open(&bob_home, &net, &address).await;
    delivered(&alice, &last).await;
    let received = texts(&bob).await;
    let lines: Vec<String> = (0..10).map(|number| format!("line {number}")).collect();
    assert_eq!(received[1..], lines);

    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(&bob).run(stop));
    bob.daemon_stop(Empty {}).await.unwrap();
    running.await.unwrap().unwrap();
    relay.stop().await.unwrap();
    net.stop().await;
}
