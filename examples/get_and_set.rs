//! Reads a value, changes it, and writes it back only if nobody else was faster: compare-and-swap in a loop.
//!
//!     cargo run --example get_and_set -- http://127.0.0.1:2379 /counter

use etcd2::client::{Client, ClientOptions, Endpoint, Error, GetOptions, Key, PutOptions};

/// The key is there already, or another value is: somebody was faster.
const EXISTS: i64 = 105;
const COMPARE_FAILED: i64 = 101;
const NOT_FOUND: i64 = 100;

/// Counts one up; the new value.
async fn count(client: &Client, key: &Key) -> Result<u64, Box<dyn std::error::Error>> {
    loop {
        let (next, condition) = match client.get(key, GetOptions::default()).await {
            Ok(found) => {
                let number: u64 = found.node.value.parse()?;
                let unchanged = PutOptions {
                    // The index and not the value: a value may come back.
                    prev_index: Some(found.node.modified_index),
                    ..PutOptions::default()
                };
                (number + 1, unchanged)
            }
            Err(error) if error.api_code() == Some(NOT_FOUND) => {
                let new = PutOptions {
                    prev_exist: Some(false),
                    ..PutOptions::default()
                };
                (1, new)
            }
            Err(error) => return Err(error.into()),
        };
        match client
            .put(key, next.to_string().as_bytes(), condition)
            .await
        {
            Ok(_) => return Ok(next),
            Err(error) if was_slower(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn was_slower(error: &Error) -> bool {
    matches!(error.api_code(), Some(EXISTS | COMPARE_FAILED | NOT_FOUND))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let endpoints = words.next().unwrap_or("http://127.0.0.1:2379".to_owned());
    let key = words.next().unwrap_or("/counter".to_owned());
    let client = Client::new(ClientOptions {
        // Several, with commas between them: the client asks the next one when the first does not answer.
        endpoints: Endpoint::parse_list(&endpoints)?,
        ..ClientOptions::default()
    });
    println!("{}", count(&client, &Key::from(&*key)).await?);
    Ok(())
}
