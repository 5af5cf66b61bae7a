//! Contents: what is accepted is written and read again as the same.
#![no_main]

use bauta_protocol::content::Content;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(content) = Content::decode(data)
        && let Ok(bytes) = content.encode()
    {
        assert!(Content::decode(&bytes).unwrap() == content);
    }
});
