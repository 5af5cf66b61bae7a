//! Posts between two daemons, their keys on a real Gun relay behind the mixnet and its exit.

use std::collections::HashSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bauta_daemon::gun::CollectLimits;
use bauta_protocol::mask::partition::{Tag, v37_set};
use bauta_protocol::mask::{Network, PostIv, PublicKey};
use bauta_tests::gun_relay::{GunRelay, TestRoot, tcp_client};
use bauta_tests::program::{Answer, Program};
use bauta_tests::wait::eventually;
use bauta_tests::world::{Person, World};
use data_encoding::{BASE64, HEXLOWER};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(180);

/// Two daemons whose Gun relay is behind the exit.
struct Stage {
    alice: Person,
    bob: Person,
    alice_key: String,
    bob_key: String,
    relay: GunRelay,
    root: Option<TestRoot>,
    watch: Watch,
    world: World,
}

impl Stage {
    async fn open(tls: bool) -> Self {
        let mut world = World::with_exit(Program::new(env!("CARGO_BIN_EXE_chaos")), 2).await;
        tokio::task::block_in_place(|| {
            world.start_relay();
            let root = tls.then(|| TestRoot::make(&world.dir().join("root")));
            let data = world.dir().join("gun");
            let relay = match &root {
                Some(root) => GunRelay::start_tls("gun", &data, root),
                None => GunRelay::start("gun", &data),
            };
            let start = |name: &str| {
                let mut person = world.person(name);
                let mut arguments = vec!["--gun".to_owned(), relay.url()];
                if let Some(root) = &root {
                    arguments.extend(["--gun-root".to_owned(), root.certificate().display().to_string()]);
                }
                person.up_with(arguments);
                person.up();
                let (key, _) = person.persona(name);
                person.ok(&["post", "settings", "--block", "2", "--spread", "1s"]);
                (person, key)
            };
            let ((alice, alice_key), (bob, bob_key)) = (start("alice"), start("bob"));
            let watch = Watch::start(relay.port());
            watch.add(alice.pid());
            watch.add(bob.pid());
            Self { alice, bob, alice_key, bob_key, relay, root, watch, world }
        })
    }

    /// Alice writes for Bob.
    fn write(&self, text: &str) -> Value {
        let post = self.alice.ok(&["post", "encrypt", text, "--to", &self.bob_key]);
        assert_eq!(post["published"], true, "{post}");
        post
    }

    fn bob_reads(&self, post: &Value) -> Answer {
        self.bob.run(&["post", "decrypt", post["text"].as_str().unwrap()])
    }

    fn set_for_bob(&self, post: &Value) -> String {
        let iv: [u8; 16] =
            BASE64.decode(post["iv"].as_str().unwrap().as_bytes()).unwrap().try_into().unwrap();
        let key = PublicKey::from_sec1(&HEXLOWER.decode(self.bob_key.as_bytes()).unwrap()).unwrap();
        v37_set(Network::Twitter, Tag::of_post(&PostIv(iv)), Tag::of_key_v37(&key)).unwrap()
    }

    /// Waits until the relay has a post's record on its disk: what it has in memory only does not outlive it.
    fn is_on_disk(&self, post: &Value) {
        let set = self.set_for_bob(post);
        let url = self.relay.url();
        let gun = tcp_client([url.as_str()], self.root.as_ref());
        let mut sealed = None;
        let reading = gun.collect(&set, CollectLimits::default(), |_, node| {
            sealed = node.get("e").and_then(Value::as_str).map(str::to_owned);
            ControlFlow::Break(())
        });
        tokio::runtime::Handle::current().block_on(reading).unwrap();
        let sealed = sealed.expect("the record was published");
        let data = self.world.dir().join("gun");
        eventually("the record on the relay's disk", SOON, || holds(&data, sealed.as_bytes()).then_some(()));
    }
}

fn holds(dir: &Path, text: &[u8]) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, text);
        }
        fs::read(&path).is_ok_and(|content| content.windows(text.len()).any(|window| window == text))
    })
}

/// Looks again and again, in the kernel's tables, who has a socket to the Gun relay.
struct Watch {
    pids: Arc<Mutex<Vec<u32>>>,
    caught: Arc<Mutex<Option<u32>>>,
    /// How often somebody else's socket to the relay was seen: the exit's, in this process.
    others: Arc<AtomicU64>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    fn start(port: u16) -> Self {
        let (pids, caught) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(None)));
        let (others, end) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let shared = (Arc::clone(&pids), Arc::clone(&caught), Arc::clone(&others), Arc::clone(&end));
        let thread = std::thread::spawn(move || {
            let (pids, caught, others, end) = shared;
            while !end.load(Ordering::Relaxed) {
                let sockets = sockets_to(port);
                for pid in pids.lock().unwrap().iter() {
                    if !sockets.is_disjoint(&sockets_of(*pid)) {
                        *caught.lock().unwrap() = Some(*pid);
                    }
                }
                if !sockets.is_disjoint(&sockets_of(std::process::id())) {
                    others.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { pids, caught, others, end, thread: Some(thread) }
    }

    fn add(&self, pid: u32) {
        self.pids.lock().unwrap().push(pid);
    }

    /// No daemon had a socket to the relay, and the exit had one.
    fn found_only_the_exit(&self) {
        let caught = *self.caught.lock().unwrap();
        assert_eq!(caught, None, "a daemon has a socket to the Gun relay");
        assert!(self.others.load(Ordering::Relaxed) > 0, "nobody was seen with a socket to the Gun relay");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Inodes of TCP sockets whose peer is that port.
fn sockets_to(port: u16) -> HashSet<u64> {
    let mut inodes = HashSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let table = fs::read_to_string(table).unwrap_or_default();
        for line in table.lines().skip(1) {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let peer = columns[2].rsplit(':').next().unwrap();
            if u16::from_str_radix(peer, 16).unwrap() == port {
                inodes.insert(columns[9].parse().unwrap());
            }
        }
    }
    inodes
}

fn sockets_of(pid: u32) -> HashSet<u64> {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return HashSet::new() };
    let links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    links
        .filter_map(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok())
        .collect()
}

fn refused(answer: &Answer, code: &str) {
    assert_eq!(answer.code, 1, "{answer:?}");
    let error = &answer.json()["error"];
    assert_eq!(error["code"], code, "{answer:?}");
    let message = error["message"].as_str().unwrap();
    assert!(message.ends_with('.') && !message.contains('\n'), "{message}");
}

async fn both_ways_and_later(tls: bool) {
    let mut stage = Stage::open(tls).await;
    tokio::task::block_in_place(|| {
        let post = stage.write("for bob's eyes");
        let opened = stage.bob_reads(&post).ok();
        assert_eq!(opened["text"], "for bob's eyes");
        assert_eq!(opened["author_key"], stage.alice_key.as_str());
        assert_eq!(opened["author_known"], false);

        // Somebody whom the author adds later.
        let mine = stage.alice.ok(&["post", "encrypt", "only mine, at first"]);
        refused(&stage.bob_reads(&mine), "post.not_shared");
        let text = mine["text"].as_str().unwrap();
        let appended = stage.alice.ok(&["post", "append", text, "--to", &stage.bob_key]);
        assert_eq!(appended["published"], true, "{appended}");
        assert_eq!(stage.bob_reads(&mine).ok()["text"], "only mine, at first");
        assert_eq!(stage.alice.ok(&["post", "decrypt", text])["text"], "only mine, at first");

        // After the relay was restarted with what is on its disk.
        let post = stage.write("it survives");
        stage.is_on_disk(&post);
        stage.relay.restart();
        assert_eq!(stage.bob_reads(&post).ok()["text"], "it survives");

        // Among others' records and things that are not records.
        let post = stage.write("a needle");
        stage.relay.fill(&stage.set_for_bob(&post), 300, 50);
        assert_eq!(stage.bob_reads(&post).ok()["text"], "a needle");

        // What was opened once opens without a relay, and says what the author's key is called here.
        stage.relay.kill();
        stage.bob.ok(&["contact", "add", "alicia", &stage.alice_key]);
        let again = stage.bob_reads(&post).ok();
        assert_eq!((&again["text"], &again["author_known"]), (&Value::from("a needle"), &Value::from(true)));
        stage.watch.found_only_the_exit();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_over_a_plain_gun_relay() {
    both_ways_and_later(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_over_a_gun_relay_behind_tls() {
    both_ways_and_later(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_keys_survive_and_every_failure_has_its_reason() {
    let mut stage = Stage::open(false).await;
    tokio::task::block_in_place(|| {
        // Killed between queued and published.
        stage.relay.kill();
        let arguments = ["post", "encrypt", "patience", "--to", stage.bob_key.as_str(), "--wait", "queued"];
        let post = stage.alice.ok(&arguments);
        assert_eq!(post["published"], false, "{post}");
        stage.alice.kill();
        stage.relay.restart();
        stage.alice.up();
        stage.watch.add(stage.alice.pid());
        eventually("the post", SOON, || (stage.bob_reads(&post).code == 0).then_some(()));
        assert_eq!(stage.bob_reads(&post).ok()["text"], "patience");

        let foreign = stage.alice.ok(&["post", "encrypt", "not for bob"]);
        let text = foreign["text"].as_str().unwrap();
        refused(&stage.bob_reads(&foreign), "post.not_shared");
        refused(&stage.bob.run(&["post", "decrypt", "no post at all"]), "post.none");
        // The last bytes are the message's tag.
        let cut = text.rfind("%2F").unwrap_or(text.len() - 8).min(text.len() - 8);
        let damaged = format!("{}AAAA", text.get(..cut).unwrap());
        let answer = stage.alice.run(&["post", "decrypt", &damaged]);
        assert_eq!(answer.code, 1, "{answer:?}");
        let unknown = stage.bob.run(&["post", "decrypt", "🎼9/4|AAAA|BBBB|_:||", "--network", "facebook"]);
        refused(&unknown, "post.version");
        stage.watch.found_only_the_exit();
    });
}
