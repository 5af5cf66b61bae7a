//! Locking before the machine sleeps, where logind says so (org.freedesktop.login1).

use futures::StreamExt;
use tokio::sync::watch;
use zbus::zvariant::OwnedFd;

use crate::node::{AtSuspend, Locking};

/// Calls `lock` once, when the machine is about to sleep and the setting wants it.
pub(super) async fn watch(
    locking: watch::Receiver<Locking>,
    is_wanted: impl Fn(AtSuspend) -> bool + Send,
    lock: impl Fn() + Send,
) {
    watch_on(zbus::connection::Builder::system, locking, is_wanted, lock).await;
}

/// As [`watch()`], with the bus to ask on.
async fn watch_on(
    bus: impl Fn() -> zbus::Result<zbus::connection::Builder<'static>> + Send,
    mut locking: watch::Receiver<Locking>,
    is_wanted: impl Fn(AtSuspend) -> bool + Send,
    lock: impl Fn() + Send,
) {
    loop {
        let bus = is_wanted(locking.borrow_and_update().at_suspend).then(&bus);
        let announced = async move {
            match bus {
                Some(bus) => announced(bus).await,
                None => std::future::pending().await,
            }
        };
        let announced = tokio::select! {
            announced = announced => announced,
            changed = locking.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        match announced {
            Ok(_delay) => {
                tracing::info!("This machine will sleep, so the daemon locks itself.");
                lock();
                // The machine waits as long as this file is open: until the process begins anew, or logind's time is up.
                return std::future::pending().await;
            }
            Err(error) => {
                tracing::debug!("Nobody tells when this machine sleeps: {error}.");
                if locking.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Whether anybody on this machine says that it will sleep; the error is in words.
///
/// # Errors
/// When there is no bus of the system, or no logind on it.
pub async fn is_announced() -> Result<(), String> {
    let names = async {
        let bus = zbus::connection::Builder::system()?.build().await?;
        let names = zbus::Proxy::new(&bus, BUS, "/org/freedesktop/DBus", BUS).await?;
        // Starts it where it is started on demand only.
        names.call::<_, _, u32>("StartServiceByName", &(LOGIND, 0_u32)).await
    };
    names.await.map(drop).map_err(|error: zbus::Error| error.to_string())
}

const BUS: &str = "org.freedesktop.DBus";
const LOGIND: &str = "org.freedesktop.login1";

/// Waits until the machine is about to sleep. It does not as long as what this returns is open.
async fn announced(bus: zbus::Result<zbus::connection::Builder<'static>>) -> zbus::Result<OwnedFd> {
    let bus = bus?.build().await?;
    let manager =
        zbus::Proxy::new(&bus, LOGIND, "/org/freedesktop/login1", "org.freedesktop.login1.Manager").await?;
    let mut sleeps = manager.receive_signal("PrepareForSleep").await?;
    let delay: OwnedFd =
        manager.call("Inhibit", &("sleep", "Bauta", "The store is locked first.", "delay")).await?;
    while let Some(sleep) = sleeps.next().await {
        if sleep.body().deserialize::<bool>()? {
            return Ok(delay);
        }
    }
    Err(zbus::Error::Failure("the bus has closed the connection".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::fd::OwnedFd as File;
    use std::process::{Child, Command, Stdio};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;

    const PATH: &str = "/org/freedesktop/login1";
    const INTERFACE: &str = "org.freedesktop.login1.Manager";

    /// A message bus of its own, which ends with the test.
    struct Bus(Child, String);

    impl Bus {
        fn start() -> Self {
            let mut child = Command::new("dbus-daemon")
                .args(["--session", "--nofork", "--print-address"])
                .stdout(Stdio::piped())
                .spawn()
                .expect("dbus, of maint/debian-packages");
            let mut address = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
            Self(child, address.trim().to_owned())
        }

        fn builder(&self) -> zbus::Result<zbus::connection::Builder<'static>> {
            zbus::connection::Builder::address(self.1.as_str())
        }
    }

    impl Drop for Bus {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// In place of logind: gives out a pipe for each delay that is asked for.
    struct Login(mpsc::UnboundedSender<std::io::PipeReader>);

    #[zbus::interface(name = "org.freedesktop.login1.Manager")]
    impl Login {
        fn inhibit(&self, what: &str, _who: &str, _why: &str, mode: &str) -> zbus::zvariant::OwnedFd {
            assert_eq!((what, mode), ("sleep", "delay"));
            let (reader, writer) = std::io::pipe().unwrap();
            self.0.send(reader).unwrap();
            File::from(writer).into()
        }
    }

    /// Whether the other end of the pipe is open.
    fn is_held(pipe: &std::io::PipeReader) -> bool {
        let mut polled = [rustix::event::PollFd::new(pipe, rustix::event::PollFlags::IN)];
        let none = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::event::poll(&mut polled, Some(&none)).unwrap() == 0
    }

    #[tokio::test]
    async fn the_machine_waits_until_the_daemon_has_locked() {
        let bus = Arc::new(Bus::start());
        let (asked, mut delays) = mpsc::unbounded_channel();
        let logind = bus.builder().unwrap().name("org.freedesktop.login1").unwrap();
        let logind = logind.serve_at(PATH, Login(asked)).unwrap().build().await.unwrap();
        let settings = tokio::sync::watch::Sender::new(Locking::default());
        let locked = Arc::new(Mutex::new(0));
        let (counted, used) = (Arc::clone(&locked), Arc::clone(&bus));
        let watching = tokio::spawn(watch_on(
            move || used.builder(),
            settings.subscribe(),
            |at| at == AtSuspend::On,
            move || *counted.lock().unwrap() += 1,
        ));
        settings.send_modify(|settings| settings.at_suspend = AtSuspend::On);
        let delay = tokio::time::timeout(Duration::from_secs(120), delays.recv()).await.unwrap().unwrap();
        let sleep = async |begins: bool| {
            logind.emit_signal(None::<&str>, PATH, INTERFACE, "PrepareForSleep", &begins).await.unwrap();
        };
        // The end of a sleep.
        sleep(false).await;
        assert!(is_held(&delay));
        let deadline = std::time::Instant::now() + Duration::from_secs(120);
        sleep(true).await;
        while *locked.lock().unwrap() == 0 {
            assert!(std::time::Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
        assert_eq!(*locked.lock().unwrap(), 1);
        assert!(is_held(&delay), "the process has not begun anew");
        watching.abort();
        while is_held(&delay) {
            assert!(std::time::Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
    }
}
