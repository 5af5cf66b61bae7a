//! What a pairing may not do or see, it cannot do or see, whatever it asks for.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use bauta_ipc::*;
use methods::METHODS;
use proptest::prelude::*;
use schemars::SchemaGenerator;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::pairing::{key, session};
use super::support::{Daemon, ORIGIN, PERSONAS, Raw, of_schema};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static DAEMON: LazyLock<Daemon> = LazyLock::new(|| RUNTIME.block_on(Daemon::with_bridge()));

/// A session of a pairing that is in the daemon's store.
async fn paired(daemon: &Daemon, grants: Vec<Grant>, personas: Option<Vec<&str>>) -> Raw {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    let id = format!("{:032x}", LAST.fetch_add(1, Ordering::Relaxed));
    let record = PairingRecord {
        id: id.clone(),
        origin: ORIGIN.to_owned(),
        label: "Chromium".to_owned(),
        key: key().verifying_key().to_sec1_point(false).as_bytes().to_vec(),
        grants,
        personas: personas.map(|names| names.into_iter().map(str::to_owned).collect()),
        since: Utc::from_millis(0),
        last_used: None,
        revoked: false,
    };
    daemon.pairings().0.lock().unwrap().push(record);
    session(daemon, &id).await
}

/// What the persona of a call may be set to: nothing, a name, or something that is not a name.
fn any_persona() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        Just(Some(Value::Null)),
        prop::sample::select(&PERSONAS).prop_map(|name| Some(json!(name))),
        prop::sample::select(&PERSONAS).prop_map(|name| Some(json!([name]))),
        Just(Some(json!(7))),
        ".{0,8}".prop_map(|name| Some(json!(name))),
    ]
}

/// What the personas of a call may be set to.
fn any_list() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(7)),
        prop::sample::subsequence(PERSONAS.to_vec(), 0..=PERSONAS.len()).prop_map(|names| json!(names)),
        prop::sample::select(&PERSONAS).prop_map(|name| json!([[name]])),
        prop::sample::select(&PERSONAS).prop_map(|name| json!({ name: name })),
    ]
}

fn any_limit() -> impl Strategy<Value = Option<Vec<&'static str>>> {
    prop::option::of(prop::sample::subsequence(PERSONAS.to_vec(), 0..=PERSONAS.len()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_pairing_reaches_what_it_was_granted_and_no_more(
        method in prop::sample::select(METHODS),
        grants in prop::sample::subsequence(Grant::ALL.to_vec(), 0..=Grant::ALL.len()),
        limit in any_limit(),
        persona in any_persona(),
        listed in prop::option::of(any_list()),
    ) {
        let Some(needed) = method.grant else { return Ok(()) };
        let mut params = of_schema(method.params, "bob");
        if let Some(timeout) = params.get_mut("timeout_ms") {
            *timeout = json!(1);
        }
        match &persona {
            Some(persona) => params["persona"] = persona.clone(),
            None => drop(params.as_object_mut().unwrap().remove("persona")),
        }
        match &listed {
            Some(listed) => params["personas"] = listed.clone(),
            None => drop(params.as_object_mut().unwrap().remove("personas")),
        }
        // As that field is of no other type, anything else may be refused as well.
        let listed_refused = listed.is_some();
        let named = persona.as_ref().and_then(Value::as_str);
        let granted = match needed {
            Need::Any => grants.iter().any(|grant| *grant != Grant::PersonaAdmin),
            Need::One(needed) => needed != Grant::PersonaAdmin && grants.contains(&needed),
        };
        let daemon = LazyLock::force(&DAEMON);
        let (answer, line) = RUNTIME.block_on(async {
            let mut extension = paired(daemon, grants, limit.clone()).await;
            let answer = extension.call(method.name, params).await;
            (answer, extension.last_line().to_owned())
        });
        if !granted {
            prop_assert_eq!(answer, Err("access.denied".to_owned()));
            return Ok(());
        }
        let Some(allowed) = limit else { return Ok(()) };
        for hidden in PERSONAS.iter().filter(|name| !allowed.contains(name)) {
            prop_assert!(!line.contains(hidden), "{}: {}", method.name, line);
        }
        match method.reach {
            Reach::Any => prop_assert_eq!(answer, Err("access.denied".to_owned())),
            Reach::Named if named.is_some_and(|name| allowed.contains(&name)) => {
                prop_assert!(answer.is_ok(), "{}: {}", method.name, line);
            }
            // Whoever names nobody acts for those of the limit.
            Reach::Listed if persona.as_ref().is_none_or(Value::is_null) => {
                prop_assert!(listed_refused || answer.is_ok(), "{}: {}", method.name, line);
            }
            Reach::Named | Reach::Listed | Reach::Cut | Reach::Among => {}
        }
    }
}

/// An event of every kind, about a persona.
fn events_about(persona: &str) -> Vec<EventBody> {
    let kinds = SchemaGenerator::default().into_root_schema_for::<EventBody>().to_value();
    let kinds = kinds["oneOf"].as_array().unwrap().iter();
    let known = kinds.filter(|kind| kind["properties"]["kind"]["const"] != "unknown").map(|kind| {
        let schema = kind.clone().try_into().unwrap();
        let mut body = of_schema(
            |generator| {
                generator.subschema_for::<EventBody>();
                schema
            },
            persona,
        );
        body["kind"] = kind["properties"]["kind"]["const"].clone();
        serde_json::from_value(body).unwrap()
    });
    known.collect()
}

#[tokio::test]
async fn each_kind_of_event_needs_its_grant() {
    let daemon = Daemon::with_bridge().await;
    let page = std::fs::read_to_string("../docs/api.md").unwrap();
    for grant in Grant::ALL.into_iter().filter(|grant| *grant != Grant::PersonaAdmin) {
        let mut extension = paired(&daemon, vec![grant], None).await;
        extension.call("event.subscribe", json!({})).await.unwrap();
        let all = events_about(PERSONAS[0]);
        assert!(all.len() > 10);
        let mut expected: Vec<Value> = Vec::new();
        for body in all {
            let kind = serde_json::to_value(&body).unwrap()["kind"].clone();
            let row = format!("| `{}` | `{}` |", kind.as_str().unwrap(), body.grant().name());
            assert!(page.contains(&row), "docs/api.md has no row {row}");
            expected.extend((body.grant() == grant).then_some(kind));
            daemon.log_body(body);
        }
        // The last one that may be seen comes once more, as the end.
        let last = events_about(PERSONAS[0]).into_iter().rfind(|body| body.grant() == grant);
        let Some(last) = last else { continue };
        expected.push(serde_json::to_value(&last).unwrap()["kind"].clone());
        daemon.log_body(last);
        for kind in expected {
            assert_eq!(extension.answer().await["params"]["kind"], kind, "{}", grant.name());
        }
    }
}

/// Of every kind there is one event about each persona.
#[tokio::test]
async fn a_pairing_sees_no_event_of_another_persona() {
    let daemon = Daemon::with_bridge().await;
    let [alice, bea] = PERSONAS;
    let mut extension = paired(&daemon, Grant::ALL.to_vec(), Some(vec![alice])).await;
    extension.call("event.subscribe", json!({})).await.unwrap();
    let (theirs, own) = (events_about(bea), events_about(alice));
    let count = own.len();
    for body in theirs.into_iter().chain(own) {
        daemon.log_body(body);
    }
    assert!(count > 10, "{count}");
    daemon.log("the end");
    let mut seen = 0;
    while extension.answer().await["params"]["message"]["text"] != "the end" {
        let line = extension.last_line();
        assert!(line.contains(alice) && !line.contains(bea), "{line}");
        seen += 1;
    }
    // All but a look-up, two of profiles and what needs attention, which belong to the home.
    assert_eq!(seen, count - 4);
}
