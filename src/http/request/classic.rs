//! The parameters of a keys request as 0.4 read them (keys-api 1.5 and 1.6).
//!
//! A form is never refused: what can be read of it counts, and a `;` divides it too. A word is true or false, never
//! wrong. Only numbers that are none, empty conditions and updates without content are refused, each where the method
//! uses it, with the name of the operation as cause. The caller adds the index.
//!
//! What 0.4 did not have (`refresh`, `noValueOnSuccess`, `local`) is taken here too: where a client of a later version
//! asks a node for it, an overwritten value would be the answer. Not kept is that 0.4 stored `TRUE` as `true`.

use bytes::Bytes;
use hyper::Method;

use super::form::{Form, ParamName};
use super::params::{Params, unsigned};
use crate::command::Ttl;
use crate::http::answer::error::{ApiError, Code};

/// Reads the body of a form, if the request has one, and the query. `max_value` limits decoded values, in bytes.
pub(crate) fn parse(
    method: &Method,
    body: Option<&Bytes>,
    query: Option<&str>,
    max_value: usize,
) -> Result<Params, ApiError> {
    let mut form = Form::of_body(body);
    for source in [body.map(|body| &**body), query.map(str::as_bytes)]
        .into_iter()
        .flatten()
    {
        for part in source.split(|byte| *byte == b';') {
            // What cannot be read is left out, and nothing is said of it.
            let _ = form.add(part);
        }
    }
    let mut params = Params {
        value: form.owned(ParamName::Value).unwrap_or_default(),
        dir: flag(&form, ParamName::Dir),
        recursive: flag(&form, ParamName::Recursive),
        quorum: flag(&form, ParamName::Quorum),
        local: flag(&form, ParamName::Local),
        redirect: flag(&form, ParamName::Redirect),
        stream: flag(&form, ParamName::Stream),
        refresh: flag(&form, ParamName::Refresh),
        no_value_on_success: flag(&form, ParamName::NoValueOnSuccess),
        ..Params::default()
    };
    match *method {
        Method::GET => watch(&form, &mut params)?,
        Method::PUT => put(&form, &mut params)?,
        Method::POST => params.ttl = ttl(&form, "Create")?,
        Method::DELETE => conditions(&form, &mut params, "CompareAndDelete")?,
        _ => {}
    }
    params.within(max_value)
}

fn watch(form: &Form<'_>, params: &mut Params) -> Result<(), ApiError> {
    params.wait = flag(form, ParamName::Wait);
    let index = form
        .get(ParamName::WaitIndex)
        .filter(|text| !text.is_empty());
    if let (true, false, Some(text)) = (params.wait, params.quorum, index) {
        params.wait_index = unsigned(&text)
            .ok_or_else(|| ApiError::invalid(Code::IndexNotNumber, "Watch From Index"))?;
    }
    Ok(())
}

/// `prevExist=false` beats the conditions, and they beat `prevExist=true`. Any other word for it is a condition that
/// always holds.
fn put(form: &Form<'_>, params: &mut Params) -> Result<(), ApiError> {
    params.ttl = ttl(form, "Update")?;
    params.check_refresh()?;
    let exist = form.get(ParamName::PrevExist);
    let is = |word: &[u8]| {
        exist
            .as_ref()
            .is_some_and(|exist| exist.eq_ignore_ascii_case(word))
    };
    let conditional = [ParamName::PrevValue, ParamName::PrevIndex]
        .iter()
        .any(|name| form.get(*name).is_some());
    if is(b"false") {
        params.prev_exist = Some(false);
        return Ok(());
    }
    if is(b"true") && !conditional {
        params.prev_exist = Some(true);
        if params.value.is_empty() && params.ttl.is_none() {
            return Err(ApiError::invalid(Code::ValueOrTtlRequired, "Update"));
        }
        return Ok(());
    }
    params.compare = exist.is_some();
    conditions(form, params, "CompareAndSwap")
}

/// A condition counts once it is named: the index 0 is compared with nothing, and always holds.
fn conditions(
    form: &Form<'_>,
    params: &mut Params,
    operation: &'static str,
) -> Result<(), ApiError> {
    if let Some(text) = form.get(ParamName::PrevIndex) {
        params.compare = true;
        params.prev_index =
            unsigned(&text).ok_or_else(|| ApiError::invalid(Code::IndexNotNumber, operation))?;
    }
    params.prev_value = form.owned(ParamName::PrevValue);
    if params.prev_value.as_ref().is_some_and(Bytes::is_empty) {
        return Err(ApiError::invalid(Code::PrevValueRequired, operation));
    }
    Ok(())
}

fn flag(form: &Form<'_>, name: ParamName) -> bool {
    form.get(name)
        .is_some_and(|text| text.eq_ignore_ascii_case(b"true"))
}

/// Seconds with a sign. What is over already lapses at once, as 0 does.
fn ttl(form: &Form<'_>, operation: &'static str) -> Result<Option<Ttl>, ApiError> {
    let Some(text) = form.get(ParamName::Ttl).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let (over, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, &*text),
    };
    let seconds = unsigned(digits).map(|seconds| if over { 0 } else { seconds });
    seconds
        .and_then(Ttl::new)
        .map(Some)
        .ok_or_else(|| ApiError::invalid(Code::TtlNotNumber, operation))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: Method, query: &str) -> Result<Params, ApiError> {
        parse(&method, None, Some(query), 100)
    }

    fn put_of(query: &str) -> Params {
        of(Method::PUT, query).unwrap()
    }

    fn fault(method: Method, query: &str) -> (u16, String) {
        let error = of(method, query).unwrap_err();
        (error.code.number(), String::from_utf8(error.cause).unwrap())
    }

    #[test]
    fn a_word_is_true_or_false_and_never_wrong() {
        for (word, is) in [
            ("true", true),
            ("TRUE", true),
            ("tRue", true),
            ("1", false),
            ("yes", false),
            ("", false),
        ] {
            let params = put_of(&format!("dir={word}&recursive={word}&wait={word}"));
            assert_eq!(
                (params.dir, params.recursive, params.wait),
                (is, is, false),
                "{word}"
            );
            assert_eq!(
                of(Method::GET, &format!("wait={word}")).unwrap().wait,
                is,
                "{word}"
            );
        }
    }

    #[test]
    fn what_can_be_read_of_a_form_counts() {
        let params = put_of("a=%zz&value=%41;ttl=5&dir=%&;;recursive=true");
        assert_eq!(&params.value[..], b"A");
        assert_eq!(
            (params.ttl.map(Ttl::seconds), params.dir, params.recursive),
            (Some(5), false, true)
        );
        let both = parse(
            &Method::PUT,
            Some(&Bytes::from_static(b"value=body;%")),
            Some("value=query"),
            100,
        )
        .unwrap();
        assert_eq!(&both.value[..], b"body");
    }

    #[test]
    fn faults_carry_the_name_of_the_operation() {
        for (method, query, code, cause) in [
            (Method::PUT, "ttl=bad", 202, "Update"),
            (Method::PUT, "ttl=1.5&prevIndex=bad", 202, "Update"),
            (Method::PUT, "ttl=3155760001", 202, "Update"),
            (Method::POST, "ttl=bad", 202, "Create"),
            (Method::PUT, "value=a&prevIndex=bad", 203, "CompareAndSwap"),
            (Method::PUT, "prevIndex=&prevValue=", 203, "CompareAndSwap"),
            (
                Method::PUT,
                "prevValue=&prevExist=true",
                201,
                "CompareAndSwap",
            ),
            (Method::DELETE, "prevIndex=-1", 203, "CompareAndDelete"),
            (Method::DELETE, "prevValue=", 201, "CompareAndDelete"),
            (
                Method::GET,
                "wait=true&waitIndex=x",
                203,
                "Watch From Index",
            ),
            (Method::PUT, "prevExist=true", 204, "Update"),
            (Method::PUT, "prevExist=TRUE&ttl=", 204, "Update"),
        ] {
            assert_eq!(fault(method, query), (code, cause.to_owned()), "{query}");
        }
    }

    #[test]
    fn nothing_is_refused_where_it_has_no_use() {
        for (method, query) in [
            (Method::GET, "ttl=bad&prevIndex=bad&waitIndex=bad"),
            (Method::GET, "wait=true&quorum=true&waitIndex=bad"),
            (Method::GET, "wait=true&waitIndex="),
            (Method::HEAD, "wait=true&waitIndex=bad"),
            (Method::DELETE, "ttl=bad&waitIndex=bad"),
            (Method::POST, "prevIndex=bad&prevValue=&prevExist=bad"),
            (Method::PUT, "prevExist=false&prevIndex=bad&prevValue="),
        ] {
            assert!(of(method.clone(), query).is_ok(), "{method} {query}");
        }
    }

    #[test]
    fn a_condition_counts_once_it_is_named() {
        let compares = |query: &str| {
            let params = put_of(query);
            params.compare || params.prev_value.is_some()
        };
        for query in [
            "prevIndex=0",
            "prevValue=a",
            "prevExist=maybe",
            "prevExist=",
            "prevExist=true&prevIndex=0",
        ] {
            assert!(compares(query), "{query}");
        }
        for query in [
            "value=a",
            "prevExist=true&value=a",
            "prevExist=False&prevIndex=5",
        ] {
            assert!(!compares(query), "{query}");
        }
        assert!(of(Method::DELETE, "prevIndex=0").unwrap().compare);
        assert!(!of(Method::DELETE, "prevExist=maybe").unwrap().compare);
    }

    #[test]
    fn a_time_to_live_has_a_sign() {
        for (text, seconds) in [
            ("5", Some(5)),
            ("%2B5", Some(5)),
            ("-5", Some(0)),
            ("0", Some(0)),
            ("", None),
        ] {
            assert_eq!(
                put_of(&format!("ttl={text}")).ttl.map(Ttl::seconds),
                seconds,
                "{text}"
            );
        }
        for bad in ["-", "--5", "5s", "1e3", "99999999999999999999"] {
            assert_eq!(fault(Method::PUT, &format!("ttl={bad}")).0, 202, "{bad}");
        }
    }

    #[test]
    fn later_parameters_keep_their_rules() {
        assert!(put_of("refresh=true&ttl=5").refresh);
        assert_eq!(fault(Method::PUT, "refresh=true&value=a&ttl=5").0, 211);
        assert_eq!(fault(Method::PUT, "refresh=true").0, 212);
    }

    #[test]
    fn values_keep_their_limit() {
        assert_eq!(
            fault(Method::PUT, &format!("value={}", "a".repeat(101))).0,
            210
        );
    }
}
