//! Section 10: what the other paths of the client port answer, where the answer can be the same.

use super::Case;

pub(super) const CASES: &[Case] = &[Case {
    section: "10 other endpoints",
    steps: &[
        ("GET /health", r#"200 {"health":"true"}"#),
        ("GET /health?exclude=NOSPACE", ""),
        ("POST /health", ""),
        ("HEAD /version", "405"),
        ("PUT /version", "405"),
        ("GET /version/", "404 404 page not found"),
        ("PUT /v2/machines", ""),
        ("POST /v2/machines", ""),
        ("DELETE /v2/stats/store", "405"),
        ("HEAD /v2/stats/store", "405"),
        ("HEAD /v2/stats/self", ""),
        ("PUT /v2/stats/leader", ""),
        ("GET /", "404 404 page not found"),
        ("GET /v2", "404 404 page not found"),
        ("GET /v2/", "404 404 page not found"),
        ("GET /v2/stats", "404 404 page not found"),
        ("GET /v2/stats/store/", "404 404 page not found"),
        ("GET /v2/speedTest", "404 404 page not found"),
        ("GET /v1/keys/a", "404 404 page not found"),
        ("GET /v2/auth/enable", r#"200 {"enabled":false}"#),
        ("GET /v2/members/nothing", r#"404 {"message":"Not found"}"#),
        ("PATCH /v2/members", ""),
        (
            "DELETE /v2/members/zz",
            r#"404 {"message":"No such member: zz"}"#,
        ),
        (
            "[Content-Type: text/plain] POST /v2/members {}",
            r#"415 {"message":"Bad Content-Type text/plain, accept application/json"}"#,
        ),
        (
            "[Content-Type: application/json] POST /v2/members {}",
            r#"400 {"message":"no valid URLs given"}"#,
        ),
        ("OPTIONS /v2/members", "200"),
        ("OPTIONS /version", "200"),
        ("GET /v2/stats//store", "301"),
    ],
}];
