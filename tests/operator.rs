//! What a person at a terminal meets: colours, questions for passwords, hints, TLS and its mistakes, users, discovery by DNS,
//! proxies, imports, exit statuses. The built `etcdctl` runs as a process, on a pseudo-terminal where it matters, against
//! servers of this repository and Debian's, and against peers that the test plays itself.

#[path = "operator/bound.rs"]
mod bound;
#[path = "operator/color.rs"]
mod color;
#[path = "operator/discovery.rs"]
mod discovery;
#[path = "operator/hint.rs"]
mod hint;
#[path = "operator/import.rs"]
mod import;
#[path = "operator/page.rs"]
mod page;
#[path = "operator/password.rs"]
mod password;
#[path = "operator/proxy.rs"]
mod proxy;
#[path = "operator/run.rs"]
mod run;
#[path = "operator/status.rs"]
mod status;
mod support;
#[path = "operator/terminal.rs"]
mod terminal;
#[path = "operator/tls.rs"]
mod tls;
#[path = "operator/tree.rs"]
mod tree;
#[path = "operator/user.rs"]
mod user;
#[path = "operator/value.rs"]
mod value;
#[path = "operator/visible.rs"]
mod visible;
