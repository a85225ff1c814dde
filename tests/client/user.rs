//! Users, roles and authentication against Debian's etcd.

use etcd2::client::{
    AuthRole, AuthUser, Client, ClientOptions, Credentials, Endpoint, Error, GetOptions, Key,
    Permission, PutOptions, RightsChange,
};

use super::support::fake::LIMIT;
use super::support::server::{self, Server};

async fn start() -> Server {
    let start = || server::debian().start();
    tokio::task::spawn_blocking(start).await.unwrap()
}

fn client_as(server: &Server, user: Option<(&str, &str)>) -> Client {
    Client::new(ClientOptions {
        endpoints: vec![Endpoint::parse(&server.url()).unwrap()],
        header_timeout: Some(LIMIT),
        credentials: user.map(|(user, password)| Credentials {
            user: user.to_owned(),
            password: password.to_owned(),
        }),
        ..ClientOptions::default()
    })
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn on(read: &[&str], write: &[&str]) -> Permission {
    Permission {
        read: Some(names(read)),
        write: Some(names(write)),
    }
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (u16, String) {
    match outcome {
        Err(Error::Refused { status, message }) => (status, message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn users_and_roles_are_made_changed_and_removed() {
    let server = start().await;
    let client = client_as(&server, None);
    assert_eq!(client.users().await.unwrap(), names(&[]));
    client.put_user("al", "secret").await.unwrap();
    client.put_user("b c?", "p").await.unwrap();
    client.put_user("al", "other").await.unwrap();
    let mut users = client.users().await.unwrap();
    users.sort();
    assert_eq!(users, ["al", "b c?"]);

    client.add_role("reader").await.unwrap();
    client.add_role("writer").await.unwrap();
    let mut roles = client.roles().await.unwrap();
    roles.sort();
    assert!(roles.contains(&"reader".to_owned()) && roles.contains(&"writer".to_owned()));
    let grant = on(&["/r/*"], &["/r/k"]);
    client
        .change_role("reader", RightsChange::Grant, &grant)
        .await
        .unwrap();
    let reader = AuthRole {
        role: "reader".to_owned(),
        permission: grant,
    };
    assert_eq!(client.role("reader").await.unwrap(), reader);
    let revoke = on(&[], &["/r/k"]);
    client
        .change_role("reader", RightsChange::Revoke, &revoke)
        .await
        .unwrap();
    let left = client.role("reader").await.unwrap().permission;
    assert_eq!(left.read, Some(names(&["/r/*"])));
    assert_eq!(left.write.unwrap_or_default(), names(&[]));

    let both = names(&["reader", "writer"]);
    client
        .change_user("al", RightsChange::Grant, &both)
        .await
        .unwrap();
    let user = |roles: &[&str]| AuthUser {
        user: "al".to_owned(),
        roles: names(roles),
    };
    assert_eq!(
        client.user("al").await.unwrap(),
        user(&["reader", "writer"])
    );
    client
        .change_user("al", RightsChange::Revoke, &both[1..])
        .await
        .unwrap();
    assert_eq!(client.user("al").await.unwrap(), user(&["reader"]));

    client.remove_role("writer").await.unwrap();
    client.remove_user("b c?").await.unwrap();
    assert_eq!(client.users().await.unwrap(), ["al"]);
    for (name, (status, message)) in [
        ("nobody", refusal(client.user("nobody").await)),
        ("nobody", refusal(client.remove_user("nobody").await)),
        ("none", refusal(client.role("none").await)),
        ("none", refusal(client.remove_role("none").await)),
    ] {
        assert!((400..500).contains(&status), "{status}");
        let words = [
            format!("{name} does not exist"),
            format!("{name} doesn't exist"),
        ];
        assert!(
            words.iter().any(|words| message.contains(words)),
            "{message}"
        );
    }
}

#[tokio::test]
async fn authentication_counts_for_every_call() {
    let server = start().await;
    let anyone = client_as(&server, None);
    assert_eq!(
        refusal(anyone.set_auth(true).await),
        (
            409,
            "auth: No root user available, please create one".to_owned()
        )
    );
    anyone.put_user("root", "secret").await.unwrap();
    anyone.put_user("al", "pass word").await.unwrap();
    anyone.add_role("keeper").await.unwrap();
    anyone
        .change_role(
            "keeper",
            RightsChange::Grant,
            &on(&["/kept/*"], &["/kept/*"]),
        )
        .await
        .unwrap();
    anyone
        .change_user("al", RightsChange::Grant, &names(&["keeper"]))
        .await
        .unwrap();
    let root = client_as(&server, Some(("root", "secret")));
    root.set_auth(true).await.unwrap();
    root.change_role("guest", RightsChange::Revoke, &on(&["/*"], &["/*"]))
        .await
        .unwrap();

    let (kept, other) = (Key::from("/kept/k"), Key::from("/other"));
    let al = client_as(&server, Some(("al", "pass word")));
    let put = async |client: &Client, key: &Key| client.put(key, b"v", PutOptions::default()).await;
    put(&root, &other).await.unwrap();
    put(&al, &kept).await.unwrap();
    assert_eq!(
        al.get(&kept, GetOptions::default())
            .await
            .unwrap()
            .node
            .value,
        "v"
    );
    for outcome in [
        put(&al, &other).await,
        put(&anyone, &kept).await,
        put(&client_as(&server, Some(("al", "wrong"))), &kept).await,
        anyone.get(&kept, GetOptions::default()).await,
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(
            error.to_string(),
            "110: The request requires user authentication (Insufficient credentials) [0]"
        );
        let Error::Api(error) = error else {
            panic!("{error:?}");
        };
        assert_eq!(error.status, 401);
    }
    assert_eq!(refusal(al.users().await).0, 401);
    assert_eq!(refusal(anyone.set_auth(false).await).0, 401);
    root.set_auth(false).await.unwrap();
    put(&anyone, &other).await.unwrap();
}
