//! Follows a directory for ever: each change once and in order, whatever happens to connections and servers. When history
//! no longer reaches back to where it stood, it reads the whole directory and goes on from there.
//!
//!     cargo run --example watch -- http://127.0.0.1:2379 /services

use etcd2::client::{
    Client, ClientOptions, Endpoint, Error, GetOptions, Key, KeyEvent, KeyNode, WatchOptions,
};

/// What was missed is gone from the server's history.
const HISTORY_GONE: i64 = 401;
const NOT_FOUND: i64 = 100;

/// Prints the directory as it is; the index at which it was so.
async fn list(client: &Client, key: &Key) -> Result<u64, Error> {
    let recursive = GetOptions {
        recursive: true,
        ..GetOptions::default()
    };
    match client.get(key, recursive).await {
        Ok(found) => {
            show(&found.node);
            Ok(found.etcd_index)
        }
        // It may come to be later. The answer says how far history was then.
        Err(Error::Api(error)) if error.code == NOT_FOUND => Ok(error.index),
        Err(error) => Err(error),
    }
}

fn show(node: &KeyNode) {
    if !node.dir {
        println!("{} = {}", node.key, node.value);
    }
    for child in node.nodes.iter() {
        show(child);
    }
}

fn tell(event: &KeyEvent) {
    println!("{} {} {}", event.action, event.node.key, event.node.value);
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let endpoints = words.next().unwrap_or("http://127.0.0.1:2379".to_owned());
    let key = Key::from(&*words.next().unwrap_or("/".to_owned()));
    let client = Client::new(ClientOptions {
        endpoints: Endpoint::parse_list(&endpoints)?,
        ..ClientOptions::default()
    });
    loop {
        // First the state, then every change after it: nothing falls between the two.
        let index = list(&client, &key).await?;
        let mut watcher = client.watch(
            key.clone(),
            WatchOptions {
                recursive: true,
                after_index: Some(index),
                reconnect: true,
            },
        );
        loop {
            match watcher.next().await {
                Ok(event) => tell(&event),
                Err(error) if error.api_code() == Some(HISTORY_GONE) => break,
                // The data was replaced by another: what we know of it means nothing.
                Err(Error::WentBack { .. } | Error::OtherCluster { .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
}
