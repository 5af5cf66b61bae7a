//! End-to-end tests, runners and benches of Bauta
