//! Sections 1 and 2: where parameters come from, what is refused in which order, how values are written.

use super::Case;

const Q: &str = r#"!203 0 invalid value for \"prevIndex\""#;
const W: &str = r#"!203 0 invalid value for \"waitIndex\""#;
const TTL: &str = r#"!202 0 invalid value for \"ttl\""#;
const EXIST: &str = "!209 0 invalid value for prevExist";
const REFRESH: &str = "!209 0 invalid value for refresh";
const TOO_LATE: &str = r#"!209 0 \"wait\" can only be used with GET requests"#;
const EMPTY: &str = r#"!201 0 \"prevValue\" cannot be empty"#;
const SEMICOLON: &str = "!210 0 invalid semicolon separator in query";
const MEDIA: &str = "!210 0 mime: unexpected content after media subtype";

pub(super) const CASES: &[Case] = &[
    Case {
        section: "2.4 examples",
        steps: &[
            (
                "GET /v2/keys",
                r#"200 {"action":"get","node":{"dir":true}}"#,
            ),
            (
                "GET /v2/keys/",
                r#"200 {"action":"get","node":{"dir":true}}"#,
            ),
            (
                "PUT /v2/keys/f1 value=one",
                r#"201 {"action":"set","node":{"key":"/f1","value":"one","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            (
                "PUT /v2/keys/f1 value=two",
                r#"200 {"action":"set","node":{"key":"/f1","value":"two","modifiedIndex":@2,"createdIndex":@2},"prevNode":{"key":"/f1","value":"one","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            (
                "GET /v2/keys/f1",
                r#"200 {"action":"get","node":{"key":"/f1","value":"two","modifiedIndex":@2,"createdIndex":@2}}"#,
            ),
            (
                "PUT /v2/keys/d dir=true",
                r#"201 {"action":"set","node":{"key":"/d","dir":true,"modifiedIndex":@3,"createdIndex":@3}}"#,
            ),
            (
                "GET /v2/keys/d",
                r#"200 {"action":"get","node":{"key":"/d","dir":true,"modifiedIndex":@3,"createdIndex":@3}}"#,
            ),
            (
                "DELETE /v2/keys/d?dir=true",
                r#"200 {"action":"delete","node":{"key":"/d","dir":true,"modifiedIndex":@4,"createdIndex":@3},"prevNode":{"key":"/d","dir":true,"modifiedIndex":@3,"createdIndex":@3}}"#,
            ),
            ("PUT /v2/keys/dd/sub dir=true", "201"),
            (
                "GET /v2/keys/dd",
                r#"200 {"action":"get","node":{"key":"/dd","dir":true,"nodes":[{"key":"/dd/sub","dir":true,"modifiedIndex":@5,"createdIndex":@5}],"modifiedIndex":@5,"createdIndex":@5}}"#,
            ),
            (
                "GET /v2/keys/dd?recursive=true",
                r#"200 {"action":"get","node":{"key":"/dd","dir":true,"nodes":[{"key":"/dd/sub","dir":true,"modifiedIndex":@5,"createdIndex":@5}],"modifiedIndex":@5,"createdIndex":@5}}"#,
            ),
            ("HEAD /v2/keys/dd", "200"),
            ("HEAD /v2/keys/nothing", "404"),
            (
                "PUT /v2/keys/f1?noValueOnSuccess=true value=3",
                r#"200 {"action":"set"}"#,
            ),
            (
                "PUT /v2/keys/f1?noValueOnSuccess=true&prevExist=true value=4",
                r#"200 {"action":"update"}"#,
            ),
            (
                "PUT /v2/keys/f1?noValueOnSuccess=1 value=5&prevValue=4",
                r#"200 {"action":"compareAndSwap"}"#,
            ),
            (
                "PUT /v2/keys/f1/new?noValueOnSuccess=true value=5",
                "!104 @8 /f1",
            ),
            (
                "PUT /v2/keys/f1new?noValueOnSuccess=true value=5",
                r#"201 {"action":"set"}"#,
            ),
            (
                "PUT /v2/keys/f1newer?noValueOnSuccess=true&prevExist=false value=5",
                r#"201 {"action":"create"}"#,
            ),
            (
                "POST /v2/keys/nq?noValueOnSuccess=true value=5",
                r#"201 {"action":"create"}"#,
            ),
            (
                "GET /v2/keys/f1?noValueOnSuccess=true",
                r#"200 {"action":"get","node":{"key":"/f1","value":"5","modifiedIndex":@8,"createdIndex":@6}}"#,
            ),
            (
                "DELETE /v2/keys/f1?noValueOnSuccess=true",
                r#"200 {"action":"delete","node":{"key":"/f1","modifiedIndex":@12,"createdIndex":@6},"prevNode":{"key":"/f1","value":"5","modifiedIndex":@8,"createdIndex":@6}}"#,
            ),
        ],
    },
    Case {
        section: "1.1 methods and URLs",
        steps: &[
            ("PATCH /v2/keys/a value=1", "405 Method Not Allowed"),
            ("BREW /v2/keys/a", "405 Method Not Allowed"),
            ("put /v2/keys/a value=1", "405 Method Not Allowed"),
            ("PROPFIND /v2/keys", "405 Method Not Allowed"),
            ("TRACE /v2/keys/a", "405 Method Not Allowed"),
            ("PATCH /v2/keys/a?prevIndex=bad", "405 Method Not Allowed"),
            ("PATCH /v2/keysfoo", "404 404 page not found"),
            ("GET /v2/keysfoo", "404 404 page not found"),
            ("GET /V2/keys/x", "404 404 page not found"),
            ("PUT /v2/keysfoo value=1", "404 404 page not found"),
            ("HEAD /v2/keysfoo", "404"),
            ("OPTIONS /v2/keys/a", "200"),
            ("OPTIONS /v2/keys", "200"),
            ("OPTIONS /no/such/path?prevIndex=bad", "200"),
            ("OPTIONS /v2/keys/a value=%zz", "200"),
            (
                "[Host: localhost | Origin: http://localhost] GET /v2/keys/a",
                "404",
            ),
            (
                "[Host: localhost | Origin: http://localhost | Access-Control-Request-Method: PUT] OPTIONS /v2/keys/a",
                "200",
            ),
            ("[Authorization: Basic cm9vdDpyb290] GET /v2/keys/a", "404"),
            ("[Authorization: nonsense] PUT /v2/keys/auth value=1", "201"),
        ],
    },
    Case {
        section: "1.2 bodies and content types",
        steps: &[
            (
                "PUT /v2/keys/p/a?value=query value=body",
                r#"201 {"action":"set","node":{"key":"/p/a","value":"body","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            (
                "PUT /v2/keys/p/b?value=query",
                r#"201 {"action":"set","node":{"key":"/p/b","value":"query","modifiedIndex":@2,"createdIndex":@2}}"#,
            ),
            (
                "[Content-Type: application/json] PUT /v2/keys/p/c {\"value\":\"x\"}",
                r#"201 {"action":"set","node":{"key":"/p/c","value":"","modifiedIndex":@3,"createdIndex":@3}}"#,
            ),
            (
                "[Content-Type: text/plain] PUT /v2/keys/p/d value=x",
                r#"201 {"action":"set","node":{"key":"/p/d","value":"","modifiedIndex":@4,"createdIndex":@4}}"#,
            ),
            (
                "[Content-Type: multipart/form-data; boundary=X] PUT /v2/keys/p/e --X\r\nContent-Disposition: form-data; name=\"value\"\r\n\r\nx\r\n--X--\r\n",
                r#"201 {"action":"set","node":{"key":"/p/e","value":"","modifiedIndex":@5,"createdIndex":@5}}"#,
            ),
            (
                "[Content-Type: none] PUT /v2/keys/p/f value=x",
                r#"201 {"action":"set","node":{"key":"/p/f","value":"","modifiedIndex":@6,"createdIndex":@6}}"#,
            ),
            (
                "[Content-Type: none] PUT /v2/keys/p/f?value=q value=x",
                "200",
            ),
            (
                "[Content-Type: application/x-www-form-urlencoded; charset=utf-8] PUT /v2/keys/p/g value=x",
                r#"201 {"action":"set","node":{"key":"/p/g","value":"x","modifiedIndex":@8,"createdIndex":@8}}"#,
            ),
            (
                "[Content-Type: APPLICATION/x-WWW-form-urlencoded] PUT /v2/keys/p/h value=x",
                r#"201 {"action":"set","node":{"key":"/p/h","value":"x","modifiedIndex":@9,"createdIndex":@9}}"#,
            ),
            ("[Content-Type: a/b/c;;;] PUT /v2/keys/p/i value=x", MEDIA),
            ("[Content-Type: a/b/c;;;] GET /v2/keys/p/a", "200"),
            (
                "[Content-Type: a/b/c;;;] DELETE /v2/keys/p/none?value=x",
                "404",
            ),
            (
                "[Content-Type: application/x-www-form-urlencoded;] PUT /v2/keys/p/j value=x",
                "",
            ),
            (
                "[Content-Type: application/octet-stream] POST /v2/keys/p/k?value=q value=x",
                "201",
            ),
            ("[Content-Type: /] PUT /v2/keys/p/l value=x", ""),
            ("[Content-Type: form data] PUT /v2/keys/p/l value=x", ""),
            (
                "[Content-Type: text/plain; charset] PUT /v2/keys/p/l value=x",
                "",
            ),
            ("PUT /v2/keys/p/m Value=x&VALUE=y", ""),
            ("PUT /v2/keys/p/m value=1&value=2", ""),
            ("PUT /v2/keys/p/m?value=3&value=4", ""),
            ("PUT /v2/keys/p/m?prevExist=zzz prevExist=true&value=5", ""),
            (
                "PUT /v2/keys/p/m?prevExist=true prevExist=zzz&value=5",
                EXIST,
            ),
            ("DELETE /v2/keys/p dir=true", "403"),
            ("DELETE /v2/keys/p recursive=true", "403"),
            ("GET /v2/keys/p recursive=zzz", "200"),
            ("GET /v2/keys/p/a?recursive=true&recursive=zzz", "200"),
            (
                "GET /v2/keys/p/a?recursive=zzz&recursive=true",
                r#"!209 0 invalid value for \"recursive\""#,
            ),
            ("GET /v2/keys/p/a?Recursive=zzz", "200"),
            ("GET /v2/keys/p/a?consistent=zzz", "200"),
            ("GET /v2/keys/p/a?unknown&another=1", "200"),
        ],
    },
    Case {
        section: "1.2 form syntax",
        steps: &[
            (
                "PUT /v2/keys/s value=x=y",
                r#"201 {"action":"set","node":{"key":"/s","value":"x=y","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            (
                "PUT /v2/keys/s?noValueOnSuccess=true value",
                r#"200 {"action":"set"}"#,
            ),
            (
                "GET /v2/keys/s",
                r#"200 {"action":"get","node":{"key":"/s","value":"","modifiedIndex":@2,"createdIndex":@2}}"#,
            ),
            ("PUT /v2/keys/s &&&value=a+b%2Bc&&", ""),
            ("PUT /v2/keys/s v%61lue=named", ""),
            ("PUT /v2/keys/s value=line one\nline two\r\n", ""),
            ("PUT /v2/keys/s value=%E4%BD%A0%e5%a5%bd", ""),
            ("PUT /v2/keys/s =x&value=after", ""),
            ("PUT /v2/keys/s ", ""),
            (
                "PUT /v2/keys/s value=%zz",
                r#"!210 0 invalid URL escape \"%zz\""#,
            ),
            ("PUT /v2/keys/s a=%z", r#"!210 0 invalid URL escape \"%z\""#),
            ("PUT /v2/keys/s a=%", r#"!210 0 invalid URL escape \"%\""#),
            (
                "PUT /v2/keys/s a=%zzz&value=1",
                r#"!210 0 invalid URL escape \"%zz\""#,
            ),
            (
                "PUT /v2/keys/s value=1&%zz=2",
                r#"!210 0 invalid URL escape \"%zz\""#,
            ),
            ("PUT /v2/keys/s value=1&a=%<&b=%y", ""),
            ("PUT /v2/keys/s value=1;b=2", SEMICOLON),
            ("PUT /v2/keys/s ;", SEMICOLON),
            ("PUT /v2/keys/s value=%zz&a;b", ""),
            ("PUT /v2/keys/s a;b&value=%zz", ""),
            ("GET /v2/keys/s?a;b", SEMICOLON),
            (
                "GET /v2/keys/s?a=%zz",
                r#"!210 0 invalid URL escape \"%zz\""#,
            ),
            (
                "DELETE /v2/keys/s?a=%zz",
                r#"!210 0 invalid URL escape \"%zz\""#,
            ),
            ("HEAD /v2/keys/s?a=%zz", "400"),
            (
                "PUT /v2/keys/s?a=%aq a=%bq",
                r#"!210 0 invalid URL escape \"%bq\""#,
            ),
            ("PUT /v2/keys/s?a=%aq a;b", SEMICOLON),
            (
                "PUT /v2/keys/s?a;b a=%bq",
                r#"!210 0 invalid URL escape \"%bq\""#,
            ),
            ("[Content-Type: a/b/c;;;] PUT /v2/keys/s?a=%zz x=1", MEDIA),
            (
                "[Content-Type: text/plain] PUT /v2/keys/s?a=%zz x=1",
                r#"!210 0 invalid URL escape \"%zz\""#,
            ),
            (
                "GET /v2/keys/s?prevIndex=bad&x=%zz",
                r#"!210 0 invalid URL escape \"%zz\""#,
            ),
            ("GET /v2/keys/s?", "200"),
            ("GET /v2/keys/s?&&&", "200"),
            ("GET /v2/keys/s?=&=", "200"),
        ],
    },
    Case {
        section: "1.3 booleans and numbers",
        steps: &[
            ("PUT /v2/keys/n value=1", "201"),
            ("GET /v2/keys/n?recursive=1&sorted=t&quorum=T", "200"),
            (
                "GET /v2/keys/n?recursive=TRUE&sorted=true&quorum=True",
                "200",
            ),
            ("GET /v2/keys/n?recursive=0&sorted=f&quorum=F", "200"),
            (
                "GET /v2/keys/n?recursive=FALSE&sorted=false&quorum=False",
                "200",
            ),
            (
                "GET /v2/keys/n?recursive",
                r#"!209 0 invalid value for \"recursive\""#,
            ),
            (
                "GET /v2/keys/n?recursive=",
                r#"!209 0 invalid value for \"recursive\""#,
            ),
            (
                "GET /v2/keys/n?sorted=yes",
                r#"!209 0 invalid value for \"sorted\""#,
            ),
            (
                "GET /v2/keys/n?quorum=tRue",
                r#"!209 0 invalid value for \"quorum\""#,
            ),
            (
                "GET /v2/keys/n?dir=no",
                r#"!209 0 invalid value for \"dir\""#,
            ),
            (
                "GET /v2/keys/n?wait=2",
                r#"!209 0 invalid value for \"wait\""#,
            ),
            (
                "GET /v2/keys/n?stream=on",
                r#"!209 0 invalid value for \"stream\""#,
            ),
            (
                "GET /v2/keys/n?noValueOnSuccess=x",
                r#"!209 0 invalid value for \"noValueOnSuccess\""#,
            ),
            ("GET /v2/keys/n?recursive=%74rue", "200"),
            ("GET /v2/keys/n?prevIndex=bad", Q),
            ("GET /v2/keys/n?prevIndex=", Q),
            ("GET /v2/keys/n?prevIndex", Q),
            ("PUT /v2/keys/n prevIndex=-1", Q),
            ("PUT /v2/keys/n prevIndex=%2B5", Q),
            ("PUT /v2/keys/n prevIndex=+5", Q),
            ("PUT /v2/keys/n prevIndex=1.5", Q),
            ("PUT /v2/keys/n prevIndex=0x5", Q),
            ("PUT /v2/keys/n prevIndex=1_0", Q),
            ("PUT /v2/keys/n prevIndex=18446744073709551616", Q),
            ("PUT /v2/keys/n prevIndex=18446744073709551615&value=1", ""),
            ("PUT /v2/keys/n prevIndex=0000000@1&value=7", "200"),
            ("GET /v2/keys/n?waitIndex=bad", W),
            ("GET /v2/keys/n?waitIndex=", W),
            ("PUT /v2/keys/n?waitIndex=bad", W),
            ("GET /v2/keys/n?waitIndex=5", "200"),
            ("GET /v2/keys/n?ttl=bad", TTL),
            ("PUT /v2/keys/n ttl=-1", TTL),
            ("PUT /v2/keys/n ttl=1.5", TTL),
            ("PUT /v2/keys/n ttl=0x10", TTL),
            ("PUT /v2/keys/n ttl=18446744073709551616", TTL),
            ("PUT /v2/keys/n ttl=%20", TTL),
            ("PUT /v2/keys/n value=5&ttl=", "200"),
            ("PUT /v2/keys/n value=5&ttl=0005000", "200"),
            ("GET /v2/keys/n?refresh=true", "!212 0 No TTL value set"),
            ("GET /v2/keys/n?refresh=true&ttl=5", "200"),
            (
                "GET /v2/keys/n?refresh=true&ttl=5&value=x",
                "!211 0 A value was provided on a refresh",
            ),
            ("GET /v2/keys/n?prevValue=", EMPTY),
            ("GET /v2/keys/n?prevValue", EMPTY),
            ("DELETE /v2/keys/n?prevValue=", EMPTY),
            ("PUT /v2/keys/n prevExist=", EXIST),
            ("PUT /v2/keys/n prevExist=yes", EXIST),
            ("PUT /v2/keys/n refresh=yes", REFRESH),
            ("PUT /v2/keys/n refresh=", REFRESH),
            ("PUT /v2/keys/n refresh=true", "!212 0 No TTL value set"),
            (
                "PUT /v2/keys/n refresh=true&ttl=",
                "!212 0 No TTL value set",
            ),
            (
                "PUT /v2/keys/n refresh=true&value=x",
                "!211 0 A value was provided on a refresh",
            ),
            ("PUT /v2/keys/n refresh=true&value=&ttl=4000", "200"),
            ("PUT /v2/keys/n refresh=false&value=over&ttl=4000", "200"),
        ],
    },
    Case {
        section: "1.4 order of validation",
        steps: &[
            ("PUT /v2/keys/o prevIndex=x&waitIndex=x", Q),
            ("PUT /v2/keys/o waitIndex=x&recursive=x", W),
            (
                "PUT /v2/keys/o sorted=x&recursive=x",
                r#"!209 0 invalid value for \"recursive\""#,
            ),
            (
                "PUT /v2/keys/o wait=x&sorted=x",
                r#"!209 0 invalid value for \"sorted\""#,
            ),
            (
                "PUT /v2/keys/o dir=x&wait=x",
                r#"!209 0 invalid value for \"wait\""#,
            ),
            (
                "PUT /v2/keys/o quorum=x&dir=x",
                r#"!209 0 invalid value for \"dir\""#,
            ),
            (
                "PUT /v2/keys/o stream=x&quorum=x",
                r#"!209 0 invalid value for \"quorum\""#,
            ),
            (
                "PUT /v2/keys/o wait=true&stream=x",
                r#"!209 0 invalid value for \"stream\""#,
            ),
            ("PUT /v2/keys/o prevValue=&wait=true", TOO_LATE),
            ("POST /v2/keys/o wait=true", TOO_LATE),
            ("DELETE /v2/keys/o?wait=true", TOO_LATE),
            ("HEAD /v2/keys/o?wait=true", "400"),
            ("PUT /v2/keys/o noValueOnSuccess=x&prevValue=", EMPTY),
            (
                "PUT /v2/keys/o ttl=x&noValueOnSuccess=x",
                r#"!209 0 invalid value for \"noValueOnSuccess\""#,
            ),
            ("PUT /v2/keys/o prevExist=x&ttl=x", TTL),
            ("PUT /v2/keys/o refresh=x&prevExist=x", EXIST),
            (
                "PUT /v2/keys/o refresh=true&value=x",
                "!211 0 A value was provided on a refresh",
            ),
            ("PUT /v2/keys prevIndex=x", Q),
            ("PUT /v2/keys/f1new/below ttl=x", TTL),
            ("POST /v2/keys/o prevIndex=x", Q),
            ("POST /v2/keys/o prevValue=", EMPTY),
            ("POST /v2/keys/o prevExist=x", EXIST),
            ("POST /v2/keys/o refresh=true", "!212 0 No TTL value set"),
            ("DELETE /v2/keys/o?ttl=x", TTL),
            ("DELETE /v2/keys/o?refresh=true", "!212 0 No TTL value set"),
        ],
    },
    Case {
        section: "2.2 escapes in values",
        steps: &[
            (
                r#"PUT /v2/keys/e value=%22%5C%2F"#,
                r#"201 {"action":"set","node":{"key":"/e","value":"\"\\/","modifiedIndex":@1,"createdIndex":@1}}"#,
            ),
            ("PUT /v2/keys/e?prevExist=false value=%22", "!105 @1 /e"),
            (
                "PUT /v2/keys/e2 value=%0A%0D%09%08%0C%0B%00%1F%7F",
                "201 {\"action\":\"set\",\"node\":{\"key\":\"/e2\",\"value\":\"\\n\\r\\t\\u0008\\u000c\\u000b\\u0000\\u001f\x7f\",\"modifiedIndex\":@2,\"createdIndex\":@2}}",
            ),
            (
                "PUT /v2/keys/e3 value=%3C%3E%26",
                r#"201 {"action":"set","node":{"key":"/e3","value":"\u003c\u003e\u0026","modifiedIndex":@3,"createdIndex":@3}}"#,
            ),
            (
                "PUT /v2/keys/e4 value=%E2%80%A8%E2%80%A9%E2%80%AA",
                "201 {\"action\":\"set\",\"node\":{\"key\":\"/e4\",\"value\":\"\\u2028\\u2029\u{202a}\",\"modifiedIndex\":@4,\"createdIndex\":@4}}",
            ),
            (
                "PUT /v2/keys/e5 value=%FF%FE",
                r#"201 {"action":"set","node":{"key":"/e5","value":"\ufffd\ufffd","modifiedIndex":@5,"createdIndex":@5}}"#,
            ),
            (
                "PUT /v2/keys/e6 value=%ED%A0%80",
                r#"201 {"action":"set","node":{"key":"/e6","value":"\ufffd\ufffd\ufffd","modifiedIndex":@6,"createdIndex":@6}}"#,
            ),
            (
                "PUT /v2/keys/e7 value=%C3",
                r#"201 {"action":"set","node":{"key":"/e7","value":"\ufffd","modifiedIndex":@7,"createdIndex":@7}}"#,
            ),
            (
                "PUT /v2/keys/e8 value=%E2%80x",
                r#"201 {"action":"set","node":{"key":"/e8","value":"\ufffd\ufffdx","modifiedIndex":@8,"createdIndex":@8}}"#,
            ),
            (
                "PUT /v2/keys/e9 value=%F0%9F%98%80%EF%BF%BD%F4%90%80%80%C0%AF",
                "",
            ),
            (
                "PUT /v2/keys/e5 prevValue=%FF%FD&value=x",
                r#"!101 @9 [\ufffd\ufffd != \ufffd\ufffd]"#,
            ),
            ("PUT /v2/keys/e5 prevValue=%FF%FE&value=x", "200"),
            (
                "PUT /v2/keys/e3 prevValue=%3C&value=x",
                r#"!101 @10 [\u003c != \u003c\u003e\u0026]"#,
            ),
            ("GET /v2/keys/e%22%3C/x", r#"!100 @10 /e\"\u003c"#),
        ],
    },
];
