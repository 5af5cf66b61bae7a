//! Backups of the home, and its move to another machine.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bauta_ipc::{BackUpHome, BackedUpHome, BackupPassphrase, ChangeBackupPassphrase, RpcError, codes};
use bauta_protocol::time::Timestamp;

use super::Node;
use super::moved::{moved, moved_at, set_moved};
use super::schedule::PASSPHRASE;
use super::view::utc;
use crate::backup::{BackupError, Contents, Timers, write};
use crate::engine::{Actor, Nameless};
use crate::store::{PersonaId, StoreError};

impl Node {
    pub(super) async fn back_up(&self, params: BackUpHome) -> Result<BackedUpHome, RpcError> {
        let path = PathBuf::from(&params.path);
        if !path.is_absolute() {
            return Err(RpcError::new(&codes::REQUEST_PARAMS, "The path of a backup is absolute."));
        }
        let now = self.shared.time.now();
        let Contents { personas, contacts, messages, .. } = match params.moves {
            false => {
                write(&self.shared.store, &path, params.passphrase.reveal(), Timers::LeftOut, now).await?
            }
            true => self.move_away(path, params.passphrase.reveal(), now).await?,
        };
        Ok(BackedUpHome { made_at: utc(now), personas, contacts, messages })
    }

    // What this home receives after its backup was made, the other one would not have; what it sends, under a state that
    // goes on here alone, the other one would not know of. So nothing is under way while the backup is made, and nothing
    // is begun after it. The note that says so is written when the file is good: whoever has no file still has a home.
    async fn move_away(&self, path: PathBuf, passphrase: &str, now: Timestamp) -> Result<Contents, RpcError> {
        let in_use = self.shared.store.run(|tx| tx.persona_in_use()).await?;
        if self.moved.swap(true, Ordering::Relaxed) {
            let at = self.shared.store.run(moved_at).await?;
            return Err(moved(at.unwrap_or(now)));
        }
        let (personas, nameless) = {
            let mut actors = self.actors();
            (std::mem::take(&mut actors.personas), actors.nameless.take())
        };
        let running = personas.iter().filter(|(_, actor)| !actor.has_ended());
        let mut leaving = Leaving {
            node: self,
            ids: running.map(|(id, _)| *id).collect(),
            in_use,
            is_nameless: nameless.is_some(),
            is_gone: false,
        };
        drop(nameless);
        for actor in personas.into_values() {
            actor.end().await;
        }
        let contents = write(&self.shared.store, &path, passphrase, Timers::Kept, now).await?;
        // On its own, and not undone any more when the caller goes away: the file may be in use.
        leaving.is_gone = true;
        let (store, stop) = (self.shared.store.clone(), self.asked_to_stop.clone());
        let noting = tokio::spawn(async move {
            store.run(move |tx| set_moved(tx, now)).await?;
            stop.cancel();
            Ok::<_, StoreError>(())
        });
        let noted = noting.await.unwrap_or(Err(StoreError::Closed));
        leaving.is_gone = noted.is_ok();
        noted?;
        Ok(contents)
    }

    pub(super) async fn passphrase_of_backups(
        &self,
        params: ChangeBackupPassphrase,
    ) -> Result<BackupPassphrase, RpcError> {
        if params.passphrase.as_ref().is_some_and(|passphrase| passphrase.reveal().is_empty()) {
            return Err(BackupError::EmptyPassphrase.into());
        }
        let kept = self.shared.store.run(move |tx| -> Result<_, StoreError> {
            if let Some(passphrase) = params.passphrase {
                tx.set_meta(PASSPHRASE, passphrase.reveal().as_bytes())?;
            }
            Ok(BackupPassphrase { is_set: tx.meta(PASSPHRASE)?.is_some() })
        });
        let kept = kept.await?;
        self.schedule.look();
        Ok(kept)
    }
}

/// A move under way. Where it ends before the home has moved, the home connects again.
struct Leaving<'a> {
    node: &'a Node,
    ids: Vec<PersonaId>,
    in_use: Option<PersonaId>,
    is_nameless: bool,
    is_gone: bool,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if self.is_gone {
            return;
        }
        let shared = &self.node.shared;
        let mut actors = self.node.actors();
        self.node.moved.store(false, Ordering::Relaxed);
        for id in &self.ids {
            let is_used = self.in_use.is_none_or(|used| used == *id);
            actors.personas.insert(*id, Actor::start(Arc::clone(shared), *id, is_used));
        }
        if self.is_nameless {
            actors.nameless = Some(Nameless::start(Arc::clone(shared)));
        }
    }
}
