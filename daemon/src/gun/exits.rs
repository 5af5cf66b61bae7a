//! The way to Gun relays: through the mixnet and one of its exits.

use async_trait::async_trait;
use bauta_sphinx_client::{Exits, OpenError};

use super::{Dial, DialError, Stream};

#[async_trait]
impl Dial for Exits {
    async fn dial(&self, host: &str, port: u16) -> Result<Box<dyn Stream>, DialError> {
        match self.open(host, port).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(match error {
                OpenError::Host | OpenError::Refused => DialError::Refused(error.to_string()),
                OpenError::NoExit | OpenError::Network | OpenError::Stopped => {
                    DialError::NoExit(error.to_string())
                }
                OpenError::Unreachable => DialError::Unreachable(error.to_string()),
                OpenError::Timeout => DialError::Timeout,
            }),
        }
    }
}
