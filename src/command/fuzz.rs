//! The decoder of log entries under mutated bytes. What decodes is applied by every member alike, so what the
//! encoder makes of it decodes to the same operation.

use bytes::Bytes;
use fuzz::Campaign;
use storage::operation::Operation;

use super::tests::{all_kinds, entry, stamped, with_end};
use super::{Command, Stamp, Ttl};

#[test]
fn entries_of_the_log() {
    let mut kinds = all_kinds();
    for operation in all_kinds() {
        if let Operation::Write(mut write) = operation {
            write.lifetime = Ttl::new(60);
            kinds.push(Operation::Write(write));
        }
    }
    Campaign::new("command")
        .corpus(kinds.iter().map(|operation| entry(operation).to_vec()))
        .words(&[&[0; 8], &[0xff; 9], b"\x0a", b"/"])
        // An operation of two bytes on the wire is a whole one in memory, and one of the message before it.
        .memory(64 << 10, 512)
        .run(|bytes| {
            let stamp = Stamp::decode(bytes);
            let Ok(command) = Command::decode(Bytes::copy_from_slice(bytes), 0) else {
                return false;
            };
            assert_eq!(stamp, Ok(command.stamp));
            for operation in command.operations {
                // Without the TTL, which is a deadline now.
                let plain: Operation<Ttl> = with_end(operation, |_| None);
                let again = Command::decode(entry(&plain), 0).expect("what was written is read");
                assert_eq!(again.operations, [stamped(plain)]);
            }
            true
        });
}
