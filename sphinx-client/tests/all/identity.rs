use std::collections::HashSet;
use std::fs;

use bauta_protocol::relay::Class;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn two_personas_never_share_a_nym_address_and_a_restart_takes_a_new_one() {
    let net = net(3).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 2)).await;
    let mixnet = mixnet(&net);
    let mut addresses = HashSet::new();
    let mut gateways = HashSet::new();
    for label in 0..5 {
        let client = mixnet.client(label);
        let other = mixnet.client(label);
        ask(&client, &echo.target(), Class::Small, label).await;
        ask(&other, &echo.target(), Class::Small, 100 + label).await;
        for client in [client, other] {
            let address = client.nym_address().unwrap();
            assert!(addresses.insert(address.0), "an address was used twice");
            gateways.insert(client.gateway().unwrap());
            client.stop().await;
        }
    }
    let keys: HashSet<[u8; 32]> = addresses.iter().map(|address| address[..32].try_into().unwrap()).collect();
    assert_eq!(keys.len(), 10, "nor a key");
    assert!(gateways.len() <= 2, "but all share two guards");
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_writes_nothing_to_disk() {
    let net = net(2).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 1)).await;
    let client = mixnet(&net).client(1);
    ask(&client, &echo.target(), Class::Large, 1).await;
    // Regular files open for writing in this process, the service's aside: it closes its own at once.
    let open: Vec<_> = fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter(|path| path.is_file() && !path.starts_with("/proc") && !path.starts_with("/sys"))
        .filter(|path| path.extension().is_some_and(|end| end == "db" || end == "sqlite" || end == "pem"))
        .collect();
    assert!(open.is_empty(), "{open:?}");
    for home in [std::env::current_dir().unwrap(), std::env::temp_dir()] {
        let named: Vec<_> = fs::read_dir(home)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
            .filter(|name| {
                name.contains("nym") || name.contains("reply_store") || name.contains("gateways_reg")
            })
            .collect();
        assert!(named.is_empty(), "{named:?}");
    }
    client.stop().await;
    echo.stop().await;
}
