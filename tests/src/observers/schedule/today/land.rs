//! What an answer leads to at the client (daemon/src/engine/actor/land.rs, receive.rs, peer.rs).

use rand::Rng;

use super::{Ask, EMPTY_PAUSE, Reply, Request, World};
use crate::observers::schedule::client::WINDOW;
use crate::observers::workload::exponential;

impl World<'_> {
    /// land.rs, receive.rs `keep`, peer.rs `give_up`.
    pub(super) fn land(&mut self, request: Request, reply: Reply) {
        let (who, now, rules) = (request.who, self.now, self.rules);
        if self.clients[who].epoch != request.epoch {
            return;
        }
        let spread = 1.0 + self.rng.r#gen::<f64>() / 2.0;
        match request.ask {
            Ask::Get { reading, place, id } => {
                let lane = self.clients[who].reading[reading].lane;
                let Reply::Box { message } = reply else {
                    let reading = &mut self.clients[who].reading[reading];
                    reading.under_way.remove(&place);
                    reading.paused.insert(place, now + EMPTY_PAUSE);
                    return;
                };
                let client = &mut self.clients[who];
                client.reading[reading].take(place);
                if let Some(mean) = rules.refill {
                    let head = client.reading[reading].head;
                    for place in head..head + WINDOW {
                        let wait = exponential(mean, self.rng);
                        client.reading[reading].paused.entry(place).or_insert(now + wait);
                    }
                }
                if rules.deletes {
                    client.deletes.push((now + rules.clocks.delete * spread, id));
                }
                let back = self.scene.lanes[lane].back;
                if message && !client.acks.iter().any(|(_, one)| *one == back) {
                    let wait = if rules.receipts_wait { 2.0 * rules.clocks.tick } else { 0.0 };
                    client.acks.push((now + wait, back));
                }
                self.open_window(who, lane);
                if message && !rules.receipts_wait {
                    self.clients[who].acks.retain(|(_, one)| *one != back);
                    self.put(who, back, false);
                }
            }
            Ask::Put { lane, .. } if reply == Reply::Conflict && rules.believes_conflicts => {
                let due = now + rules.clocks.resend * spread;
                self.clients[who].joins.push((due, lane));
            }
            Ask::Fetch(lane) => self.clients[who].deposits.push(lane),
            Ask::Describe => {
                self.clients[who].described = true;
                self.clients[who].describing = false;
            }
            Ask::Loop(id, _) => {
                self.clients[who].loops.retain_mut(|slot| {
                    if slot.id == id {
                        (slot.waiting, slot.stage) = (false, slot.stage + 1);
                    }
                    slot.stage < 3
                });
            }
            _ => {}
        }
    }
}
