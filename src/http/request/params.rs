//! The parameters of a keys request, checked on every method in the order of keys-api 1.4: the first fault is the one
//! reported.

use bytes::Bytes;
use hyper::Method;

use super::form::{Form, ParamName};
use crate::command::Ttl;
use crate::go::boolean;
use crate::http::answer::error::{ApiError, Code};

/// Valid parameters, each at its default if it was not given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Params {
    pub(crate) value: Bytes,
    pub(crate) dir: bool,
    pub(crate) ttl: Option<Ttl>,
    /// Never empty.
    pub(crate) prev_value: Option<Bytes>,
    /// 0 is "not given".
    pub(crate) prev_index: u64,
    pub(crate) prev_exist: Option<bool>,
    /// Compare even if there is nothing to compare with: in 0.4 the name of a condition is enough.
    pub(crate) compare: bool,
    pub(crate) recursive: bool,
    pub(crate) quorum: bool,
    pub(crate) local: bool,
    /// A member that does not lead is to say who does.
    pub(crate) redirect: bool,
    pub(crate) wait: bool,
    pub(crate) wait_index: u64,
    pub(crate) stream: bool,
    pub(crate) refresh: bool,
    pub(crate) no_value_on_success: bool,
}

impl Params {
    /// Reads the body of a form, if the request has one, and the query. `max_value` limits decoded values, in bytes.
    pub(crate) fn parse(
        method: &Method,
        body: Option<&Bytes>,
        query: Option<&str>,
        max_value: usize,
    ) -> Result<Self, ApiError> {
        if body.is_none() && query.is_none() {
            return Ok(Self::default());
        }
        let mut form = Form::of_body(body);
        let of_body = body.map_or(Ok(()), |body| form.add(body));
        let of_query = query.map_or(Ok(()), |query| form.add(query.as_bytes()));
        of_body
            .and(of_query)
            .map_err(|error| ApiError::invalid(Code::InvalidForm, error.to_string()))?;
        Self::validated(method, &form)?.within(max_value)
    }

    /// Refuses values above the limit, in bytes.
    pub(crate) fn within(self, max_value: usize) -> Result<Self, ApiError> {
        let over = |value: &Bytes| value.len() > max_value;
        if over(&self.value) || self.prev_value.as_ref().is_some_and(over) {
            return Err(ApiError::too_large());
        }
        Ok(self)
    }

    /// A refresh sets a TTL and nothing else.
    pub(crate) fn check_refresh(&self) -> Result<(), ApiError> {
        if self.refresh && !self.value.is_empty() {
            return Err(ApiError::invalid(
                Code::RefreshValue,
                "A value was provided on a refresh",
            ));
        }
        if self.refresh && self.ttl.is_none() {
            return Err(ApiError::invalid(
                Code::RefreshTtlRequired,
                "No TTL value set",
            ));
        }
        Ok(())
    }

    fn validated(method: &Method, form: &Form<'_>) -> Result<Self, ApiError> {
        let prev_index = index(form, ParamName::PrevIndex)?;
        let wait_index = index(form, ParamName::WaitIndex)?;
        let recursive = flag(form, ParamName::Recursive)?;
        flag(form, ParamName::Sorted)?; // listings are always sorted, a legal outcome without it (keys-api 2.5)
        let wait = flag(form, ParamName::Wait)?;
        let dir = flag(form, ParamName::Dir)?;
        let quorum = flag(form, ParamName::Quorum)?;
        let stream = flag(form, ParamName::Stream)?;
        let local = flag(form, ParamName::Local)?;
        let redirect = flag(form, ParamName::Redirect)?;
        if wait && method != Method::GET {
            return Err(ApiError::invalid(
                Code::InvalidField,
                "\"wait\" can only be used with GET requests",
            ));
        }
        let prev_value = form.get(ParamName::PrevValue);
        if prev_value.as_ref().is_some_and(|value| value.is_empty()) {
            return Err(ApiError::invalid(
                Code::PrevValueRequired,
                "\"prevValue\" cannot be empty",
            ));
        }
        let no_value_on_success = flag(form, ParamName::NoValueOnSuccess)?;
        let ttl = ttl(form)?;
        let prev_exist = nullable_flag(form, ParamName::PrevExist)?;
        let refresh = nullable_flag(form, ParamName::Refresh)?.unwrap_or(false);
        let params = Self {
            value: form.owned(ParamName::Value).unwrap_or_default(),
            dir,
            ttl,
            prev_value: form.owned(ParamName::PrevValue),
            prev_index,
            prev_exist,
            compare: false,
            recursive,
            quorum,
            local,
            redirect,
            wait,
            wait_index,
            stream,
            refresh,
            no_value_on_success,
        };
        params.check_refresh()?;
        Ok(params)
    }
}

fn invalid_value(code: Code, name: ParamName) -> ApiError {
    ApiError::invalid(code, format!("invalid value for \"{}\"", name.as_str()))
}

/// One of the twelve spellings (keys-api 1.3); absent is false, empty is wrong.
fn flag(form: &Form<'_>, name: ParamName) -> Result<bool, ApiError> {
    match form.get(name) {
        None => Ok(false),
        Some(text) => boolean(&text).ok_or_else(|| invalid_value(Code::InvalidField, name)),
    }
}

/// As [`flag`], where absent is a third state. The original does not quote the name of these two.
fn nullable_flag(form: &Form<'_>, name: ParamName) -> Result<Option<bool>, ApiError> {
    let Some(text) = form.get(name) else {
        return Ok(None);
    };
    let fault = || {
        ApiError::invalid(
            Code::InvalidField,
            format!("invalid value for {}", name.as_str()),
        )
    };
    boolean(&text).map(Some).ok_or_else(fault)
}

fn index(form: &Form<'_>, name: ParamName) -> Result<u64, ApiError> {
    match form.get(name) {
        None => Ok(0),
        Some(text) => unsigned(&text).ok_or_else(|| invalid_value(Code::IndexNotNumber, name)),
    }
}

fn ttl(form: &Form<'_>) -> Result<Option<Ttl>, ApiError> {
    let Some(text) = form.get(ParamName::Ttl).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    unsigned(&text)
        .and_then(Ttl::new)
        .map(Some)
        .ok_or_else(|| invalid_value(Code::TtlNotNumber, ParamName::Ttl))
}

/// One or more ASCII digits, up to 2^64 - 1; leading zeros are fine, a sign is not.
pub(crate) fn unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Params, ApiError> {
        Params::parse(&Method::PUT, None, Some(query), 100)
    }

    fn fault(query: &str) -> (u16, String) {
        let error = parse(query).unwrap_err();
        assert_eq!(error.index, 0);
        (error.code.number(), String::from_utf8(error.cause).unwrap())
    }

    #[test]
    fn the_first_failing_check_wins() {
        // Each check fails alone, and still wins over every one after it.
        let checks = [
            ("x=%zz", 210, "invalid URL escape \"%zz\""),
            ("prevIndex=", 203, "invalid value for \"prevIndex\""),
            ("waitIndex=-1", 203, "invalid value for \"waitIndex\""),
            ("recursive=yes", 209, "invalid value for \"recursive\""),
            ("sorted", 209, "invalid value for \"sorted\""),
            ("dir=tRue", 209, "invalid value for \"dir\""),
            ("quorum=2", 209, "invalid value for \"quorum\""),
            ("stream=", 209, "invalid value for \"stream\""),
            ("local=x", 209, "invalid value for \"local\""),
            (
                "wait=true",
                209,
                "\"wait\" can only be used with GET requests",
            ),
            ("prevValue=", 201, "\"prevValue\" cannot be empty"),
            (
                "noValueOnSuccess=x",
                209,
                "invalid value for \"noValueOnSuccess\"",
            ),
            ("ttl=1.5", 202, "invalid value for \"ttl\""),
            ("prevExist=", 209, "invalid value for prevExist"),
            ("refresh=x", 209, "invalid value for refresh"),
        ];
        for (at, (query, code, cause)) in checks.iter().enumerate() {
            for (later, _, _) in &checks[at..] {
                assert_eq!(
                    fault(&format!("{later}&{query}")),
                    (*code, (*cause).to_owned()),
                    "{later} {query}"
                );
            }
        }
        assert_eq!(
            fault("wait=x&dir=x"),
            (209, "invalid value for \"wait\"".to_owned())
        );
    }

    #[test]
    fn a_refresh_needs_a_ttl_and_no_value() {
        assert_eq!(
            fault("refresh=true&value=a"),
            (211, "A value was provided on a refresh".to_owned())
        );
        assert_eq!(
            fault("refresh=true&value="),
            (212, "No TTL value set".to_owned())
        );
        assert_eq!(
            fault("refresh=true&ttl="),
            (212, "No TTL value set".to_owned())
        );
        let params = parse("refresh=1&ttl=5&value=").unwrap();
        assert!(params.refresh);
        assert_eq!(params.ttl, Ttl::new(5));
        assert!(!parse("refresh=false&value=a").unwrap().refresh);
    }

    #[test]
    fn numbers_are_digits() {
        for bad in [
            "%2B5",
            "-1",
            "1.5",
            "+1",
            "0x1",
            "18446744073709551616",
            "",
            "1_0",
        ] {
            assert_eq!(fault(&format!("prevIndex={bad}")).0, 203, "{bad}");
        }
        assert_eq!(parse("prevIndex=0005").unwrap().prev_index, 5);
        assert_eq!(
            parse("waitIndex=18446744073709551615").unwrap().wait_index,
            u64::MAX
        );
    }

    #[test]
    fn a_ttl_of_zero_is_a_ttl_and_an_empty_one_is_none() {
        assert_eq!(parse("ttl=0").unwrap().ttl, Ttl::new(0));
        assert_eq!(parse("ttl=").unwrap().ttl, None);
        assert_eq!(parse("ttl=3155760000").unwrap().ttl, Some(Ttl::MAX));
        assert_eq!(fault("ttl=3155760001").0, 202);
    }

    #[test]
    fn the_body_beats_the_query() {
        let both = |body: &str, query: &str| {
            let body = Bytes::copy_from_slice(body.as_bytes());
            Params::parse(&Method::PUT, Some(&body), Some(query), 100)
        };
        let params = both("value=a&dir=true", "value=b&dir=zzz&recursive=true").unwrap();
        assert_eq!(&params.value[..], b"a");
        assert!(params.dir && params.recursive);
        let error = both("a=%b0%", "b;c").unwrap_err();
        assert_eq!(error.cause, b"invalid URL escape \"%\"");
        assert!(parse("recursive=true&recursive=zzz").is_ok());
        assert!(parse("recursive=zzz&recursive=true").is_err());
    }

    #[test]
    fn values_over_the_limit_are_refused_after_all_other_checks() {
        let long = "%61".repeat(101);
        assert_eq!(
            fault(&format!("value={long}")),
            (210, "http: POST too large".to_owned())
        );
        assert_eq!(
            fault(&format!("prevValue={long}")),
            (210, "http: POST too large".to_owned())
        );
        assert_eq!(fault(&format!("value={long}&ttl=x")).0, 202);
        assert_eq!(
            parse(&format!("value={}", "%61".repeat(100)))
                .unwrap()
                .value
                .len(),
            100
        );
    }

    #[test]
    fn wait_is_for_get_alone() {
        let with = |method| Params::parse(&method, None, Some("wait=true&waitIndex=7"), 100);
        assert!(with(Method::GET).is_ok_and(|params| params.wait && params.wait_index == 7));
        for method in [Method::HEAD, Method::POST, Method::DELETE] {
            assert_eq!(with(method).unwrap_err().code, Code::InvalidField);
        }
    }
}
