//! What a pairing that is limited to some personas may reach.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::types::*;

/// What a method does with personas.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// It acts for the persona that `persona` names, and for no other.
    Named,
    /// It acts for the personas that `persona` or `personas` name; a connection that is limited to some acts for those.
    Listed,
    /// It says nothing about personas, or its result is cut to those that the connection may see.
    Cut,
    /// It is about the personas that `personas` names: those that the connection may see, or fewer.
    Among,
    /// It may touch any persona: a connection that is limited to some may not call it.
    Any,
}

/// A field `persona` of parameters.
pub(crate) trait NamesPersona {}

impl NamesPersona for String {}
impl NamesPersona for Option<String> {}

/// Fields `persona` and `personas` of parameters.
pub(crate) trait ListsPersonas {}

impl ListsPersonas for (&Option<String>, &Option<Vec<String>>) {}

/// What an extension's connection may see.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// Absent: all personas.
    pub(crate) personas: Option<&'a BTreeSet<String>>,
}

impl View<'_> {
    pub(crate) fn sees(self, persona: &str) -> bool {
        self.personas.is_none_or(|personas| personas.contains(persona))
    }
}

/// A result of which some may not be for everybody.
pub(crate) trait Cut {
    /// Takes out what an extension with this view may not see.
    fn cut(&mut self, view: View<'_>);
}

impl Cut for Status {
    fn cut(&mut self, view: View<'_>) {
        // The path of the URL is the right to use the endpoint.
        self.gun.endpoint = None;
        if view.personas.is_some() {
            self.personas.retain(|persona| view.sees(&persona.name));
            self.queued = self.personas.iter().map(|persona| persona.queued).sum();
        }
    }
}

impl Cut for PersonaList {
    fn cut(&mut self, view: View<'_>) {
        self.personas.retain(|persona| view.sees(&persona.name));
    }
}

macro_rules! nothing_to_cut {
    ($($(#[doc = $reason:literal])* $result:ty;)+) => {
        $(
            $(#[doc = $reason])*
            impl Cut for $result {
                fn cut(&mut self, _: View<'_>) {}
            }
        )+
    };
}

nothing_to_cut! {
    Welcome;
    RequestedPairing;
    SessionChallenge;
    /// It names the pairing's own personas.
    Session;
    /// The events themselves are chosen one by one.
    Subscribed;
    /// Nobody but the sender knows the id of a message that is waited for.
    SentMessage;
}

/// Whether a connection with this view may see an event.
pub(crate) fn sees(view: View<'_>, event: &Event) -> bool {
    match persona_of(&event.body) {
        Some(persona) => view.sees(persona),
        None => view.personas.is_none(),
    }
}

/// The persona that an event is about; `None` for one about the home as a whole.
fn persona_of(body: &EventBody) -> Option<&str> {
    match body {
        EventBody::MessageReceived { message } => Some(&message.persona),
        EventBody::MessageState { persona, .. }
        | EventBody::ContactDeleted { persona }
        | EventBody::PersonaPublished { persona, .. }
        | EventBody::PostState { persona, .. } => Some(persona),
        EventBody::ContactRequest { request } => Some(&request.persona),
        EventBody::ContactAdded { contact } | EventBody::ContactChanged { contact, .. } => {
            Some(&contact.persona)
        }
        EventBody::StatusChanged { persona, .. } => persona.as_deref(),
        // A relay that needs attention may be another persona's.
        EventBody::Health { .. }
        | EventBody::PostLookup { .. }
        | EventBody::ProfileLearned { .. }
        | EventBody::ProfileChanged { .. }
        | EventBody::Unknown => None,
    }
}
