//! The command-line client: reads the command line, calls the client library, prints, decides the exit status.

#![forbid(unsafe_code)]

fn main() {
    match etcd2::client::Endpoint::parse("127.0.0.1:2379") {
        Ok(endpoint) => println!("{endpoint}"),
        Err(error) => eprintln!("{error}"),
    }
}
