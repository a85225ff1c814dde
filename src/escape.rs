//! Which bytes a path of a URL carries as they are: the original's rule, for the client's requests and the server's
//! redirects alike (etcdctl reference 5, keys-api 4).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// What is percent-encoded in a path: all but letters, digits and what the original leaves alone.
pub(crate) const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');
