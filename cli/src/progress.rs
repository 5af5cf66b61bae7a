use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::{LogTarget, Output};

/// Shows progress on standard error: as a moving line on a terminal, as a line per phase elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    out: Output,
    begun: Instant,
    bar: Option<ProgressBar>,
    last: Mutex<String>,
    log: LogTarget,
}

impl Progress {
    /// Begins. Log lines go above the moving line.
    pub(crate) fn begin(out: &Output, log: LogTarget) -> Self {
        let bar = out.may_animate().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style.tick_chars("·∙●∙ "));
            }
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        log.above(bar.clone());
        Self { out: out.clone(), begun: Instant::now(), bar, last: Mutex::default(), log }
    }

    /// Shows what happens now. A repeated text is not shown again.
    pub(crate) fn phase(&self, text: &str) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == text {
            return;
        }
        text.clone_into(&mut last);
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None => self.out.note(&format!("{text} ({})", self.elapsed())),
        }
    }

    /// Prints a line that stays.
    pub(crate) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.out.note(text)),
            None => self.out.note(text),
        }
    }

    /// The time since the beginning, as text: `3.2 s`.
    pub(crate) fn elapsed(&self) -> String {
        format!("{:.1} s", self.begun.elapsed().as_secs_f64())
    }

    /// The time since the beginning.
    pub(crate) fn passed(&self) -> Duration {
        self.begun.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.log.above(None);
    }
}
