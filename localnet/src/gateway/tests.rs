//! The gateway without its sockets.

use nym_crypto::asymmetric::ed25519;
use proptest::prelude::*;

use super::*;

fn alice() -> DestinationAddressBytes {
    DestinationAddressBytes::from_bytes([1; 32])
}

fn bob() -> DestinationAddressBytes {
    DestinationAddressBytes::from_bytes([2; 32])
}

fn gateway(limits: Limits) -> Arc<Gateway> {
    let identity = Arc::new(ed25519::KeyPair::new(&mut rand::rngs::OsRng));
    Arc::new(Gateway::new(crate::listener::loopback(1), identity, limits, None, Vec::new()))
}

fn key(byte: u8) -> SharedSymmetricKey {
    SharedSymmetricKey::try_from_bytes(&[byte; 32]).unwrap()
}

#[tokio::test]
async fn messages_wait_and_undelivered_ones_come_back() {
    let gateway = gateway(Limits::default());
    assert_eq!(gateway.accept(alice(), vec![0]), Delivery::Refused, "unknown");
    gateway.register(alice(), key(1)).await.unwrap();
    assert_eq!(gateway.accept(alice(), vec![1]), Delivery::Stored);
    let session = gateway.open(alice()).unwrap();
    assert_eq!(session.waiting, [vec![1]]);
    assert_eq!(gateway.accept(alice(), vec![2]), Delivery::Pushed);
    drop(session);
    let session = gateway.open(alice()).unwrap();
    assert_eq!(session.waiting, [vec![1], vec![2]], "neither had been delivered");
}

#[tokio::test]
async fn a_newer_session_takes_over() {
    let gateway = gateway(Limits::default());
    gateway.register(alice(), key(1)).await.unwrap();
    let mut old = gateway.open(alice()).unwrap();
    assert_eq!(gateway.accept(alice(), vec![1]), Delivery::Pushed);
    let mut new = gateway.open(alice()).unwrap();
    assert_eq!(old.messages.recv().await, Some(vec![1]));
    assert_eq!(old.messages.recv().await, None, "the old one ends");
    old.waiting.push(vec![1]);
    drop(old);
    assert_eq!(new.messages.recv().await, Some(vec![1]), "it inherits");
    assert_eq!(gateway.accept(alice(), vec![2]), Delivery::Pushed);
}

#[tokio::test]
async fn a_slow_client_is_bounded() {
    let gateway = gateway(Limits { session_messages: 2, ..Limits::default() });
    gateway.register(alice(), key(1)).await.unwrap();
    let _session = gateway.open(alice()).unwrap();
    assert_eq!(gateway.accept(alice(), vec![1]), Delivery::Pushed);
    assert_eq!(gateway.accept(alice(), vec![2]), Delivery::Pushed);
    assert_eq!(gateway.accept(alice(), vec![3]), Delivery::Refused);
}

#[tokio::test]
async fn the_longest_absent_client_is_forgotten() {
    let gateway = gateway(Limits { registrations: 1, ..Limits::default() });
    gateway.register(alice(), key(1)).await.unwrap();
    assert_eq!(gateway.accept(alice(), vec![1; 10]), Delivery::Stored);
    gateway.register(bob(), key(2)).await.unwrap();
    assert!(gateway.key_of(alice()).is_none());
    assert_eq!(lock(&gateway.clients).stored_bytes, 0, "its messages go with it");
    let _bob = gateway.open(bob()).unwrap();
    gateway.register(alice(), key(1)).await.unwrap();
    assert!(gateway.key_of(bob()).is_some(), "who is connected stays");
}

#[tokio::test]
async fn a_wipe_ends_sessions_and_empties_inboxes() {
    let gateway = gateway(Limits::default());
    gateway.register(alice(), key(1)).await.unwrap();
    gateway.register(bob(), key(2)).await.unwrap();
    assert_eq!(gateway.accept(bob(), vec![1; 10]), Delivery::Stored);
    let mut session = gateway.open(alice()).unwrap();
    gateway.wipe().await.unwrap();
    assert_eq!(session.messages.recv().await, None);
    assert!(gateway.open(alice()).is_none() && gateway.key_of(bob()).is_none());
    assert_eq!(lock(&gateway.clients).stored_bytes, 0);
}

#[tokio::test]
async fn registrations_are_on_disk_before_the_client_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let identity = Arc::new(ed25519::KeyPair::new(&mut rand::rngs::OsRng));
    let address = crate::listener::loopback(1);
    let disk = Some((store.clone(), 4));
    let limits = Limits::default();
    let gateway = Arc::new(Gateway::new(address, identity.clone(), limits, disk.clone(), Vec::new()));
    let all: Vec<_> = (0..20)
        .map(|number| {
            let gateway = gateway.clone();
            let address = DestinationAddressBytes::from_bytes([number; 32]);
            tokio::spawn(async move { gateway.register(address, key(number)).await })
        })
        .collect();
    for one in all {
        one.await.unwrap().unwrap();
    }
    let saved = store.load_clients(4).unwrap();
    assert_eq!(saved.len(), 20);
    let again = Gateway::new(address, identity, limits, disk, saved);
    assert_eq!(*again.key_of(alice()).unwrap(), key(1));
    again.forget(alice()).await.unwrap();
    assert_eq!(store.load_clients(4).unwrap().len(), 19);
}

/// One step of the model below; the number is a client.
#[derive(Clone, Copy, Debug)]
enum Step {
    Register(u8),
    Open(u8),
    Close(u8),
    Send(u8),
    Forget(u8),
    Wipe,
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..3u8;
    prop_oneof![
        2 => client.clone().prop_map(Step::Register),
        3 => client.clone().prop_map(Step::Open),
        3 => client.clone().prop_map(Step::Close),
        8 => client.clone().prop_map(Step::Send),
        1 => client.prop_map(Step::Forget),
        1 => Just(Step::Wipe),
    ]
}

proptest! {
    /// Each accepted message waits for its client exactly once, unless the client is forgotten,
    /// and the count of stored bytes is the sum over the inboxes.
    #[test]
    fn nothing_accepted_is_lost_or_doubled(steps in prop::collection::vec(step(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // Inboxes that hold everything: smaller ones may have no room for what a broken session leaves.
        let limits = Limits { session_messages: 8, ..Limits::default() };
        let gateway = gateway(limits);
        let address = |client: u8| DestinationAddressBytes::from_bytes([client; 32]);
        let mut sessions: HashMap<u8, Session> = HashMap::new();
        let mut accepted: HashMap<u8, Vec<Vec<u8>>> = HashMap::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Register(client) => {
                    runtime.block_on(gateway.register(address(client), key(client))).unwrap();
                }
                Step::Open(client) => {
                    if let Some(session) = gateway.open(address(client)) {
                        // The one before, if any, is dropped after the new one is open.
                        sessions.insert(client, session);
                    }
                }
                Step::Close(client) => drop(sessions.remove(&client)),
                Step::Send(client) => {
                    let message = vec![number as u8; 10];
                    if gateway.accept(address(client), message.clone()) != Delivery::Refused {
                        accepted.entry(client).or_default().push(message);
                    }
                }
                Step::Forget(client) => {
                    runtime.block_on(gateway.forget(address(client))).unwrap();
                    sessions.remove(&client);
                    accepted.remove(&client);
                }
                Step::Wipe => {
                    runtime.block_on(gateway.wipe()).unwrap();
                    sessions.clear();
                    accepted.clear();
                }
            }
            let clients = lock(&gateway.clients);
            let stored: usize = clients.known.values().map(|client| client.inbox.bytes()).sum();
            prop_assert_eq!(clients.stored_bytes, stored);
        }
        sessions.clear();
        for client in 0..3 {
            let waiting = gateway.open(address(client)).map(|mut session| std::mem::take(&mut session.waiting));
            let mut read = waiting.unwrap_or_default();
            read.sort();
            prop_assert_eq!(read, accepted.remove(&client).unwrap_or_default());
        }
    }
}
