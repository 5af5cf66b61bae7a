//! The way to the hosts of Gun relays: in this program, through the mixnet and one of its exits.

use async_trait::async_trait;
use bauta_sphinx_client::{Exits, OpenError};
use tokio::io::{AsyncRead, AsyncWrite};

use super::DialError;

/// A stream of bytes in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Opens streams to hosts. The one in this program goes through the mixnet.
#[async_trait]
pub trait Dial: Send + Sync + 'static {
    /// A stream to a TCP port of a host, which may be a name or an address.
    ///
    /// # Errors
    /// Every [`DialError`].
    async fn dial(&self, host: &str, port: u16) -> Result<Box<dyn Stream>, DialError>;
}

#[async_trait]
impl Dial for Exits {
    async fn dial(&self, host: &str, port: u16) -> Result<Box<dyn Stream>, DialError> {
        match self.open(host, port).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(match error {
                OpenError::Host | OpenError::Refused => DialError::Refused(error.to_string()),
                OpenError::NoExit | OpenError::Busy | OpenError::Network(_) | OpenError::Stopped => {
                    DialError::NoExit(error.to_string())
                }
                OpenError::Unreachable => DialError::Unreachable(error.to_string()),
                OpenError::Timeout => DialError::Timeout,
            }),
        }
    }
}
