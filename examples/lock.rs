//! A lock: a key that only one can create, and that goes by itself when its holder does. The holder keeps it alive by
//! refreshing its TTL, and must stop working once that fails: the time may be over, and the lock another's.
//!
//!     cargo run --example lock -- http://127.0.0.1:2379 /locks/backup

use std::time::Duration;

use etcd2::client::{
    Client, ClientOptions, DeleteOptions, Endpoint, Error, Key, PutOptions, WatchOptions,
};
use tokio::time::{Instant, sleep_until, timeout_at};

/// The key is there: somebody holds the lock.
const EXISTS: i64 = 105;
/// Seconds that a lock outlives a holder who is gone.
const TTL: u64 = 10;

/// Waits until the lock is ours.
async fn acquire(client: &Client, key: &Key, holder: &str) -> Result<(), Error> {
    loop {
        let new = PutOptions {
            prev_exist: Some(false),
            ttl: Some(TTL),
            ..PutOptions::default()
        };
        let index = match client.put(key, holder.as_bytes(), new).await {
            Ok(_) => return Ok(()),
            Err(Error::Api(error)) if error.code == EXISTS => error.index,
            Err(error) => return Err(error),
        };
        // Every change since the refusal is seen: a lock that was let go meanwhile too.
        let after = WatchOptions {
            after_index: Some(index),
            reconnect: true,
            ..WatchOptions::default()
        };
        let mut watcher = client.watch(key.clone(), after);
        while !matches!(
            &*watcher.next().await?.action,
            "delete" | "expire" | "compareAndDelete"
        ) {}
    }
}

/// Gives the lock its whole time again, if it is still ours.
async fn keep(client: &Client, key: &Key, holder: &str) -> Result<(), Error> {
    let ours = PutOptions {
        prev_value: Some(holder.as_bytes().to_vec()),
        ttl: Some(TTL),
        ..PutOptions::default()
    };
    client.put(key, holder.as_bytes(), ours).await.map(|_| ())
}

/// Lets the lock go, if it is still ours.
async fn release(client: &Client, key: &Key, holder: &str) -> Result<(), Error> {
    let ours = DeleteOptions {
        prev_value: Some(holder.as_bytes().to_vec()),
        ..DeleteOptions::default()
    };
    client.delete(key, ours).await.map(|_| ())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let endpoints = words.next().unwrap_or("http://127.0.0.1:2379".to_owned());
    let key = Key::from(&*words.next().unwrap_or("/locks/example".to_owned()));
    let client = Client::new(ClientOptions {
        endpoints: Endpoint::parse_list(&endpoints)?,
        ..ClientOptions::default()
    });
    // Nobody else may go by this name.
    let holder = format!("{}-{:?}", std::process::id(), std::time::SystemTime::now());
    acquire(&client, &key, &holder).await?;
    println!("the lock is ours");
    let end = Instant::now() + Duration::from_secs(60);
    let mut kept = Instant::now();
    while Instant::now() < end {
        // The work stands here, in pieces shorter than the time that is left.
        sleep_until(kept + Duration::from_secs(TTL / 3)).await;
        let asked = Instant::now();
        // Counted from before the request that was answered last: the server counts from later than that.
        timeout_at(
            kept + Duration::from_secs(TTL),
            keep(&client, &key, &holder),
        )
        .await??;
        kept = asked;
    }
    release(&client, &key, &holder).await?;
    println!("done");
    Ok(())
}
