//! Sections 3, 5, 6 and 7: every cell of the decision table, compare failures, indexes, times to live.

use super::Case;

pub(super) const CASES: &[Case] = &[
    Case {
        section: "3.2 errors of reads and paths",
        steps: &[
            ("GET /v2/keys/zz/yy/xx", "!100 @0 /zz"),
            ("PUT /v2/keys/err/f value=1", "201"),
            ("GET /v2/keys/err/f/below", "!104 @1 /err/f"),
            ("GET /v2/keys/err/f/below/more", "!104 @1 /err/f"),
            ("PUT /v2/keys/err/f/below value=1", "!104 @1 /err/f"),
            ("POST /v2/keys/err/f value=1", "!104 @1 /err/f"),
            ("DELETE /v2/keys/err/f/below", "!104 @1 /err/f"),
            ("DELETE /v2/keys/err/none", "!100 @1 /err/none"),
            (
                "DELETE /v2/keys/err/none/deeper?recursive=true",
                "!100 @1 /err/none",
            ),
            (
                "PUT /v2/keys/err/none prevExist=true&value=1",
                "!100 @1 /err/none",
            ),
            (
                "PUT /v2/keys/err/none prevValue=1&value=1",
                "!100 @1 /err/none",
            ),
            (
                "PUT /v2/keys/err/none refresh=true&ttl=5000",
                "!100 @1 /err/none",
            ),
            ("DELETE /v2/keys/err?dir=true", "!108 @1 /err"),
            ("DELETE /v2/keys/err", "!102 @1 /err"),
        ],
    },
    Case {
        section: "3.3 compare failures",
        steps: &[
            ("PUT /v2/keys/cf value=v3", "201"),
            ("PUT /v2/keys/cf prevIndex=1&value=x", "!101 @1 [1 != @1]"),
            ("PUT /v2/keys/cf prevValue=q&value=x", "!101 @1 [q != v3]"),
            (
                "PUT /v2/keys/cf prevValue=q&prevIndex=1&value=x",
                "!101 @1 [q != v3] [1 != @1]",
            ),
            (
                "PUT /v2/keys/cf prevValue=v3&prevIndex=1&value=x",
                "!101 @1 [1 != @1]",
            ),
            (
                "PUT /v2/keys/cf prevValue=q&prevIndex=@1&value=x",
                "!101 @1 [q != v3]",
            ),
            ("DELETE /v2/keys/cf?prevIndex=1", "!101 @1 [1 != @1]"),
            (
                "DELETE /v2/keys/cf?prevValue=q&prevIndex=1",
                "!101 @1 [q != v3] [1 != @1]",
            ),
            (
                "PUT /v2/keys/cf prevValue=%3C%26%3E&value=x",
                r#"!101 @1 [\u003c\u0026\u003e != v3]"#,
            ),
            ("PUT /v2/keys/cf value=", "200"),
            ("PUT /v2/keys/cf prevValue=0&value=x", "!101 @2 [0 != ]"),
            ("DELETE /v2/keys/cf?prevValue=0", "!101 @2 [0 != ]"),
            ("PUT /v2/keys/cf prevIndex=@2&value=x", "200"),
            (
                "PUT /v2/keys/cf prevValue=x&prevIndex=@3&prevExist=true&value=y",
                r#"200 {"action":"compareAndSwap","node":{"key":"/cf","value":"y","modifiedIndex":@4,"createdIndex":@2},"prevNode":{"key":"/cf","value":"x","modifiedIndex":@3,"createdIndex":@2}}"#,
            ),
            (
                "PUT /v2/keys/cf prevValue=y&prevExist=false&value=z",
                "!105 @4 /cf",
            ),
            (
                "DELETE /v2/keys/cf?prevValue=y&prevIndex=@4",
                r#"200 {"action":"compareAndDelete","node":{"key":"/cf","modifiedIndex":@5,"createdIndex":@2},"prevNode":{"key":"/cf","value":"y","modifiedIndex":@4,"createdIndex":@2}}"#,
            ),
        ],
    },
    Case {
        section: "4, 3.4 root",
        steps: &[
            ("PUT /v2/keys value=1", "!107 @0 /"),
            ("PUT /v2/keys/ value=1", "!107 @0 /"),
            ("PUT /v2/keys dir=true", "!107 @0 /"),
            ("PUT /v2/keys prevExist=false", "!107 @0 /"),
            ("PUT /v2/keys prevExist=true&ttl=5000", "!107 @0 /"),
            ("PUT /v2/keys prevIndex=1&value=1", "!107 @0 /"),
            ("PUT /v2/keys refresh=true&ttl=5000", "!107 @0 /"),
            (
                "PUT /v2/keys refresh=true&ttl=5000&prevExist=true",
                "!107 @0 /",
            ),
            ("DELETE /v2/keys", "!107 @0 /"),
            ("DELETE /v2/keys?dir=true", "!107 @0 /"),
            ("DELETE /v2/keys?recursive=true", "!107 @0 /"),
            ("DELETE /v2/keys?prevIndex=1", "!102 @0"),
            ("DELETE /v2/keys?prevValue=1", "!102 @0"),
            (
                "POST /v2/keys value=r",
                r#"201 {"action":"create","node":{"key":"/@k1","value":"r","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            (
                "POST /v2/keys dir=true",
                r#"201 {"action":"create","node":{"key":"/@k2","dir":true,"modifiedIndex":@2,"createdIndex":@2}}"#,
            ),
            ("DELETE /v2/keys/@k1", "200"),
            ("DELETE /v2/keys/@k2?dir=true", "200"),
            ("GET /v2/keys?recursive=true", "200"),
            ("GET /v2/keys?sorted=true", "200"),
            ("GET /v2/keys?quorum=true&recursive=true&sorted=true", "200"),
        ],
    },
    Case {
        section: "5.1 set",
        steps: &[
            (
                "PUT /v2/keys/t/set/a/b value=1",
                r#"201 {"action":"set","node":{"key":"/t/set/a/b","value":"1","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            ("PUT /v2/keys/t/set/a value=1", "!102 @1 /t/set/a"),
            ("PUT /v2/keys/t/set/a dir=true", "!102 @1 /t/set/a"),
            (
                "PUT /v2/keys/t/set/a/b dir=true&value=ignored",
                r#"200 {"action":"set","node":{"key":"/t/set/a/b","dir":true,"modifiedIndex":@2,"createdIndex":@2},"prevNode":{"key":"/t/set/a/b","value":"1","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            (
                "PUT /v2/keys/t/set/d dir=true&value=ignored&ttl=7000",
                "201",
            ),
            ("PUT /v2/keys/t/set/f prevIndex=0&value=zero", "201"),
            ("PUT /v2/keys/t/set/f prevIndex=0&value=zero", "200"),
            ("PUT /v2/keys/t/set/d prevIndex=0&value=zero", "403"),
            ("GET /v2/keys/t/set?recursive=true&sorted=true", "200"),
            ("DELETE /v2/keys/t/set/a/b?dir=true", "200"),
            (
                "GET /v2/keys/t/set/a",
                r#"200 {"action":"get","node":{"key":"/t/set/a","dir":true,"modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
        ],
    },
    Case {
        section: "5.1 create and update",
        steps: &[
            (
                "PUT /v2/keys/t/c/f prevExist=false&value=1",
                r#"201 {"action":"create","node":{"key":"/t/c/f","value":"1","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            (
                "PUT /v2/keys/t/c/f prevExist=false&value=2",
                "!105 @1 /t/c/f",
            ),
            ("PUT /v2/keys/t/c prevExist=false&value=2", "!105 @1 /t/c"),
            (
                "PUT /v2/keys/t/c/f/x prevExist=false&value=2",
                "!104 @1 /t/c/f",
            ),
            (
                "PUT /v2/keys/t/c/d prevExist=false&dir=true",
                r#"201 {"action":"create","node":{"key":"/t/c/d","dir":true,"modifiedIndex":@2,"createdIndex":@2}}"#,
            ),
            (
                "PUT /v2/keys/t/c/n prevExist=false&prevValue=q&prevIndex=3&value=n",
                "201",
            ),
            (
                "PUT /v2/keys/t/c/f prevExist=true&value=2",
                r#"200 {"action":"update","node":{"key":"/t/c/f","value":"2","modifiedIndex":@4,"createdIndex":@1},"prevNode":{"key":"/t/c/f","value":"1","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            (
                "PUT /v2/keys/t/c/f prevExist=true",
                r#"200 {"action":"update","node":{"key":"/t/c/f","value":"","modifiedIndex":@5,"createdIndex":@1},"prevNode":{"key":"/t/c/f","value":"2","modifiedIndex":@4,"createdIndex":@1}}"#,
            ),
            ("PUT /v2/keys/t/c/f prevExist=true&dir=true&value=3", "200"),
            (
                "PUT /v2/keys/t/c/f prevExist=true&prevIndex=0&value=4",
                "200",
            ),
            (
                "PUT /v2/keys/t/c/d prevExist=true&value=3",
                "!102 @7 /t/c/d",
            ),
            (
                "PUT /v2/keys/t/c/d prevExist=true",
                r#"200 {"action":"update","node":{"key":"/t/c/d","dir":true,"modifiedIndex":@8,"createdIndex":@2},"prevNode":{"key":"/t/c/d","dir":true,"modifiedIndex":@2,"createdIndex":@2}}"#,
            ),
            (
                "GET /v2/keys/t/c/d",
                r#"200 {"action":"get","node":{"key":"/t/c/d","dir":true,"modifiedIndex":@2,"createdIndex":@2}}"#,
            ),
            ("PUT /v2/keys/t/c/d prevExist=true&dir=true&ttl=6000", "200"),
            ("GET /v2/keys/t/c/d", "200"),
            ("PUT /v2/keys/t/c/d prevExist=true&dir=true", "200"),
            ("DELETE /v2/keys/t/c/d?dir=true", "200"),
            (
                "PUT /v2/keys/t/c/x prevExist=true&prevValue=1&value=1",
                "404",
            ),
            ("PUT /v2/keys/t/c prevIndex=1&value=1", "!102 @11 /t/c"),
            (
                "PUT /v2/keys/t/c/f/x prevIndex=1&value=1",
                "!104 @11 /t/c/f",
            ),
        ],
    },
    Case {
        section: "5.1 refresh",
        steps: &[
            ("PUT /v2/keys/t/r/f value=kept", "201"),
            ("PUT /v2/keys/t/r/d dir=true", "201"),
            (
                "PUT /v2/keys/t/r/f refresh=true&ttl=5000",
                r#"200 {"action":"set","node":{"key":"/t/r/f","value":"kept","expiration":"@T","ttl":5000,"modifiedIndex":@3,"createdIndex":@3},"prevNode":{"key":"/t/r/f","value":"kept","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            (
                "PUT /v2/keys/t/r/f refresh=true&ttl=5000&prevExist=true",
                "200",
            ),
            (
                "PUT /v2/keys/t/r/f refresh=true&ttl=5000&prevValue=kept",
                "200",
            ),
            (
                "PUT /v2/keys/t/r/f refresh=true&ttl=5000&prevIndex=@5",
                "200",
            ),
            (
                "PUT /v2/keys/t/r/f refresh=true&ttl=5000&prevIndex=@5",
                "412",
            ),
            (
                "PUT /v2/keys/t/r/f refresh=true&ttl=5000&prevValue=other",
                "412",
            ),
            (
                "PUT /v2/keys/t/r/f refresh=true&ttl=5000&prevExist=false",
                "412",
            ),
            (
                "PUT /v2/keys/t/r/new refresh=true&ttl=5000&prevExist=false",
                "201",
            ),
            (
                "PUT /v2/keys/t/r/none refresh=true&ttl=5000&prevExist=true",
                "404",
            ),
            (
                "PUT /v2/keys/t/r/none refresh=true&ttl=5000&prevValue=1",
                "404",
            ),
            ("PUT /v2/keys/t/r/d refresh=true&ttl=5000", "!102 @7 /t/r/d"),
            ("PUT /v2/keys/t/r/d refresh=true&ttl=5000&dir=true", "403"),
            (
                "PUT /v2/keys/t/r/d refresh=true&ttl=5000&prevExist=true",
                "200",
            ),
            (
                "PUT /v2/keys/t/r/d refresh=true&ttl=5000&prevIndex=1",
                "403",
            ),
            (
                "PUT /v2/keys/t/r/f/x refresh=true&ttl=5000",
                "!104 @8 /t/r/f",
            ),
            (
                "PUT /v2/keys/t/r/none/x refresh=true&ttl=5000&dir=true",
                "404",
            ),
            ("PUT /v2/keys/t/r/f refresh=true&ttl=5000&dir=true", "200"),
            ("GET /v2/keys/t/r?recursive=true&sorted=true", "200"),
            ("POST /v2/keys/t/r/q refresh=true&ttl=5000", "201"),
        ],
    },
    Case {
        section: "5.2 in-order keys",
        steps: &[
            (
                "POST /v2/keys/q value=1",
                r#"201 {"action":"create","node":{"key":"/q/@k1","value":"1","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            (
                "POST /v2/keys/q/ value=2&prevExist=true&prevIndex=99&prevValue=x",
                "201",
            ),
            (
                "POST /v2/keys/q dir=true",
                r#"201 {"action":"create","node":{"key":"/q/@k3","dir":true,"modifiedIndex":@3,"createdIndex":@3}}"#,
            ),
            ("POST /v2/keys/q value=4&ttl=5000", "201"),
            ("PUT /v2/keys/q/@k6 value=first", "201"),
            ("POST /v2/keys/q value=5", "!105 @5 /q/@k6"),
            ("GET /v2/keys/q?sorted=true", "200"),
            ("GET /v2/keys/q?sorted=true&recursive=true", "200"),
            (
                "DELETE /v2/keys/q?recursive=true",
                r#"200 {"action":"delete","node":{"key":"/q","dir":true,"modifiedIndex":@6,"createdIndex":@1},"prevNode":{"key":"/q","dir":true,"modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
        ],
    },
    Case {
        section: "5.1 delete",
        steps: &[
            ("PUT /v2/keys/t/x/f value=1", "201"),
            ("PUT /v2/keys/t/x/e dir=true", "201"),
            (
                "DELETE /v2/keys/t/x/f?prevExist=false",
                r#"200 {"action":"delete","node":{"key":"/t/x/f","modifiedIndex":@3,"createdIndex":@1},"prevNode":{"key":"/t/x/f","value":"1","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            ("PUT /v2/keys/t/x/f value=1", "201"),
            ("DELETE /v2/keys/t/x/f?dir=true", "200"),
            ("PUT /v2/keys/t/x/f value=1", "201"),
            ("DELETE /v2/keys/t/x/f?recursive=true", "200"),
            ("PUT /v2/keys/t/x/f value=1", "201"),
            ("DELETE /v2/keys/t/x/f?prevIndex=0", "200"),
            ("DELETE /v2/keys/t/x/e", "!102 @9 /t/x/e"),
            (
                "DELETE /v2/keys/t/x/e?prevIndex=1&dir=true&recursive=true",
                "!102 @9 /t/x/e",
            ),
            ("DELETE /v2/keys/t/x/e?prevValue=1", "!102 @9 /t/x/e"),
            ("DELETE /v2/keys/t/x/none?prevValue=1", "!100 @9 /t/x/none"),
            ("DELETE /v2/keys/t/x/e?dir=true", "200"),
            ("DELETE /v2/keys/t?recursive=true", "200"),
            ("GET /v2/keys/t", "!100 @11 /t"),
        ],
    },
    Case {
        section: "7 time to live",
        steps: &[
            (
                "PUT /v2/keys/l/f value=1&ttl=5000",
                r#"201 {"action":"set","node":{"key":"/l/f","value":"1","expiration":"@T","ttl":5000,"modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            (
                "PUT /v2/keys/l/f value=2&prevExist=true",
                r#"200 {"action":"update","node":{"key":"/l/f","value":"2","modifiedIndex":@2,"createdIndex":@1},"prevNode":{"key":"/l/f","value":"1","expiration":"@T","ttl":5000,"modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            ("PUT /v2/keys/l/f value=3&ttl=6000&prevValue=2", "200"),
            ("PUT /v2/keys/l/f value=3&ttl=", "200"),
            ("PUT /v2/keys/l/f value=3&ttl=100000000", "200"),
            ("PUT /v2/keys/l/f value=3&ttl=3000000000", "200"),
            ("DELETE /v2/keys/l/f", "200"),
            ("PUT /v2/keys/l/d dir=true&ttl=5000", "201"),
            ("PUT /v2/keys/l/d/a value=1", "201"),
            ("GET /v2/keys/l?recursive=true", "200"),
            ("PUT /v2/keys/l/d prevExist=true", "200"),
            ("PUT /v2/keys/l/d prevExist=true&ttl=4000", "200"),
            ("POST /v2/keys/l/q value=1&ttl=4000", "201"),
            ("PUT /v2/keys/l/c prevExist=false&value=1&ttl=4000", "201"),
            ("GET /v2/keys/l?recursive=true&sorted=true", "200"),
        ],
    },
];
