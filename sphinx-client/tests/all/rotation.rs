use std::time::Duration;

use bauta_localnet::{Epochs, Localnet, LocalnetConfig};
use bauta_protocol::relay::Class;
use bauta_sphinx_client::{Patience, Service};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn traffic_goes_on_through_rotations_of_the_mixes_keys() {
    log();
    // An eighth of an epoch is how often the SDK looks for a rotation.
    let epochs = Epochs { duration: Duration::from_secs(8), ..Epochs::default() };
    let net = Localnet::start(LocalnetConfig { epochs, ..Default::default() }).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 2)).await;
    let client = mixnet(&net).client(1);
    let mut n = 0;
    for _ in 0..3 {
        let before = net.rotation();
        net.rotate_keys().await.unwrap();
        assert_ne!(net.rotation(), before);
        // Longer than the shared topology may get old in the test profile: everyone moves on before the next.
        let (begun, first) = (tokio::time::Instant::now(), n);
        while n - first <= 10 || begun.elapsed() < Duration::from_secs(5) {
            ask(&client, &echo.target(), Class::Small, n).await;
            n += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert!(n > 30);
    client.stop().await;
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_request_is_answered_after_rotations() {
    log();
    let epochs = Epochs { duration: Duration::from_secs(4), ..Epochs::default() };
    let net = Localnet::start(LocalnetConfig { epochs, ..Default::default() }).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (service, mut requests) = Service::start(service_config(&net, dir.path(), 2)).await.unwrap();
    let client = mixnet(&net).client(1);
    let target = target(&service);
    let held = tokio::spawn({
        let (client, target) = (client.clone(), target.clone());
        let patience = Patience { deadline: Duration::from_secs(180), resend_after: Duration::from_secs(3) };
        async move { client.exchange(&target, Class::Small, &body(Class::Small, 1), patience).await }
    });
    let request = requests.recv().await.unwrap();
    // Two rotations: what came with the first sending is of no use any more, nor are the keys it was made for.
    for _ in 0..2 {
        net.rotate_keys().await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    request.responder.send(answer_to(&request.body));
    assert_eq!(held.await.unwrap().unwrap(), answer_to(&request.body));
    assert!(requests.try_recv().is_err(), "its resends were the same request");
    client.stop().await;
    service.stop().await;
}
