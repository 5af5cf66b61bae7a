//! The formats of Mask Network, as Bauta reads and writes them: see [`mask`].
//!
//! Pure: randomness and time are passed in, and nothing here touches a file or a network.

pub mod mask;
