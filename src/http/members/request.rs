//! A request to `/v2/members`, as far as it matters there.

use std::borrow::Cow;

use hyper::Method;
use hyper::header::HeaderValue;

use crate::http::request::upload::UploadLimits;

pub(crate) struct MembersRequest<'a> {
    pub(crate) method: &'a Method,
    /// What follows `/v2/members`.
    pub(crate) below: &'a [u8],
    pub(crate) content_type: Option<&'a HeaderValue>,
    /// What a form may take; a body here is smaller.
    pub(crate) limits: UploadLimits<'a>,
}

impl MembersRequest<'_> {
    /// The last part of the path: the id of a member, `leader`, or nothing.
    pub(crate) fn name(&self) -> &[u8] {
        self.below.strip_prefix(b"/").unwrap_or(self.below)
    }

    /// The id of PUT and DELETE, as it stands in the path.
    pub(crate) fn id(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.name())
    }
}
