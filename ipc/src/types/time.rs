use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Milliseconds since the Unix epoch; on the wire `"2026-11-21T01:46:01.123Z"`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Utc(u64);

/// The text is not a time this API can hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UtcError {
    /// Not RFC 3339.
    #[error("not an RFC 3339 time")]
    Malformed,
    /// Before 1970, or later than the year 9999.
    #[error("the time is outside the years 1970 to 9999")]
    OutOfRange,
}

/// 9999-12-31T23:59:59.999Z, the last instant RFC 3339 can write.
const LAST: u64 = 253_402_300_799_999;

impl Utc {
    /// A time in milliseconds since the Unix epoch. Later than the year 9999 becomes the end of that year.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.min(LAST))
    }

    /// Milliseconds since the Unix epoch.
    pub fn millis(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .map_err(|_| fmt::Error)?;
        let (date, clock) = (time.date(), time.time());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            clock.hour(),
            clock.minute(),
            clock.second(),
            clock.millisecond()
        )
    }
}

impl FromStr for Utc {
    type Err = UtcError;

    fn from_str(text: &str) -> Result<Self, UtcError> {
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| UtcError::Malformed)?;
        let nanos = time.to_offset(UtcOffset::UTC).unix_timestamp_nanos();
        let millis = u64::try_from(nanos / 1_000_000).map_err(|_| UtcError::OutOfRange)?;
        if nanos < 0 || millis > LAST { Err(UtcError::OutOfRange) } else { Ok(Self(millis)) }
    }
}

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Utc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Utc {
    fn schema_name() -> Cow<'static, str> {
        "Utc".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339 in UTC, with milliseconds.",
            "examples": ["2026-11-21T01:46:01.123Z"],
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_time_survives(millis in 0..=LAST) {
            let text = Utc::from_millis(millis).to_string();
            prop_assert_eq!(text.parse::<Utc>().unwrap().millis(), millis);
            prop_assert_eq!(text.len(), 24);
        }

        #[test]
        fn any_text_is_answered(text in ".*") {
            let _ = text.parse::<Utc>();
        }
    }

    #[test]
    fn reads_other_offsets_as_utc() {
        assert_eq!("1970-01-01T01:00:00+01:00".parse::<Utc>().unwrap().millis(), 0);
        assert_eq!("1969-12-31T23:59:59.9999Z".parse::<Utc>(), Err(UtcError::OutOfRange));
        assert_eq!("yesterday".parse::<Utc>(), Err(UtcError::Malformed));
        assert_eq!(Utc::from_millis(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }
}
