//! Section 8, as far as single requests show it: history answers and what a watch is refused for.

use super::Case;

pub(super) const CASES: &[Case] = &[
    Case {
        section: "8.1 history",
        steps: &[
            ("PUT /v2/keys/v/a value=1", "201"),
            ("PUT /v2/keys/v/a value=2", "200"),
            ("PUT /v2/keys/v/_h/x value=3", "201"),
            ("PUT /v2/keys/v/a refresh=true&ttl=5000", "200"),
            ("DELETE /v2/keys/v/a", "200"),
            ("PUT /v2/keys/v/d/e/f value=6", "201"),
            ("DELETE /v2/keys/v/d?recursive=true", "200"),
            ("PUT /v2/keys/v/end value=8", "201"),
            (
                "GET /v2/keys/v/a?wait=true&waitIndex=1",
                r#"200 {"action":"set","node":{"key":"/v/a","value":"1","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            (
                "GET /v2/keys/v/a?wait=true&waitIndex=@1",
                r#"200 {"action":"set","node":{"key":"/v/a","value":"1","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            ("GET /v2/keys/v/a/?wait=true&waitIndex=@1", "200"),
            (
                "GET /v2/keys/v/a?wait=true&waitIndex=@2",
                r#"200 {"action":"set","node":{"key":"/v/a","value":"2","modifiedIndex":@2,"createdIndex":@2},"prevNode":{"key":"/v/a","value":"1","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            ("GET /v2/keys/v/a?wait=true&waitIndex=@3", "200"),
            (
                "GET /v2/keys/v/a?wait=true&waitIndex=@4&sorted=true&dir=true&quorum=false",
                "200",
            ),
            (
                "GET /v2/keys/v?wait=true&waitIndex=@3&recursive=true",
                r#"200 {"action":"set","node":{"key":"/v/_h/x","value":"3","modifiedIndex":@3,"createdIndex":@3}}"#,
            ),
            ("GET /v2/keys?wait=true&waitIndex=@3&recursive=true", "200"),
            (
                "GET /v2/keys/v/d/e?wait=true&waitIndex=@7",
                r#"200 {"action":"delete","node":{"key":"/v/d","dir":true,"modifiedIndex":@7,"createdIndex":@6},"prevNode":{"key":"/v/d","dir":true,"modifiedIndex":@6,"createdIndex":@6}}"#,
            ),
            (
                "GET /v2/keys/v/d/e/f?wait=true&recursive=true&waitIndex=@7",
                "200",
            ),
            ("GET /v2/keys/v/d/never?wait=true&waitIndex=@7", "200"),
            (
                "GET /v2/keys/v/end?wait=true&waitIndex=@8&noValueOnSuccess=true",
                "200",
            ),
        ],
    },
    Case {
        section: "1.5 quorum beats wait",
        steps: &[
            ("GET /v2/keys/v/end?wait=true&quorum=true", "200"),
            ("GET /v2/keys/v/none?wait=true&quorum=true", "404"),
            (
                "GET /v2/keys/v?wait=true&quorum=true&recursive=true&stream=true",
                "200",
            ),
            ("GET /v2/keys/v/end?stream=true", "200"),
            (
                "GET /v2/keys/v/end?wait=false&stream=true&waitIndex=3",
                "200",
            ),
            ("HEAD /v2/keys/v/end?quorum=true", "200"),
            ("HEAD /v2/keys/v/end?wait=true&quorum=true", "400"),
            ("GET /v2/keys/v?wait=true&stream=maybe", "400"),
        ],
    },
];
