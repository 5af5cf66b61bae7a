use futures::FutureExt as _;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::exit::stream::ExitStream;

fn open() -> (ExitStream, Arc<Pipe>) {
    let (pipe, mut answer) = Pipe::new();
    pipe.receive(0, false, Vec::new());
    assert_eq!(answer.try_recv(), Ok(Answer::Open));
    (ExitStream::new(Arc::clone(&pipe)), pipe)
}

#[test]
fn the_first_frame_tells_whether_the_exit_is_connected() {
    let (pipe, mut answer) = Pipe::new();
    pipe.receive(0, true, Vec::new());
    assert_eq!(answer.try_recv(), Ok(Answer::Unreachable));
    let (pipe, mut answer) = Pipe::new();
    pipe.refuse();
    assert_eq!(answer.try_recv(), Ok(Answer::Refused));
    // The frames of a connection that the peer closed at once may come in any order.
    let (pipe, mut answer) = Pipe::new();
    pipe.receive(1, true, Vec::new());
    assert_eq!(answer.try_recv(), Ok(Answer::Open));
    let (pipe, mut answer) = Pipe::new();
    pipe.fail(Failure::Lost);
    assert!(answer.try_recv().is_err());
}

#[tokio::test]
async fn the_end_of_one_side_is_the_end_of_both() {
    let (mut stream, pipe) = open();
    pipe.receive(2, true, Vec::new());
    pipe.receive(1, false, b"bye".to_vec());
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "bye");
    assert_eq!(stream.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(pipe.work().await, Work::Done);

    let (mut stream, pipe) = open();
    stream.write_all(b"last words").await.unwrap();
    let shut = stream.shutdown();
    let work = async {
        assert_eq!(pipe.work().await, Work::Frame(b"last words".to_vec(), true));
        pipe.sent(true);
        assert_eq!(pipe.work().await, Work::Done);
    };
    tokio::join!(async { shut.await.unwrap() }, work);
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_writer_waits_while_too_much_is_unsent() {
    let (mut stream, pipe) = open();
    let written = stream.write_all(&vec![1; MOST_UNSENT + 1]).now_or_never();
    assert!(written.is_none());
    assert!(stream.flush().now_or_never().is_none());
    let mut taken = 0;
    while taken < MOST_UNSENT {
        let Work::Frame(data, last) = pipe.work().await else { panic!() };
        assert!(!last && data.len() <= FRAME);
        taken += data.len();
        pipe.sent(false);
    }
    assert!(pipe.work().now_or_never().is_none());
    stream.flush().await.unwrap();
    stream.write_all(b"more").await.unwrap();
    drop(stream);
    assert_eq!(pipe.work().await, Work::Frame(b"more".to_vec(), true), "what was written before is sent");
}

#[tokio::test]
async fn a_stream_that_nobody_reads_fails_and_gives_its_memory_back() {
    let (mut stream, pipe) = open();
    for sequence in 1..=4096 {
        pipe.receive(sequence, false, vec![7; 2048]);
    }
    assert!(stream.read(&mut [0; 8]).await.is_err());
    assert_eq!(pipe.lock().unread.capacity(), 0);
    assert_eq!(pipe.work().await, Work::Frame(Vec::new(), true), "the exit is told");
    pipe.sent(true);
    assert_eq!(pipe.work().await, Work::Done);

    // What comes out of order is bounded too, by bytes and by number.
    let (mut stream, pipe) = open();
    for sequence in (2..=900).rev() {
        pipe.receive(sequence, false, vec![7; 5000]);
    }
    assert!(stream.read(&mut [0; 8]).await.is_err());
    let (mut stream, pipe) = open();
    pipe.receive(5000, false, Vec::new());
    assert!(stream.read(&mut [0; 8]).await.is_err());
}

#[test]
fn a_lost_piece_is_noticed() {
    let second = Duration::from_secs(1);
    let (_stream, pipe) = open();
    pipe.lock().moved -= second * 100;
    assert_eq!(pipe.gap_for(), Duration::ZERO);
    pipe.receive(2, false, vec![2]);
    assert!(pipe.gap_for() < second, "it counts from when there is a gap");
    pipe.lock().moved -= second * 5;
    pipe.receive(3, false, vec![3]);
    assert!(pipe.gap_for() >= second * 5);
    pipe.receive(1, false, vec![1]);
    assert_eq!(pipe.gap_for(), Duration::ZERO);
}

#[tokio::test]
async fn a_failure_reaches_reader_and_writer() {
    let (mut stream, pipe) = open();
    pipe.receive(1, false, b"before".to_vec());
    pipe.fail(Failure::Lost);
    let mut buffer = [0; 6];
    stream.read_exact(&mut buffer).await.unwrap();
    assert_eq!(stream.read(&mut buffer).await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    assert!(stream.write(b"x").await.is_err());
    assert!(stream.shutdown().await.is_err());
}

proptest! {
    #[test]
    fn frames_in_any_order_with_duplicates_are_read_in_order(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..60),
        shuffled in any::<prop::sample::Index>(),
        seed: u64,
    ) {
        use rand::{Rng as _, SeedableRng as _, seq::SliceRandom as _};
        let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
        let (mut stream, pipe) = open();
        let end = pieces.len() as u64;
        let mut frames: Vec<(u64, bool, Vec<u8>)> =
            (1u64..).zip(&pieces).map(|(n, piece)| (n, n == end, piece.clone())).collect();
        let again = frames[shuffled.index(frames.len())].clone();
        frames.push(again);
        frames.shuffle(&mut rng);
        let mut read = Vec::new();
        for (sequence, last, data) in frames {
            pipe.receive(sequence, last, data);
            if rng.gen_bool(0.5) {
                let mut some = [0; 16];
                if let Some(Ok(count)) = stream.read(&mut some).now_or_never() {
                    read.extend_from_slice(&some[..count]);
                }
            }
        }
        stream.read_to_end(&mut read).now_or_never().unwrap().unwrap();
        prop_assert_eq!(read, pieces.concat());
        prop_assert_eq!(pipe.lock().early, 0);
    }
}
