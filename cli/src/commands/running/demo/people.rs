use std::path::{Path, PathBuf};
use std::time::Duration;

use bauta_daemon::Daemon;
use bauta_daemon::node::{GunSettings, NodeConfig};
use bauta_daemon::unlock::Unlock;
use bauta_ipc::methods::{
    ContactAdd, ContactInvite, MessageInbox, MessageSend, MessageWait, PersonaNew, PostDecrypt, PostEncrypt,
    PostSet, PostWait,
};
use bauta_ipc::{
    AddContact, Client, CreateInvitation, DecryptPost, EncryptPost, HomeLock, InboxOf, MAX_WAIT_MS,
    MessageState, NewPersona, Persona, PostDelivery, PostSettings, PostState, RpcError, SendMessage,
    SocialNetwork, WaitFor, WaitForPost, codes,
};
use bauta_protocol::address::RelayAddress;
use bauta_sphinx_client::{Network, Traffic};
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A home, its daemon and a connection to its socket.
pub(super) struct Person {
    home: PathBuf,
    daemon: Daemon,
    client: Client,
    persona: Persona,
}

/// The state and the times of one message.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Sent {
    pub(super) text: String,
    pub(super) state: MessageState,
    /// From sending until the relay's confirmation.
    pub(super) stored_ms: u64,
    /// From sending until the receipt.
    pub(super) delivered_ms: u64,
}

impl Person {
    /// Starts a daemon on a new home and makes its persona.
    pub(super) async fn start(
        name: &str,
        home: PathBuf,
        network: Network,
        relay: RelayAddress,
        traffic: Traffic,
        gun: GunSettings,
    ) -> Result<Self, RpcError> {
        let lock = HomeLock::acquire(&home)?;
        let (relays, unlock) = (vec![relay], Unlock::KeyFile);
        let (traffic, own_relays, lock_after) = (Some(traffic), None, None);
        let config =
            NodeConfig { home: home.clone(), network, relays, own_relays, traffic, lock_after, unlock, gun };
        let daemon = Daemon::start(config, lock, CancellationToken::new()).await?;
        let client = Client::connect(daemon.socket()).await?;
        let persona = client.call::<PersonaNew>(&NewPersona { name: name.to_owned(), apart: false }).await?;
        Ok(Self { home, daemon, client, persona })
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    pub(super) fn persona(&self) -> &Persona {
        &self.persona
    }

    /// An invitation for a contact who will be called `name`.
    pub(super) async fn invite(&self, name: &str) -> Result<String, RpcError> {
        let params = CreateInvitation { persona: None, name: Some(name.to_owned()) };
        Ok(self.client.call::<ContactInvite>(&params).await?.address)
    }

    pub(super) async fn add(&self, name: &str, address: &str) -> Result<(), RpcError> {
        let params = AddContact { persona: None, name: name.to_owned(), address: address.to_owned() };
        self.client.call::<ContactAdd>(&params).await.map(|_| ())
    }

    /// Sends and waits for the receipt.
    pub(super) async fn send(&self, to: &str, text: &str) -> Result<Sent, RpcError> {
        let begun = Instant::now();
        let params = SendMessage { persona: None, contact: to.to_owned(), text: text.to_owned(), id: None };
        let id = self.client.call::<MessageSend>(&params).await?.id;
        let wait = async |state| {
            let params = WaitFor { id: id.clone(), state, timeout_ms: MAX_WAIT_MS };
            let reached = self.client.call::<MessageWait>(&params).await?.state;
            Ok::<_, RpcError>((reached, begun.elapsed()))
        };
        let (stored, delivered) =
            futures::try_join!(wait(MessageState::Stored), wait(MessageState::Delivered))?;
        // The two answers may come in either order.
        let stored_ms = millis(stored.1.min(delivered.1));
        Ok(Sent { text: text.to_owned(), state: delivered.0, stored_ms, delivered_ms: millis(delivered.1) })
    }

    /// Encrypts a post, and waits until a Gun relay has the key.
    pub(super) async fn post(&self, to: &str, text: &str) -> Result<String, RpcError> {
        // Bob is a contact and would have the key by message, too.
        let delivery = Some(PostDelivery::Gun);
        let to = vec![to.to_owned()];
        let params = EncryptPost { text: text.to_owned(), to, delivery, ..EncryptPost::default() };
        let post = self.client.call::<PostEncrypt>(&params).await?;
        if !post.published {
            let params = WaitForPost { iv: post.iv, timeout_ms: MAX_WAIT_MS, ..WaitForPost::default() };
            let waited = self.client.call::<PostWait>(&params).await?;
            if let (PostState::Failed, Some(error)) = (waited.state, waited.error) {
                return Err(error);
            }
        }
        Ok(post.text)
    }

    /// Opens a post, with a key from the Gun relay.
    pub(super) async fn open(&self, post: &str) -> Result<String, RpcError> {
        let network = Some(SocialNetwork::Twitter);
        let params = DecryptPost { text: post.to_owned(), network, ..DecryptPost::default() };
        Ok(self.client.call::<PostDecrypt>(&params).await?.text)
    }

    /// Spreads look-ups over a short time: the demo has one minute.
    pub(super) async fn hurry(&self) -> Result<(), RpcError> {
        let params = PostSettings { spread_seconds: Some(2), ..PostSettings::default() };
        self.client.call::<PostSet>(&params).await.map(|_| ())
    }

    /// Checks that this message from `from` is the only one in the inbox.
    pub(super) async fn has_received(&self, from: &str, text: &str) -> Result<(), RpcError> {
        let inbox = self.client.call::<MessageInbox>(&InboxOf::default()).await?.messages;
        match inbox.as_slice() {
            [only] if only.from == from && only.body.text() == Some(text) => Ok(()),
            _ => Err(RpcError::new(&codes::INTERNAL, "A message was confirmed but is not in the inbox.")),
        }
    }

    pub(super) async fn close(self) -> Result<(), RpcError> {
        drop(self.client);
        self.daemon.close().await
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
