//! The decoder of log entries under mutated bytes. What decodes is applied by every member alike, so what the
//! encoder makes of it decodes to the same operation.

use bytes::Bytes;
use fuzz::Campaign;
use storage::operation::Operation;

use super::tests::{all_kinds, entry, stamped};
use super::{Change, Command, Proposal, Stamp, Ttl};

#[test]
fn entries_of_the_log() {
    let mut kinds = all_kinds();
    for operation in all_kinds() {
        if let Operation::Write(mut write) = operation {
            write.lifetime = Ttl::new(60);
            kinds.push(Operation::Write(write));
        }
    }
    let urls = || vec!["http://10.0.0.4:2380".to_owned()];
    let changes = [
        Change::Add {
            id: 4,
            peer_urls: urls(),
        },
        Change::Promote { id: 4 },
        Change::Remove { id: 1 },
        Change::Move {
            id: 1,
            peer_urls: urls(),
        },
    ];
    let changes = changes.map(|change| Proposal::of_change(&change).stamp(&Stamp::default()));
    Campaign::new("command")
        .corpus(kinds.iter().map(|operation| entry(operation).to_vec()))
        .corpus(changes)
        .words(&[&[0; 8], &[0xff; 9], b"\x0a", b"/"])
        // An operation of two bytes on the wire is a whole one in memory, and one of the message before it.
        .memory(64 << 10, 512)
        .run(|bytes| {
            let stamp = Stamp::decode(bytes);
            let Ok(command) = Command::decode(Bytes::copy_from_slice(bytes), 0) else {
                return false;
            };
            assert_eq!(stamp, Ok(command.stamp));
            if let Some(change) = command.change {
                let again = Proposal::of_change(&change).change();
                assert_eq!(again, Some(change));
            }
            for operation in command.operations {
                // Without the TTL, which is a deadline now.
                let plain: Operation<Ttl> = operation.with_lifetime(|_| None);
                let again = Command::decode(entry(&plain), 0).expect("what was written is read");
                assert_eq!(again.operations, [stamped(plain)]);
            }
            true
        });
}
