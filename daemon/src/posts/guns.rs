//! A way to the Gun relays for each persona, which share nothing.

// An exit sees which connections belong to one Nym client, and a Gun relay sees what is asked for over one of its
// connections. If two personas of a home shared either, whoever runs it could tell that they are one person's. So each
// persona has a client of Gun of its own, with streams of its own below it, made when it is first needed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bauta_sphinx_client::Exits;

use crate::gun::{Gun, GunConfigError};
use crate::store::PersonaId;

/// One persona's client of the Gun relays.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) gun: Gun,
    /// The streams below; `None` where a test has put something in their place.
    pub(crate) exits: Option<Exits>,
}

type Make = Box<dyn Fn() -> Result<Way, GunConfigError> + Send + Sync>;

/// The ways of all personas. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Guns {
    inner: Arc<Inner>,
}

struct Inner {
    make: Make,
    ways: Mutex<BTreeMap<PersonaId, Way>>,
}

impl Guns {
    /// One made by `make` for each persona.
    pub(crate) fn new(make: impl Fn() -> Result<Way, GunConfigError> + Send + Sync + 'static) -> Self {
        Self { inner: Arc::new(Inner { make: Box::new(make), ways: Mutex::default() }) }
    }

    /// This one for all of them: what is below it keeps nobody apart.
    pub(crate) fn shared(gun: Gun) -> Self {
        Self::new(move || Ok(Way { gun: gun.clone(), exits: None }))
    }

    /// The way of a persona.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn of(&self, persona: PersonaId) -> Result<Way, GunConfigError> {
        let mut ways = self.inner.ways.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = ways.get(&persona) {
            return Ok(way.clone());
        }
        let way = (self.inner.make)()?;
        ways.insert(persona, way.clone());
        Ok(way)
    }

    /// Ends the way of one persona.
    pub(crate) async fn forget(&self, persona: PersonaId) {
        let way = self.inner.ways.lock().unwrap_or_else(PoisonError::into_inner).remove(&persona);
        // One that others use too is a test's.
        if let Some(way) = way.filter(|way| way.exits.is_some()) {
            way.stop().await;
        }
    }

    /// Ends all of them.
    pub(crate) async fn stop(&self) {
        let ways = std::mem::take(&mut *self.inner.ways.lock().unwrap_or_else(PoisonError::into_inner));
        for way in ways.into_values() {
            way.stop().await;
        }
    }
}

impl Way {
    /// Waits a random time if what comes next would start a Nym client, and nobody waits for it.
    pub(crate) async fn settle(&self) {
        if let Some(exits) = &self.exits {
            exits.settle().await;
        }
    }

    /// Ends it.
    pub(crate) async fn stop(&self) {
        self.gun.stop().await;
        if let Some(exits) = &self.exits {
            exits.stop().await;
        }
    }
}

impl fmt::Debug for Guns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guns(..)")
    }
}
