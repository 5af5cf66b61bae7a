//! Requests, in both classes: what is accepted has one encoding only.
#![no_main]

use bauta_protocol::relay::{Class, Request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for class in [Class::Small, Class::Large] {
        let _ = Request::decode(class, data);
        let mut body = data.to_vec();
        body.resize(class.body_len(), 0);
        if let Ok(request) = Request::decode(class, &body) {
            assert_eq!(*request.encode(), body);
        }
    }
});
