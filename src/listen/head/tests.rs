use super::*;

/// What the library sees of these bytes, which end with a request of that framing, in one piece and byte by byte.
fn seen(bytes: &[u8], framings: &[BodyFraming]) -> String {
    let whole = through(bytes, bytes.len().max(1), framings);
    for step in [1, 2, 7] {
        assert_eq!(through(bytes, step, framings), whole, "{step} at a time");
    }
    whole
}

fn through(bytes: &[u8], step: usize, framings: &[BodyFraming]) -> String {
    let (mut head, mut out) = (Head::new(), Vec::new());
    let mut framings = framings.iter();
    for piece in bytes.chunks(step) {
        let mut rest = piece;
        loop {
            rest = &rest[head.rewrite(rest, &mut out)..];
            if rest.is_empty() {
                break;
            }
            head.framed(*framings.next().expect("one for each head"));
        }
        if matches!(head.place, HeadPlace::Ended)
            && let Some(framing) = framings.next()
        {
            head.framed(*framing);
        }
    }
    String::from_utf8(out).unwrap()
}

const NONE: BodyFraming = BodyFraming::Length(0);

#[test]
fn what_the_library_takes_is_not_touched() {
    let plain = b"GET /v2/keys/a%23?x={[|^\\]}&y=' HTTP/1.1\r\nHost: \"#<>`\xc3\xa9\r\n\r\n";
    let mut head = Head::new();
    assert_eq!(head.pass(plain), plain.len());
    assert!(!head.is_between(), "its body may come");
    assert_eq!(head.pass(b"x"), 0, "nothing goes on before that is known");
    head.framed(NONE);
    assert!(head.is_between());
    assert_eq!(head.pass(plain), plain.len());
}

#[test]
fn the_target_is_escaped_and_nothing_else() {
    let shown = seen(
        b"\r\n\nPUT /v2/keys/a#1<\"`>?value=\xff#\"<>` HTTP/1.1\r\nX: #\"<\r\n\r\n",
        &[NONE],
    );
    let expected =
        "\r\n\nPUT /v2/keys/a%231%3c%22%60%3e?value=%ff%23%22%3c%3e%60 HTTP/1.1\r\nX: #\"<\r\n\r\n";
    assert_eq!(shown, expected);
}

#[test]
fn an_authority_is_left_to_the_library() {
    for (target, expected) in [
        ("http://h#<x/a#b?c<", "http://h#<x/a%23b?c%3c"),
        ("http://h?a#b", "http://h?a%23b"),
        ("*", "*"),
        ("h:1", "h:1"),
        ("#x", "#x"),
    ] {
        let request = |target: &str| format!("GET {target} HTTP/1.1\r\n\r\n");
        assert_eq!(
            seen(request(target).as_bytes(), &[NONE]),
            request(expected),
            "{target}"
        );
    }
}

#[test]
fn bodies_are_followed_and_what_comes_after_them_is_a_head() {
    let sized = "PUT /a#b HTTP/1.1\r\n\r\nGET /x#y GET /a#b HTTP/1.1\n\nPOST /<\n";
    let shown = seen(sized.as_bytes(), &[BodyFraming::Length(9), NONE]);
    assert_eq!(
        shown,
        "PUT /a%23b HTTP/1.1\r\n\r\nGET /x#y GET /a%23b HTTP/1.1\n\nPOST /%3c\n"
    );
    let chunked = "PUT /# HTTP/1.1\r\n\r\n5\r\n/#<>`\r\n0\r\n\r\nGET /# HTTP/1.1\r\n\r\n";
    assert_eq!(
        seen(chunked.as_bytes(), &[BodyFraming::Chunked, NONE]),
        "PUT /%23 HTTP/1.1\r\n\r\n5\r\n/#<>`\r\n0\r\n\r\nGET /%23 HTTP/1.1\r\n\r\n"
    );
}

#[test]
fn what_is_no_request_goes_to_the_library_as_it_is() {
    for bytes in [
        "GET\n/#",
        "GET /a\n#",
        "GET / HTTP/1.1\r\n\r#\n",
        "GET h\n/#",
    ] {
        assert_eq!(seen(bytes.as_bytes(), &[]), bytes);
    }
}

#[test]
fn beyond_the_plain_lines_only_what_is_read_goes_on() {
    let mut request = b"GET / HTTP/1.1\r\n".to_vec();
    for number in 0..PLAIN_LINES {
        request.extend_from_slice(format!("X-{number}: v\r\n").as_bytes());
    }
    let mut expected = request.clone();
    for (line, goes_on) in [
        ("x-other: v\r\n", false),
        ("HOST: h\r\n", true),
        ("x-other: \u{e9}\t \r\n", false),
        ("x-other : v\r\n", true),
        (" folded\r\n", true),
        ("x-other: a\rb\r\n", true),
        ("x-bare: v\n", false),
        ("Content-Length: 3\r\n", true),
        ("\r\n", true),
        ("a#b", true),
    ] {
        request.extend_from_slice(line.as_bytes());
        if goes_on {
            expected.extend_from_slice(line.as_bytes());
        }
    }
    assert_eq!(
        seen(&request, &[BodyFraming::Length(3)]).into_bytes(),
        expected
    );
}

#[test]
fn a_head_of_many_lines_ends_at_its_bytes() {
    let mut request = b"GET / HTTP/1.1\r\n".to_vec();
    while request.len() < HEAD_BYTES {
        request.extend_from_slice(b"a: b\r\n");
    }
    request.extend_from_slice(b"\r\n");
    for step in [1, request.len()] {
        let refused = through(&request, step, &[]);
        assert!(
            refused.matches("x:\r\n").count() > LIBRARY_LINES,
            "the library is told"
        );
    }
    request.drain(16..22);
    request.drain(16..22);
    assert!(!seen(&request, &[NONE]).contains("x:"));
}

#[test]
fn a_body_does_not_count_for_the_head_behind_it() {
    let mut request = b"PUT / HTTP/1.1\r\n\r\n".to_vec();
    request.extend_from_slice(&vec![b'x'; 2 * HEAD_BYTES]);
    let mut head = Head::new();
    let first = head.pass(&request);
    head.framed(BodyFraming::Length(2 * HEAD_BYTES as u64));
    request.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(head.pass(&request[first..]), request.len() - first);
    assert!(!head.is_between() && !head.is_too_large());
}
