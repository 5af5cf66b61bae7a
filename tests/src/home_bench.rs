//! A home with a history of years, made from a backup of a small one.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use age::scrypt;
use age::secrecy::SecretString;
use bauta_protocol::backup::{Base64, Cell, End, Line, Table};
use bauta_protocol::content::Content;
use bauta_protocol::id::MessageId;
use bauta_protocol::time::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Zipf};

/// Words in use; the n-th is drawn in proportion to 1/n, as in natural languages (Zipf's law).
const VOCABULARY: usize = 50_000;
/// A history of five years.
const SPAN_MS: i64 = 5 * 365 * 24 * 3600 * 1000;

/// Opens a backup; gives its lines.
fn lines(path: &Path, passphrase: &str) -> impl Iterator<Item = Line> {
    let identity = scrypt::Identity::new(SecretString::from(passphrase.to_owned()));
    let sealed = age::Decryptor::new_buffered(BufReader::new(File::open(path).unwrap())).unwrap();
    let opened = sealed.decrypt(std::iter::once(&identity as &dyn age::Identity)).unwrap();
    BufReader::new(opened).split(b'\n').map(|line| Line::read(&line.unwrap()).unwrap())
}

/// Writes `from` again as `to`, with `messages` messages in place of those of its first conversation, half of them in
/// each direction, delivered and read.
pub fn grow(from: &Path, to: &Path, passphrase: &str, messages: u64) {
    let mut recipient = scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
    // The file lies beside its passphrase.
    recipient.set_work_factor(2);
    let sealed = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
    let mut out = sealed.wrap_output(BufWriter::new(File::create(to).unwrap())).unwrap();
    let (mut rows, mut columns, mut now) = (0, None, 0);
    let mut samples: [Option<Vec<Cell>>; 2] = [None, None];
    for line in lines(from, passphrase) {
        match &line {
            Line::Head(head) => now = i64::try_from(head.made_at).unwrap(),
            Line::Table(table) => columns = (table.table == "messages").then(|| table.clone()),
            Line::Row(cells) if columns.is_some() => {
                let outgoing = matches!(cells[columns.as_ref().unwrap().place("outgoing")], Cell::Number(1));
                samples[usize::from(outgoing)].get_or_insert_with(|| cells.clone());
                continue;
            }
            Line::Row(_) => rows += 1,
            Line::End(_) => {
                let samples = samples.each_ref().map(|sample| sample.as_ref().expect("a message each way"));
                let mut drawn = Drawn::new(now - SPAN_MS);
                for seq in 1..=messages {
                    let row = drawn.message(
                        columns.as_ref().unwrap(),
                        samples[usize::from(seq % 2 == 0)],
                        seq,
                        messages,
                    );
                    out.write_all(&Line::Row(row).write().unwrap()).unwrap();
                }
                out.write_all(&Line::End(End { rows: rows + messages }).write().unwrap()).unwrap();
                break;
            }
        }
        out.write_all(&line.write().unwrap()).unwrap();
    }
    out.finish().unwrap().flush().unwrap();
}

trait Place {
    fn place(&self, column: &str) -> usize;
}

impl Place for Table {
    fn place(&self, column: &str) -> usize {
        self.columns.iter().position(|known| known == column).unwrap()
    }
}

/// Messages drawn at random, each time the same ones.
struct Drawn {
    rng: StdRng,
    rank: Zipf<f64>,
    words: Vec<String>,
    begin: i64,
}

impl Drawn {
    fn new(begin: i64) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let words = (0..VOCABULARY).map(|rank| word(rank, &mut rng)).collect();
        Self { rng, rank: Zipf::new(VOCABULARY as u64, 1.0).unwrap(), words, begin }
    }

    fn text(&mut self) -> String {
        let count = self.rng.gen_range(2..20);
        let mut text = Vec::with_capacity(count);
        for _ in 0..count {
            let rank = self.rank.sample(&mut self.rng) as usize;
            text.push(self.words[rank - 1].clone());
        }
        text.join(" ")
    }

    fn message(&mut self, table: &Table, sample: &[Cell], seq: u64, of: u64) -> Vec<Cell> {
        let text = if seq == of / 3 { ONCE.to_owned() } else { self.text() };
        let at = self.begin + i64::try_from(seq * (SPAN_MS.unsigned_abs() / of)).unwrap();
        let id: [u8; 16] = self.rng.r#gen();
        let content = Content::Text {
            id: MessageId(id),
            sent_at: Timestamp(at.unsigned_abs()),
            text: text.clone(),
            timer: None,
        };
        let mut row = sample.to_vec();
        let mut set = |column: &str, cell: Cell| row[table.place(column)] = cell;
        set("seq", Cell::Number(i64::try_from(seq).unwrap()));
        set("id", Cell::Bytes { b: Base64(id.to_vec()) });
        set("content", Cell::Bytes { b: Base64(content.encode().unwrap()) });
        set("text", Cell::Text(text));
        set("sent_at", Cell::Number(at));
        set("at", Cell::Number(at));
        set("unread", Cell::Number(0));
        row
    }
}

/// A text that one message has.
pub const ONCE: &str = "the zeppelin over Friedrichshafen at noon";
/// The most frequent word.
pub const FREQUENT: &str = "the";
/// A word in a script without spaces.
pub const CHINESE: &str = "東京";

fn word(rank: usize, rng: &mut StdRng) -> String {
    match rank {
        0 => FREQUENT.to_owned(),
        // Rank 50: in about one of nine hundred words.
        50 => CHINESE.to_owned(),
        _ if rank % 10 == 9 => {
            (0..rng.gen_range(1..4)).map(|_| rng.gen_range('\u{4e00}'..'\u{9000}')).collect()
        }
        _ => (0..rng.gen_range(1..5)).map(|_| syllable(rng)).collect(),
    }
}

fn syllable(rng: &mut StdRng) -> String {
    let mut one = |letters: &[u8]| char::from(letters[rng.gen_range(0..letters.len())]);
    [one(b"bcdfghklmnprstvwz"), one(b"aeiou"), one(b"nrstlm")].iter().collect()
}
