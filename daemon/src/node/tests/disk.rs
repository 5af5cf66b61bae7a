//! A full disk: nothing is lost, it is said, and it goes on when there is room again.

use bauta_ipc::{Empty, Exit, codes};
use serde_json::{Value, json};

use super::Served;
use crate::store::StoreError;

/// Stands for a full disk: SQLite reports the same error where the database may not grow. `None`: there is room again.
async fn leave_room(served: &Served, pages: Option<u32>) {
    let store = &served.node.shared.store;
    store.run(move |tx| -> Result<(), StoreError> { tx.leave_room(pages) }).await.unwrap();
    // Pages within the database that were free are filled.
    for number in 0.. {
        let ballast = format!("ballast {number}");
        let kept = store.run(move |tx| tx.set_meta(&ballast, &[1; 3_000])).await;
        match kept {
            Ok(()) if pages.is_none() => return,
            Ok(()) => assert!(number < 10_000),
            Err(StoreError::Full) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn health(client: &bauta_ipc::Client) -> Vec<String> {
    let status = client.call_raw("status.get", json!({})).await.unwrap();
    let items = status["health"].as_array().unwrap().iter();
    items.map(|item| item["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_full_disk_is_shown_and_left_without_a_restart() {
    let served = Served::start().await;
    let client = served.client().await;
    client.call_raw("persona.new", json!({"name": "alice"})).await.unwrap();
    client.call_raw("contact.invite", json!({"name": "bob"})).await.unwrap();
    let send = async |text: &str| -> Result<Value, bauta_ipc::RpcError> {
        client.call_raw("message.send", json!({"contact": "bob", "text": text})).await
    };
    let first = send("before").await.unwrap();
    assert!(health(&client).await.is_empty());

    leave_room(&served, Some(0)).await;
    let text = "x".repeat(15_000);
    let refused = send(&text).await.unwrap_err();
    assert!(refused.is(&codes::STORE_FULL), "{refused:?}");
    assert_eq!((refused.exit(), refused.retry), (Exit::User, bauta_ipc::Retry::Later));
    // It stays until there is room, and what was stored is there.
    for _ in 0..3 {
        assert_eq!(health(&client).await, ["store.full"]);
    }
    let history = client.call_raw("message.history", json!({"contact": "bob"})).await.unwrap();
    assert_eq!(history["messages"].as_array().unwrap().len(), 1);
    assert_eq!(history["messages"][0]["id"], first["id"]);

    leave_room(&served, None).await;
    assert!(health(&client).await.is_empty(), "nobody had to write for it");
    send(&text).await.unwrap();
    let history = client.call_raw("message.history", json!({"contact": "bob"})).await.unwrap();
    assert_eq!(history["messages"].as_array().unwrap().len(), 2);
    client.call::<bauta_ipc::methods::DaemonStop>(&Empty {}).await.unwrap();
}
