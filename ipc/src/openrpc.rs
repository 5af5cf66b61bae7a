//! The API as an OpenRPC document.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::limits::{LIMITS, TRAFFIC_PROFILES};
use crate::methods::METHODS;
use crate::{CODES, Event, MethodInfo, PROTOCOL};

/// The document in `ipc/openrpc.json` (OpenRPC 1.3.2).
///
/// Beyond OpenRPC, `x-grant`, `x-reach`, `x-network` and `x-reveals` describe each method,
/// `x-errors` lists every error code, `x-limits` the numbers and `x-traffic` the traffic profiles,
/// `x-events` holds the schema of the `event` notification's parameters, and `x-notifications` those of the others.
pub fn document() -> Value {
    let mut generator = SchemaSettings::draft07()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let methods: Vec<Value> = METHODS.iter().map(|method| describe(method, &mut generator)).collect();
    let event = generator.subschema_for::<Event>();
    let error = generator.subschema_for::<crate::RpcError>();
    let approved = generator.subschema_for::<crate::PairingApproved>();
    let refused = generator.subschema_for::<crate::PairingRef>();
    let codes: Vec<Value> = CODES
        .iter()
        .map(|code| json!({"code": code.name, "exit": code.exit as u8, "retry": code.retry, "meaning": code.meaning, "hint": code.hint}))
        .collect();
    let limits: Map<String, Value> = LIMITS
        .iter()
        .map(|limit| {
            (limit.name.to_lowercase(), json!({"value": limit.value, "meaning": limit.meaning.trim()}))
        })
        .collect();
    // The kind for unknown later kinds is never sent.
    let mut schemas = json!(generator.definitions());
    if let Some(kinds) = schemas.pointer_mut("/Event/oneOf").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind.pointer("/properties/kind/const") != Some(&json!("unknown")));
    }
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Bauta local API",
            "version": format!("{PROTOCOL}"),
            "description": "JSON-RPC 2.0 in lines of JSON over an AF_UNIX socket; see docs/api.md.",
            "license": {"name": "Apache-2.0 OR MIT"},
        },
        "methods": methods,
        "components": {"schemas": schemas},
        "x-error": error,
        "x-errors": codes,
        "x-limits": limits,
        "x-traffic": TRAFFIC_PROFILES,
        "x-events": event,
        "x-notifications": {"pair.approved": approved, "pair.refused": refused},
    })
}

fn describe(method: &MethodInfo, generator: &mut SchemaGenerator) -> Value {
    // By name each field is a parameter of its own, so the parameters' type is taken apart.
    let params = (method.params)(generator).to_value();
    let definition = params
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|path| path.rsplit('/').next())
        .and_then(|name| generator.definitions().get(name))
        .unwrap_or(&params);
    let required = definition.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let fields = definition.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let params: Vec<Value> = fields
        .into_iter()
        .map(|(name, schema)| json!({"required": required.contains(&json!(name)), "name": name, "schema": schema}))
        .collect();
    json!({
        "name": method.name,
        "summary": method.summary.trim(),
        "paramStructure": "by-name",
        "params": params,
        "result": {"name": "result", "schema": (method.result)(generator)},
        "x-grant": method.grant,
        "x-reach": method.reach,
        "x-network": method.network,
        "x-reveals": method.reveals,
    })
}
