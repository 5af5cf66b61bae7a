//! The manifests through which browsers find the host.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::caller::{CallerError, HOST_NAME, Ids};

/// The file name of a manifest, in every directory.
pub const MANIFEST_NAME: &str = "app.bauta.bridge.json";

/// Bauta recognises its own manifests by these words, so they never change.
const DESCRIPTION: &str = "Joins the Bauta extension to the Bauta daemon on this machine";

/// Which of the two kinds of manifest a browser reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// With `allowed_origins` (Chrome, "Native messaging").
    Chromium,
    /// With `allowed_extensions` (MDN, "Native manifests").
    Firefox,
}

/// The fields that browsers read; others are ignored.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Fields {
    name: String,
    description: String,
    path: PathBuf,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_origins: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_extensions: Option<Vec<String>>,
}

/// What a manifest says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Manifest {
    /// The path of the host that it names.
    pub host: PathBuf,
    /// Bauta wrote it, this version or another.
    pub is_ours: bool,
    /// Its name and kind are those of the host, and `host` is absolute.
    pub is_usable: bool,
    /// It allows every extension of the compiled list.
    pub allows_extensions: bool,
}

impl Manifest {
    /// The text of the manifest for a host at this absolute path.
    ///
    /// Errors: [`CallerError::List`].
    pub fn text(family: Family, host: &Path) -> Result<String, CallerError> {
        let allowed = allowed(family)?;
        let (allowed_origins, allowed_extensions) = match family {
            Family::Chromium => (Some(allowed), None),
            Family::Firefox => (None, Some(allowed)),
        };
        let fields = Fields {
            name: HOST_NAME.to_owned(),
            description: DESCRIPTION.to_owned(),
            path: host.to_owned(),
            kind: "stdio".to_owned(),
            allowed_origins,
            allowed_extensions,
        };
        let text = serde_json::to_string_pretty(&fields).map_err(|_| CallerError::List)?;
        Ok(format!("{text}\n"))
    }

    /// Reads a manifest; `None` when it is not a JSON object with fields of the right types.
    pub fn read(family: Family, text: &[u8]) -> Option<Self> {
        // Without this serde would also accept an array of the fields in order.
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(text).ok()?;
        let fields: Fields = serde_json::from_value(object.into()).ok()?;
        let allowed = allowed(family).ok()?;
        let listed = match family {
            Family::Chromium => fields.allowed_origins,
            Family::Firefox => fields.allowed_extensions,
        };
        let listed = listed.unwrap_or_default();
        Some(Self {
            is_ours: fields.name == HOST_NAME && fields.description == DESCRIPTION,
            is_usable: fields.name == HOST_NAME && fields.kind == "stdio" && fields.path.is_absolute(),
            allows_extensions: allowed.iter().all(|id| listed.contains(id)),
            host: fields.path,
        })
    }
}

/// The extensions as manifests name them.
fn allowed(family: Family) -> Result<Vec<String>, CallerError> {
    let ids = Ids::compiled()?;
    Ok(match family {
        Family::Chromium => {
            ids.chromium.into_iter().map(|known| format!("chrome-extension://{}/", known.id)).collect()
        }
        Family::Firefox => ids.firefox.into_iter().map(|known| known.id).collect(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const HOST: &str = "/usr/bin/bauta-bridge";

    fn written(family: Family) -> Value {
        serde_json::from_str(&Manifest::text(family, Path::new(HOST)).unwrap()).unwrap()
    }

    fn read(family: Family, value: &Value) -> Option<Manifest> {
        Manifest::read(family, value.to_string().as_bytes())
    }

    #[test]
    fn each_family_has_its_own() {
        let chromium = written(Family::Chromium);
        let origins = json!(["chrome-extension://glggelpbdmnoognbkiacemakhjalbeki/"]);
        assert_eq!(chromium["allowed_origins"], origins);
        assert!(chromium.get("allowed_extensions").is_none());
        let firefox = written(Family::Firefox);
        assert_eq!(firefox["allowed_extensions"], json!(["extension@bauta.app"]));
        assert!(firefox.get("allowed_origins").is_none());
        for manifest in [chromium, firefox] {
            assert_eq!(
                (&manifest["name"], &manifest["type"], &manifest["path"]),
                (&json!(HOST_NAME), &json!("stdio"), &json!(HOST))
            );
        }
        assert_eq!(MANIFEST_NAME, format!("{HOST_NAME}.json"));
    }

    #[test]
    fn what_was_written_is_read() {
        for family in [Family::Chromium, Family::Firefox] {
            let good =
                Manifest { host: HOST.into(), is_ours: true, is_usable: true, allows_extensions: true };
            assert_eq!(read(family, &written(family)), Some(good));
        }
        // Each family needs its own field.
        assert!(!read(Family::Firefox, &written(Family::Chromium)).unwrap().allows_extensions);
    }

    #[test]
    fn changes_are_noticed() {
        let change = |field: &str, value: Value| {
            let mut manifest = written(Family::Chromium);
            manifest[field] = value;
            read(Family::Chromium, &manifest)
        };
        assert!(!change("description", json!("my own")).unwrap().is_ours);
        let named = change("name", json!("org.example.other")).unwrap();
        assert!(!named.is_ours && !named.is_usable);
        assert!(!change("path", json!("bauta-bridge")).unwrap().is_usable);
        assert!(!change("type", json!("socket")).unwrap().is_usable);
        assert!(!change("allowed_origins", json!([])).unwrap().allows_extensions);
        let more = ["chrome-extension://glggelpbdmnoognbkiacemakhjalbeki/", "chrome-extension://a/"];
        assert!(change("allowed_origins", json!(more)).unwrap().allows_extensions);
        assert_eq!(change("path", json!(7)), None);
        assert_eq!(read(Family::Chromium, &json!([])), None);
        assert_eq!(Manifest::read(Family::Chromium, b"{\"name\":"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let manifest = Manifest::read(Family::Chromium, &bytes);
            prop_assert!(manifest.is_none_or(|manifest| !manifest.is_ours));
        }
    }
}
