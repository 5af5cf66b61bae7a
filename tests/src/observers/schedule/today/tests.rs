use bauta_sphinx_client::Traffic;

use super::*;
use crate::observers::clocks::Clocks;
use crate::observers::stats::{Use, rng_of};
use crate::observers::trace::{Index, Operation};

fn talk(rules: Rules) -> Run {
    let mut scene = Scene::of_people(2, 1200.0);
    let (there, back) = scene.befriend(0, 1);
    for number in 0..10 {
        scene.write(300.0 + 40.0 * f64::from(number), if number % 2 == 0 { there } else { back });
    }
    Today(rules).run(&scene.sorted(), &mut rng_of(1, "today", Use::Tuning, 0))
}

#[test]
fn real_boxes_are_asked_for_before_they_are_put_and_loops_after() {
    let run = talk(Rules::today(Clocks::of(Traffic::Full)));
    let index = Index::of(&run.seen);
    let (mut loops, mut real) = (0, 0);
    for (id, firsts) in &index.firsts {
        let (Some(put), Some(get)) = (firsts.put, firsts.get) else { continue };
        if run.is_loop(*id) == Some(true) {
            loops += 1;
            assert!(get > put);
        } else {
            real += usize::from(get < put);
        }
    }
    assert!(loops > 300 && real >= 15, "{loops} loops, {real} real");
    // About one exchange a second and client.
    let per_second = run.seen.iter().filter(|one| !one.again).count() as f64 / 2400.0;
    assert!((0.8..1.2).contains(&per_second), "{per_second}");
}

#[test]
fn switches_switch() {
    let mut rules = Rules::today(Clocks::of(Traffic::Full));
    (rules.loops, rules.drains) = (false, false);
    let run = talk(rules);
    assert!(run.seen.iter().all(|one| one.operation != Operation::Drain));
    assert!(Index::of(&run.seen).firsts.keys().all(|id| run.is_loop(*id) == Some(false)));
}
