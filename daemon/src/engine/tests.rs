//! The steps of a conversation over stores in memory and relays that are maps: no clock runs, no thread waits.

mod contents;
mod conversations;
mod elsewhere;
mod names;
mod relays;
mod requests;
mod steps;
mod world;
