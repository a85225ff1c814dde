//! The counters of the store (keys-api 10.1).

use crate::http::answer::document::{OrderedObject, document};
use crate::service::StoreStats;

/// In the order of the reference.
pub(crate) fn body(stats: &StoreStats) -> Vec<u8> {
    document(&OrderedObject(vec![
        ("getsSuccess", stats.gets_success),
        ("getsFail", stats.gets_fail),
        ("setsSuccess", stats.sets_success),
        ("setsFail", stats.sets_fail),
        ("deleteSuccess", stats.delete_success),
        ("deleteFail", stats.delete_fail),
        ("updateSuccess", stats.update_success),
        ("updateFail", stats.update_fail),
        ("createSuccess", stats.create_success),
        ("createFail", stats.create_fail),
        ("compareAndSwapSuccess", stats.compare_and_swap_success),
        ("compareAndSwapFail", stats.compare_and_swap_fail),
        ("compareAndDeleteSuccess", stats.compare_and_delete_success),
        ("compareAndDeleteFail", stats.compare_and_delete_fail),
        ("expireCount", stats.expire_count),
        ("watchers", stats.watchers),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_counters_keep_their_order() {
        let stats = StoreStats {
            gets_success: 28,
            gets_fail: 132,
            watchers: 9,
            ..StoreStats::default()
        };
        assert_eq!(
            String::from_utf8(body(&stats)).unwrap(),
            concat!(
                r#"{"getsSuccess":28,"getsFail":132,"setsSuccess":0,"setsFail":0,"deleteSuccess":0,"deleteFail":0,"#,
                r#""updateSuccess":0,"updateFail":0,"createSuccess":0,"createFail":0,"compareAndSwapSuccess":0,"#,
                r#""compareAndSwapFail":0,"compareAndDeleteSuccess":0,"compareAndDeleteFail":0,"expireCount":0,"#,
                r#""watchers":9}"#
            )
        );
    }
}
