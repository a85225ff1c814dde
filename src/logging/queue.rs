//! Between those who log and whatever reads the log: a bounded queue and a thread that writes.
//!
//! A reader may stall for ever: a pipe nobody reads, a terminal that was stopped, a file on a disk that hangs. Nobody who
//! serves may wait for it. So a line is put into the queue and that is all; only the writing thread waits. Lines that find
//! the queue full are counted, and the place where they are missing gets a line that says how many.
//!
//! As long as the reader keeps up, whoever logs waits for his line to be written: what a process said before it was killed,
//! or before it answered, can be read. That is for [`PATIENCE`] at most, for all who log together, until the queue is empty
//! again.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that may wait.
const BYTES: usize = 4 << 20;
/// For how long the reader is waited for.
const PATIENCE: Duration = Duration::from_millis(100);
/// Bytes that are written at a time.
const CHUNK: usize = 64 << 10;
/// Pause where the reader takes nothing just now and does not say when (a pipe that does not block).
const PAUSE: Duration = Duration::from_millis(20);

/// Makes the line that stands for so many lost ones.
pub(super) type LostLine = fn(u64) -> String;

/// One output of the log.
pub(super) struct Queue {
    state: Mutex<QueueState>,
    /// Lines, or the wish that the thread looks again.
    filled: Condvar,
    /// Room in the queue, or its end.
    emptied: Condvar,
}

#[derive(Default)]
struct QueueState {
    entries: VecDeque<QueuedLine>,
    bytes: usize,
    /// Whether the thread has taken something that is not written yet.
    writing: bool,
    /// Since when something has waited to be written.
    behind_since: Option<Instant>,
    /// Lines that were put into the queue, and those of them that are written.
    pushed: u64,
    written: u64,
    /// The process ends: whatever comes now is taken.
    last: bool,
}

enum QueuedLine {
    Line(Vec<u8>),
    /// So many lines were lost here.
    Lost(u64),
}

impl Queue {
    /// Starts the thread that writes to `output`.
    ///
    /// # Errors
    /// There is no thread.
    pub(super) fn start(
        output: impl Write + Send + 'static,
        lost: LostLine,
    ) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Self {
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
        });
        let own = Arc::clone(&queue);
        thread::Builder::new()
            .name("log-lines".to_owned())
            .spawn(move || own.write_on(output, lost))?;
        Ok(queue)
    }

    /// Takes a line; waits within the bounds of the module's head.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.wait_while(self.lock(), |state| !state.has_room(line.len()));
        if !state.has_room(line.len()) {
            return state.lose();
        }
        state.bytes += line.len();
        state.entries.push_back(QueuedLine::Line(line.to_vec()));
        state.behind_since.get_or_insert_with(Instant::now);
        state.pushed += 1;
        let own = state.pushed;
        self.filled.notify_one();
        drop(self.wait_while(state, |state| state.written < own));
    }

    /// Waits while `unmet`, and the reader is not too far behind.
    fn wait_while<'a>(
        &self,
        mut state: MutexGuard<'a, QueueState>,
        unmet: impl Fn(&QueueState) -> bool,
    ) -> MutexGuard<'a, QueueState> {
        while unmet(&state) {
            let behind = state
                .behind_since
                .map_or(Duration::ZERO, |since| since.elapsed());
            let Some(left) = PATIENCE.checked_sub(behind) else {
                break;
            };
            let waited = self.emptied.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    /// The process ends: what is logged from now on is kept, whatever waits before it.
    pub(super) fn expect_the_end(&self) {
        self.lock().last = true;
    }

    /// Waits until everything is written. False if it was not by `deadline`.
    pub(super) fn drain(&self, deadline: Instant) -> bool {
        let mut state = self.lock();
        while state.writing || !state.entries.is_empty() {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return false;
            };
            let waited = self.emptied.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// The thread's body. Ends with the process.
    fn write_on(&self, mut output: impl Write, lost: LostLine) {
        loop {
            let (chunk, lines) = self.take(lost);
            write_all(&mut output, &chunk);
            let mut state = self.lock();
            state.writing = false;
            state.written += lines;
            if state.entries.is_empty() {
                state.behind_since = None;
            }
            drop(state);
            self.emptied.notify_all();
        }
    }

    /// The next lines, as many as are written at a time, and their number.
    fn take(&self, lost: LostLine) -> (Vec<u8>, u64) {
        let mut state = self.lock();
        while state.entries.is_empty() {
            let waited = self.filled.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.writing = true;
        let (mut chunk, mut lines) = (Vec::new(), 0);
        while chunk.len() < CHUNK {
            match state.entries.pop_front() {
                Some(QueuedLine::Line(line)) => {
                    state.bytes -= line.len();
                    chunk.extend_from_slice(&line);
                    lines += 1;
                }
                Some(QueuedLine::Lost(count)) => chunk.extend_from_slice(lost(count).as_bytes()),
                None => break,
            }
        }
        drop(state);
        self.emptied.notify_all();
        (chunk, lines)
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // Whole after every statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    fn has_room(&self, bytes: usize) -> bool {
        // A line longer than all of the queue is taken by an empty one.
        self.last || self.entries.is_empty() || self.bytes + bytes <= BYTES
    }

    fn lose(&mut self) {
        match self.entries.back_mut() {
            Some(QueuedLine::Lost(count)) => *count += 1,
            _ => self.entries.push_back(QueuedLine::Lost(1)),
        }
    }
}

/// There is nobody to tell of a log that cannot be written: its reader is gone, or its disk is full.
fn write_all(output: &mut impl Write, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return,
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn lost(count: u64) -> String {
        format!("lost {count}\n")
    }

    fn read_all(reader: UnixStream) -> thread::JoinHandle<String> {
        thread::spawn(move || io::read_to_string(reader).expect("text"))
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_burst_beyond_the_queue_loses_nothing_while_somebody_reads() {
        let (writer, reader) = UnixStream::pair().expect("a pair");
        let end = writer.try_clone().expect("a copy");
        let queue = Queue::start(writer, lost).expect("a thread");
        let text = read_all(reader);
        let lines = 20_000;
        for number in 0..lines {
            queue.push(format!("{number} {}\n", "x".repeat(100)).as_bytes());
        }
        assert!(queue.drain(soon()));
        end.shutdown(std::net::Shutdown::Both).expect("closed");
        let text = text.join().expect("read");
        let numbers = text.lines().map(|line| line.split(' ').next());
        assert!(
            numbers.eq((0..lines)
                .map(|number| number.to_string())
                .collect::<Vec<_>>()
                .iter()
                .map(|text| Some(text.as_str())))
        );
    }

    #[test]
    fn nobody_waits_for_a_reader_that_stalls_and_what_is_lost_is_told_in_its_place() {
        let (writer, reader) = UnixStream::pair().expect("a pair");
        let end = writer.try_clone().expect("a copy");
        let queue = Queue::start(writer, lost).expect("a thread");
        let line = format!("{}\n", "x".repeat(999));
        let lines = 8 * BYTES as u64 / 1_000;
        for _ in 0..lines {
            queue.push(line.as_bytes());
        }
        assert!(!queue.drain(Instant::now()), "nobody reads");
        queue.expect_the_end();
        queue.push(b"last\n");
        let text = read_all(reader);
        assert!(queue.drain(soon()));
        end.shutdown(std::net::Shutdown::Both).expect("closed");
        let text = text.join().expect("read");
        let whole = text.lines().filter(|line| line.len() == 999).count() as u64;
        let tail: Vec<&str> = text.lines().skip_while(|line| line.len() == 999).collect();
        assert_eq!(tail, [format!("lost {}", lines - whole).as_str(), "last"]);
        assert!(whole >= BYTES as u64 / 1_000, "{whole}");
    }

    #[test]
    fn a_reader_that_is_gone_stops_nobody() {
        let (writer, reader) = UnixStream::pair().expect("a pair");
        drop(reader);
        let queue = Queue::start(writer, lost).expect("a thread");
        for _ in 0..100 {
            queue.push(&[b'x'; 100_000]);
        }
        assert!(queue.drain(soon()));
    }
}
