//! Enums that are stored as numbers.

/// Declares an enum whose variants are stored as the given numbers. A number is never reused for another variant:
/// homes hold it for years. One that no variant has is damage, since a home of a newer version does not open here.
macro_rules! stored_enum {
    ($($(#[$about:meta])* enum $name:ident { $($(#[$doc:meta])* $variant:ident = $number:literal,)+ })+) => {
        $(
            $(#[$about])*
            #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
            pub(crate) enum $name {
                $($(#[$doc])* $variant = $number,)+
            }

            impl $name {
                /// Every variant.
                #[cfg(test)]
                pub(crate) const ALL: &[Self] = &[$(Self::$variant,)+];
            }

            impl rusqlite::ToSql for $name {
                fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                    let number: i64 = match self {
                        $(Self::$variant => $number,)+
                    };
                    Ok(number.into())
                }
            }

            impl rusqlite::types::FromSql for $name {
                fn column_result(
                    value: rusqlite::types::ValueRef<'_>,
                ) -> rusqlite::types::FromSqlResult<Self> {
                    match value.as_i64()? {
                        $($number => Ok(Self::$variant),)+
                        other => Err(rusqlite::types::FromSqlError::OutOfRange(other)),
                    }
                }
            }
        )+
    };
}

pub(super) use stored_enum;
