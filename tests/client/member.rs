//! Members, the leader, health and synchronisation, against real servers of both kinds.

use etcd2::client::{Client, ClientOptions, Endpoint, Error, Sync};

use super::support::fake::LIMIT;
use super::support::server::{self, Launch, Server};

async fn start(launch: Launch) -> (Server, Client) {
    let server = tokio::task::spawn_blocking(|| launch.start())
        .await
        .unwrap();
    let client = Client::new(ClientOptions {
        endpoints: vec![Endpoint::parse(&format!("{}/", server.url())).unwrap()],
        header_timeout: Some(LIMIT),
        ..ClientOptions::default()
    });
    (server, client)
}

fn refusal(outcome: Result<(), Error>) -> (u16, String) {
    match outcome {
        Err(Error::Refused { status, message }) => (status, message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_sole_member_is_listed_leads_and_is_healthy() {
    for launch in [server::ours(), server::debian()] {
        let (server, client) = start(launch).await;
        let members = client.members().await.unwrap();
        let [member] = &members[..] else {
            panic!("{members:?}");
        };
        assert_eq!(member.name, "default");
        assert_eq!(member.client_urls, [server.url()]);
        assert_eq!(member.peer_urls, [format!("http://{}", server.peer_addr())]);
        assert!(u64::from_str_radix(&member.id, 16).is_ok_and(|id| id > 0));
        assert_eq!(client.leader().await.unwrap(), *member);
        assert_eq!(client.sync().await.unwrap(), Sync::Replaced);
        let endpoint = Endpoint::parse(&server.url()).unwrap();
        assert!(client.health(&endpoint).await.unwrap());
        assert_eq!(client.endpoints(), [endpoint]);
    }
}

#[tokio::test]
async fn changes_are_refused_in_the_servers_words() {
    for launch in [server::ours(), server::debian()] {
        let (server, client) = start(launch).await;
        let own = [format!("http://{}", server.peer_addr())];
        let taken = client.add_member(&own).await.map(drop);
        assert_eq!(
            refusal(taken),
            (409, "membership: peerURL exists".to_owned())
        );
        let nowhere = client.add_member(&[]).await.map(drop);
        assert_eq!(refusal(nowhere), (400, "no valid URLs given".to_owned()));
        for id in ["1", "a/b?c"] {
            let (status, message) = refusal(client.remove_member(id).await);
            assert_eq!((status, message), (404, format!("No such member: {id}")));
        }
        let somewhere = ["http://127.0.0.1:1".to_owned()];
        let unknown = client.update_member("1", &somewhere).await;
        let (status, message) = refusal(unknown);
        assert_eq!((status, message.as_str()), (404, "No such member: 1"));
        assert_eq!(client.members().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn members_come_change_and_go() {
    let (_server, client) = start(server::debian()).await;
    let at = |port: u16| [format!("http://127.0.0.1:{port}")];
    let own = client.leader().await.unwrap();
    client.update_member(&own.id, &at(7)).await.unwrap();
    assert_eq!(client.leader().await.unwrap().peer_urls, at(7));
    // The last change: with a second member that never starts there is no majority any more.
    let added = client.add_member(&at(9)).await.unwrap();
    assert_eq!(
        (added.name.as_str(), &added.peer_urls[..]),
        ("", &at(9)[..])
    );
    let members = client.members().await.unwrap();
    assert!(members.iter().any(|member| member.id == added.id));
    assert_eq!(members.len(), 2);
}
