//! The pointer byte by byte, and a machine that stops at every operation of a switch.

use wal::fs::OsFs;
use wal::fs::sim::SimFs;

use super::*;

#[test]
fn the_text_is_the_documented_one_and_every_other_is_damage() {
    let text = encode("store-1");
    assert!(text.starts_with("etcd2 store, format 1\ndirectory store-1\ncheck "));
    assert_eq!(
        decode(text.as_bytes()),
        FoundPointer::To("store-1".to_owned())
    );
    assert_eq!(
        decode(encode(FIRST).as_bytes()),
        FoundPointer::To(FIRST.to_owned())
    );
    let damaged = |bytes: &[u8]| matches!(decode(bytes), FoundPointer::Damaged(_));
    for end in 0..text.len() {
        assert!(damaged(&text.as_bytes()[..end]), "cut at {end}");
    }
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            assert!(damaged(&bytes), "bit {bit} of byte {at}");
        }
    }
    for name in [
        "",
        "wal",
        "store-",
        "store-0",
        "store-01",
        "store-x",
        "../store",
        "store-1/x",
    ] {
        assert!(
            damaged(encode(name).as_bytes()) && !is_store(name),
            "{name}"
        );
    }
}

#[test]
fn a_machine_that_stops_at_any_operation_has_the_old_store_or_the_new_one() {
    let data = Path::new("/data");
    for seed in 0..10 {
        let mut kept = 0;
        for step in 1..20 {
            let disk = SimFs::new(seed);
            disk.create_dir_all(data).expect("made");
            disk.sync_dir(Path::new("/")).expect("synced");
            switch(&disk, data, "store-1").expect("the first");
            disk.stop_at(step);
            let done = switch(&disk, data, "store-2").is_ok();
            disk.heal();
            disk.power_loss(seed * 100 + step);
            let found = read(&disk, data).expect("readable");
            let to = |name: &str| found == FoundPointer::To(name.to_owned());
            assert!(
                to("store-2") || (to("store-1") && !done),
                "seed {seed} step {step}: {found:?}"
            );
            kept += u64::from(to("store-1"));
        }
        assert!(kept > 3, "it was stopped before the switch {kept} times");
    }
}

#[test]
fn names_are_never_used_again_and_others_are_removed() {
    let scratch = tempfile::tempdir().expect("a directory");
    let data = scratch.path();
    let next = || next_name(&OsFs, data).expect("listed");
    assert_eq!(next(), "store-1");
    for name in ["store", "store-2", "store-x", "wal", "store-1"] {
        std::fs::create_dir(data.join(name)).expect("made");
        std::fs::write(data.join(name).join("file"), "").expect("written");
    }
    assert_eq!(next(), "store-3");
    switch(&OsFs, data, "store-9").expect("switched");
    assert_eq!(next(), "store-10");
    switch(&OsFs, data, "store-2").expect("switched");
    assert!(switch(&OsFs, data, "wal").is_err());
    let chosen = directory(&OsFs, data);
    assert_eq!(chosen, data.join("store-2"));
    remove_others(&OsFs, data, &chosen);
    assert_eq!(stores(data).expect("listed"), ["store-2"]);
    assert!(data.join("store-x/file").exists() && data.join("wal/file").exists());
}
