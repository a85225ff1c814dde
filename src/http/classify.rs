//! Which operation a valid request asks for (keys-api 1.5).

use storage::operation::{Condition, Content, Operation};
use storage::path::KeyPath;

use super::params::Params;
use crate::service::{Consistency, WatchRequest, Write};

/// What a GET is.
#[derive(Debug)]
pub(super) enum Get {
    Read(Consistency),
    Watch(WatchRequest),
}

/// `POST`: a child in order. Conditions are ignored, and so is `refresh`.
pub(super) fn post(path: KeyPath, params: &Params) -> Write {
    let operation = Operation::CreateInOrder {
        parent: path,
        content: content(params),
        lifetime: None,
    };
    Write {
        operation,
        ttl: params.ttl,
    }
}

/// `PUT`: create, update, compare-and-swap or set, decided by `prevExist` and the conditions.
pub(super) fn put(path: KeyPath, params: &Params) -> Write {
    let condition = condition(params);
    let refresh = params.refresh;
    let operation = match (params.prev_exist, condition) {
        (Some(false), _) => Operation::Create {
            path,
            content: content(params),
            lifetime: None,
        },
        (_, Some(condition)) => {
            let value = params.value.clone();
            Operation::CompareAndSwap {
                path,
                condition,
                value,
                lifetime: None,
                refresh,
            }
        }
        (Some(true), None) => Operation::Update {
            path,
            value: params.value.clone(),
            lifetime: None,
            refresh,
        },
        (None, None) => Operation::Set {
            path,
            content: content(params),
            lifetime: None,
            refresh,
        },
    };
    Write {
        operation,
        ttl: params.ttl,
    }
}

/// `DELETE`: compare-and-delete, which ignores the flags, or delete, where `recursive` implies `dir`.
pub(super) fn delete(path: KeyPath, params: &Params) -> Write {
    let operation = match condition(params) {
        Some(condition) => Operation::CompareAndDelete { path, condition },
        None => Operation::Delete {
            path,
            dir: params.dir || params.recursive,
            recursive: params.recursive,
        },
    };
    Write {
        operation,
        ttl: None,
    }
}

/// `GET`: `quorum` beats `wait`.
pub(super) fn get(path: &KeyPath, params: &Params) -> Get {
    if params.wait && !params.quorum {
        return Get::Watch(WatchRequest {
            path: path.clone(),
            recursive: params.recursive,
            from: params.wait_index,
            stream: params.stream,
        });
    }
    Get::Read(consistency(params))
}

/// `quorum` beats `local`: who asks for both gets the stronger. `quorum=false` is not `local`, since clients of the
/// original send it without meaning it (design: reads).
pub(super) fn consistency(params: &Params) -> Consistency {
    match (params.quorum, params.local) {
        (true, _) => Consistency::Linearizable,
        (false, true) => Consistency::Local,
        (false, false) => Consistency::Default,
    }
}

fn condition(params: &Params) -> Option<Condition> {
    let given = params.compare || params.prev_value.is_some() || params.prev_index > 0;
    given.then(|| Condition {
        value: params.prev_value.clone(),
        index: params.prev_index,
    })
}

/// With `dir` the value does not count.
fn content(params: &Params) -> Content {
    if params.dir {
        Content::Directory
    } else {
        Content::File(params.value.clone())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::Method;

    use super::*;

    fn params(query: &str) -> Params {
        Params::parse(&Method::GET, None, Some(query), 1000).unwrap()
    }

    fn path() -> KeyPath {
        KeyPath::new("/a").unwrap()
    }

    fn put_kind(query: &str) -> &'static str {
        match put(path(), &params(query)).operation {
            Operation::Set { .. } => "set",
            Operation::Create { .. } => "create",
            Operation::Update { .. } => "update",
            Operation::CompareAndSwap { .. } => "swap",
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn put_is_decided_as_in_the_table() {
        for (query, kind) in [
            ("value=x", "set"),
            ("prevIndex=0", "set"),
            ("prevExist=false", "create"),
            ("prevExist=false&prevValue=x&prevIndex=3", "create"),
            ("prevExist=true", "update"),
            ("prevExist=true&prevIndex=0", "update"),
            ("prevExist=true&prevValue=x", "swap"),
            ("prevExist=true&prevIndex=1", "swap"),
            ("prevValue=x", "swap"),
            ("prevIndex=1", "swap"),
        ] {
            assert_eq!(put_kind(query), kind, "{query}");
        }
    }

    #[test]
    fn a_directory_drops_the_value_where_the_operation_knows_directories() {
        let set = put(path(), &params("dir=true&value=x&ttl=3"));
        assert_eq!(set.ttl, Some(3));
        assert!(matches!(
            set.operation,
            Operation::Set {
                content: Content::Directory,
                refresh: false,
                ..
            }
        ));
        let update = put(path(), &params("prevExist=true&dir=true&value=x")).operation;
        assert!(matches!(update, Operation::Update { value, .. } if value == "x"));
        let post = post(path(), &params("dir=1&prevExist=true&prevIndex=7")).operation;
        assert!(matches!(
            post,
            Operation::CreateInOrder {
                content: Content::Directory,
                ..
            }
        ));
    }

    #[test]
    fn conditions_and_refresh_are_carried() {
        let write = put(
            path(),
            &params("prevValue=old&prevIndex=9&refresh=true&ttl=5"),
        )
        .operation;
        let expected = Condition {
            value: Some(Bytes::from("old")),
            index: 9,
        };
        assert!(
            matches!(&write, Operation::CompareAndSwap { condition, refresh: true, .. } if *condition == expected)
        );
    }

    #[test]
    fn delete_is_conditional_or_not() {
        let of = |query: &str| delete(path(), &params(query)).operation;
        assert!(matches!(
            of("prevIndex=0&prevExist=true"),
            Operation::Delete {
                dir: false,
                recursive: false,
                ..
            }
        ));
        assert!(matches!(
            of("recursive=true"),
            Operation::Delete {
                dir: true,
                recursive: true,
                ..
            }
        ));
        assert!(matches!(
            of("dir=true"),
            Operation::Delete {
                dir: true,
                recursive: false,
                ..
            }
        ));
        assert!(matches!(
            of("prevValue=x&recursive=true"),
            Operation::CompareAndDelete { .. }
        ));
    }

    #[test]
    fn quorum_beats_wait_and_local() {
        let of = |query: &str| get(&path(), &params(query));
        assert!(matches!(
            of("wait=true&quorum=true"),
            Get::Read(Consistency::Linearizable)
        ));
        assert!(matches!(
            of("local=true&quorum=true"),
            Get::Read(Consistency::Linearizable)
        ));
        assert!(matches!(of("local=true"), Get::Read(Consistency::Local)));
        assert!(matches!(
            of("quorum=false"),
            Get::Read(Consistency::Default)
        ));
        let watch = of("wait=true&quorum=false&recursive=true&waitIndex=4&stream=true");
        assert!(
            matches!(
                watch,
                Get::Watch(WatchRequest {
                    recursive: true,
                    from: 4,
                    stream: true,
                    ..
                })
            ),
            "{watch:?}"
        );
    }
}
