//! Frames of native messaging: a length of four bytes in native byte order, then that many bytes of JSON
//! (Chrome "Native messaging", MDN "Native messaging").

use std::io::{self, Read, Write};

use bauta_ipc::MAX_FRAME;

/// Why no frame could be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The frame's length is above [`MAX_FRAME`].
    #[error("the frame is longer than {MAX_FRAME} bytes")]
    TooLong,
    /// The stream ended in the middle of a frame.
    #[error("the frame is cut short")]
    Cut,
    /// The stream failed.
    #[error("reading failed")]
    Io(#[source] io::Error),
}

/// Reads the next frame, of at most [`MAX_FRAME`] bytes; `None` at the end of the stream.
pub fn read_frame(input: &mut impl Read) -> Result<Option<Vec<u8>>, FrameError> {
    let mut length = [0; 4];
    let mut filled = 0;
    while let Some(rest) = length.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(FrameError::Cut),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    let length = u32::from_ne_bytes(length);
    let fits = usize::try_from(length).is_ok_and(|length| length <= MAX_FRAME);
    if !fits {
        return Err(FrameError::TooLong);
    }
    // The buffer grows with the bytes that arrive: announcing a length costs no memory.
    let mut frame = Vec::new();
    let count = input.take(length.into()).read_to_end(&mut frame).map_err(FrameError::Io)?;
    if u32::try_from(count) == Ok(length) { Ok(Some(frame)) } else { Err(FrameError::Cut) }
}

/// Writes a frame in one piece. More than [`MAX_FRAME`] bytes, which a browser would refuse, are an error.
pub fn write_frame(output: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).ok().filter(|_| frame.len() <= MAX_FRAME);
    let length = length.ok_or(io::ErrorKind::InvalidInput)?;
    let mut bytes = Vec::with_capacity(frame.len() + 4);
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(frame);
    output.write_all(&bytes)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns its bytes in pieces.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut stream = Vec::new();
        for frame in frames {
            write_frame(&mut stream, frame).unwrap();
        }
        stream
    }

    proptest! {
        #[test]
        fn frames_survive_any_cut(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..8),
            piece in 1usize..20,
        ) {
            let stream = stream(&frames);
            let mut input = Pieces(&stream, piece);
            for frame in &frames {
                let read = read_frame(&mut input).unwrap();
                prop_assert_eq!(read.as_ref(), Some(frame));
            }
            prop_assert!(read_frame(&mut input).unwrap().is_none());
        }

        #[test]
        fn a_stream_cut_short_is_told_apart_from_one_that_ended(
            frame in prop::collection::vec(any::<u8>(), 0..50), cut in any::<prop::sample::Index>(),
        ) {
            let stream = stream(&[frame]);
            let kept = &stream[..cut.index(stream.len())];
            match read_frame(&mut Pieces(kept, 3)) {
                Ok(None) => prop_assert!(kept.is_empty()),
                Err(FrameError::Cut) => prop_assert!(!kept.is_empty()),
                other => prop_assert!(false, "{other:?}"),
            }
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut input = Pieces(&bytes, 7);
            while let Ok(Some(_)) = read_frame(&mut input) {}
        }
    }

    #[test]
    fn the_longest_frame_passes_and_one_more_does_not() {
        let longest = vec![b'x'; MAX_FRAME];
        let stream = stream(std::slice::from_ref(&longest));
        assert_eq!(read_frame(&mut stream.as_slice()).unwrap().unwrap(), longest);
        let longer = u32::try_from(MAX_FRAME + 1).unwrap().to_ne_bytes();
        assert!(matches!(read_frame(&mut longer.as_slice()), Err(FrameError::TooLong)));
        assert!(matches!(read_frame(&mut [0xff; 4].as_slice()), Err(FrameError::TooLong)));
        assert!(write_frame(&mut Vec::new(), &vec![b'x'; MAX_FRAME + 1]).is_err());
    }
}
