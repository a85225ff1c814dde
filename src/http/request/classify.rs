//! Which operation a valid request asks for (keys-api 1.5).

use storage::operation::{Condition, Content, Operation, Write, WriteMode};
use storage::path::KeyPath;

use super::params::Params;
use crate::command::Ttl;
use crate::service::{Consistency, WatchRequest};

/// What a GET is.
#[derive(Debug)]
pub(crate) enum Get {
    Read(Consistency),
    Watch(WatchRequest),
}

/// `POST`: a child in order. Conditions are ignored, and so is `refresh`.
pub(crate) fn post(path: KeyPath, params: &Params) -> Operation<Ttl> {
    write(path, WriteMode::CreateInOrder, params)
}

/// `PUT`: create, update, compare-and-swap or set, decided by `prevExist` and the conditions.
pub(crate) fn put(path: KeyPath, params: &Params) -> Operation<Ttl> {
    let mode = match (params.prev_exist, condition(params)) {
        (Some(false), _) => WriteMode::Create,
        (_, Some(condition)) => WriteMode::CompareAndSwap(condition),
        (Some(true), None) => WriteMode::Update,
        (None, None) => WriteMode::Set,
    };
    write(path, mode, params)
}

/// With `dir` the value does not count, where the mode knows directories. What creates a node refreshes nothing.
fn write(path: KeyPath, mode: WriteMode, params: &Params) -> Operation<Ttl> {
    let refresh = params.refresh && mode.can_refresh();
    let content = if params.dir && mode.creates() {
        Content::Directory
    } else {
        Content::File(params.value.clone())
    };
    Operation::Write(Write {
        path,
        mode,
        content,
        lifetime: params.ttl,
        refresh,
    })
}

/// `DELETE`: compare-and-delete, which ignores the flags, or delete, where `recursive` implies `dir`.
pub(crate) fn delete(path: KeyPath, params: &Params) -> Operation<Ttl> {
    match condition(params) {
        Some(condition) => Operation::CompareAndDelete { path, condition },
        None => Operation::Delete {
            path,
            dir: params.dir || params.recursive,
            recursive: params.recursive,
        },
    }
}

/// `GET`: `quorum` beats `wait`.
pub(crate) fn get(path: &KeyPath, params: &Params) -> Get {
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
/// original send it without meaning it (design 10).
pub(crate) fn consistency(params: &Params) -> Consistency {
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
        match put_of(query).mode {
            WriteMode::Set => "set",
            WriteMode::Create => "create",
            WriteMode::Update => "update",
            WriteMode::CompareAndSwap(_) => "swap",
            other => panic!("{other:?}"),
        }
    }

    fn put_of(query: &str) -> Write<Ttl> {
        written(put(path(), &params(query)))
    }

    fn written(operation: Operation<Ttl>) -> Write<Ttl> {
        match operation {
            Operation::Write(write) => write,
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
        let set = put_of("dir=true&value=x&ttl=3");
        assert_eq!(set.lifetime, Ttl::new(3));
        assert_eq!((set.content, set.refresh), (Content::Directory, false));
        let update = put_of("prevExist=true&dir=true&value=x");
        assert_eq!(update.content, Content::File(Bytes::from("x")));
        let post = written(post(path(), &params("dir=1&prevExist=true&prevIndex=7")));
        assert_eq!(post.mode, WriteMode::CreateInOrder);
        assert_eq!(post.content, Content::Directory);
    }

    #[test]
    fn conditions_and_refresh_are_carried() {
        let write = put_of("prevValue=old&prevIndex=9&refresh=true&ttl=5");
        let expected = Condition {
            value: Some(Bytes::from("old")),
            index: 9,
        };
        assert_eq!(write.mode, WriteMode::CompareAndSwap(expected));
        assert!(write.refresh);
        assert!(!put_of("prevExist=false&refresh=true&ttl=5").refresh);
    }

    #[test]
    fn delete_is_conditional_or_not() {
        let of = |query: &str| delete(path(), &params(query));
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
