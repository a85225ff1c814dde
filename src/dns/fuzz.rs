//! Answers of DNS servers under mutated bytes. They come from the network, over UDP from anybody.

use domain::base::{Message, MessageBuilder, Name};
use domain::rdata::{Cname, Srv};
use fuzz::Campaign;

use super::answer;

type Owned = Name<Vec<u8>>;

/// An answer with an alias and two records, names compressed by hand of the builder or not.
fn message() -> Option<Vec<u8>> {
    let name = |text: &str| text.parse::<Owned>().ok();
    let (asked, owner) = (name("_etcd-client._tcp.a.test")?, name("alias.test")?);
    let mut question = MessageBuilder::new_vec().question();
    question
        .push((&asked, domain::base::iana::Rtype::SRV))
        .ok()?;
    let mut answer = question.answer();
    answer.push((&asked, 60, Cname::new(owner.clone()))).ok()?;
    for (priority, host) in [(1, "n1.test"), (2, "n2.test")] {
        answer
            .push((&owner, 60, Srv::new(priority, 10, 2379, name(host)?)))
            .ok()?;
    }
    Some(answer.finish())
}

#[test]
fn answers_of_name_servers() {
    let valid = message().expect("a message is built");
    Campaign::new("srv answer")
        .corpus([valid])
        // Pointers of names, to the front, to themselves and past the end; record types and classes.
        .words(&[
            b"\xc0\x0c",
            b"\xc0\x00",
            b"\xff\xff",
            b"\x00\x21\x00\x01",
            b"\x00\x05\x00\x01",
            b"\x3f",
        ])
        .memory(64 << 10, 256)
        .run(|bytes| {
            let Ok(message) = Message::from_octets(bytes.to_vec()) else {
                return false;
            };
            matches!(answer::records(&message), Ok(Some(_)))
        });
}
