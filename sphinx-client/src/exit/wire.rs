//! The messages between a client and an exit: Nym's network requester protocol, with Nym's own codec.
//!
//! A request to connect names a connection, a number of the client's choice, and `host:port`.
//! The exit does not confirm it. Then data frames follow, numbered from 0 in each direction:
//! an empty one if the exit is connected, an empty last one with number 0 if it could not connect.
//! A connection that the exit's policy forbids is answered with an error.
//! Empty frames keep the connection alive, and are numbered like the others.

use nym_service_providers_common::interface::{ProviderInterfaceVersion, ResponseContent};
use nym_socks5_requests::{
    SocketData, Socks5ProtocolVersion, Socks5ProviderRequest, Socks5ProviderResponse, Socks5Request,
    Socks5ResponseContent,
};

/// A message of an exit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Frame {
    /// A piece of the stream.
    Data {
        /// The connection.
        connection: u64,
        /// Its place in the stream, from 0.
        sequence: u64,
        /// The exit's side ends with this frame.
        last: bool,
        /// The piece; may be empty.
        data: Vec<u8>,
    },
    /// The exit will not serve this connection.
    Refused {
        /// The connection.
        connection: u64,
    },
}

/// Reads a message of an exit. `None` if it is not one, or says nothing about a connection.
pub fn parse(message: &[u8]) -> Option<Frame> {
    let response = Socks5ProviderResponse::try_from_bytes(message).ok()?;
    let ResponseContent::ProviderData(response) = response.content else { return None };
    match response.content {
        Socks5ResponseContent::NetworkData { content } => Some(Frame::Data {
            connection: content.header.connection_id,
            sequence: content.header.seq,
            last: content.header.local_socket_closed,
            data: content.data,
        }),
        // The exit's error text adds nothing to this.
        Socks5ResponseContent::ConnectionError(error) => {
            Some(Frame::Refused { connection: error.connection_id })
        }
        Socks5ResponseContent::Query(_) => None,
    }
}

/// The message that asks an exit for a connection to `remote`, `host:port`.
pub(super) fn connect(connection: u64, remote: String) -> Vec<u8> {
    message(Socks5Request::new_connect(Socks5ProtocolVersion::new_current(), connection, remote, None))
}

/// The message that carries a piece of the stream to an exit.
pub(super) fn send(connection: u64, sequence: u64, last: bool, data: Vec<u8>) -> Vec<u8> {
    let data = SocketData::new(sequence, connection, last, data);
    message(Socks5Request::new_send(Socks5ProtocolVersion::new_current(), data))
}

fn message(request: Socks5Request) -> Vec<u8> {
    Socks5ProviderRequest::new_provider_data(ProviderInterfaceVersion::new_current(), request).into_bytes()
}

#[cfg(test)]
mod tests {
    use nym_service_providers_common::interface::RequestContent;
    use nym_socks5_requests::{Socks5RequestContent, Socks5Response};
    use proptest::prelude::*;

    use super::*;

    fn response(response: Socks5Response) -> Vec<u8> {
        Socks5ProviderResponse::new_provider_data(ProviderInterfaceVersion::new_current(), response)
            .into_bytes()
    }

    #[test]
    fn an_exit_understands_requests() {
        let bytes = connect(7, "example.org:443".to_owned());
        let request = Socks5ProviderRequest::try_from_bytes(&bytes).unwrap();
        let RequestContent::ProviderData(request) = request.content else { panic!() };
        let Socks5RequestContent::Connect(request) = request.content else { panic!() };
        assert_eq!((request.conn_id, request.remote_addr.as_str()), (7, "example.org:443"));
        assert!(request.return_address.is_none(), "answers come over reply SURBs");
    }

    #[test]
    fn a_refusal_is_read() {
        let version = Socks5ProtocolVersion::new_current();
        let refusal = response(Socks5Response::new_connection_error(version, 9, "no".to_owned()));
        assert_eq!(parse(&refusal), Some(Frame::Refused { connection: 9 }));
    }

    proptest! {
        #[test]
        fn frames_are_read_as_written(connection: u64, sequence: u64, last: bool, data: Vec<u8>) {
            let version = Socks5ProtocolVersion::new_current();
            let bytes = response(Socks5Response::new_network_data(version, sequence, connection, data.clone(), last));
            prop_assert_eq!(parse(&bytes), Some(Frame::Data { connection, sequence, last, data }));
        }

        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn damaged_frames_do_no_harm(at in 0usize..40, bit in 0u8..8, data: Vec<u8>) {
            let version = Socks5ProtocolVersion::new_current();
            let mut bytes = response(Socks5Response::new_network_data(version, 1, 2, data, false));
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
            let _ = parse(&bytes);
        }
    }
}
