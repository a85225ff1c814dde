use std::path::Path;

use super::*;
use crate::fs::{File, Fs};

fn disk_with(content: &[u8]) -> (SimFs, SimFile) {
    let disk = SimFs::new(1);
    disk.create_dir_all(Path::new("/d")).unwrap();
    let file = disk.create(Path::new("/d/a")).unwrap();
    file.write_all_at(0, content).unwrap();
    (disk, file)
}

#[test]
fn synced_bytes_and_names_survive_every_power_loss() {
    for seed in 0..200 {
        let (disk, file) = disk_with(&[7; 2000]);
        file.sync_data().unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        file.write_all_at(2000, &[8; 3000]).unwrap();
        disk.power_loss(seed);
        let content = disk
            .content(Path::new("/d/a"))
            .expect("the name was synced");
        assert_eq!(&content[..2000], &[7; 2000][..], "seed {seed}");
    }
}

#[test]
fn unsynced_sectors_are_kept_lost_and_torn_somewhere_among_the_seeds() {
    let (mut kept, mut lost, mut torn) = (0, 0, 0);
    for seed in 0..200 {
        let (disk, file) = disk_with(&[0; 4096]);
        file.sync_data().unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        file.write_all_at(0, &[1; 4096]).unwrap();
        disk.power_loss(seed);
        let content = disk.content(Path::new("/d/a")).unwrap();
        for sector in content.chunks(512) {
            assert!(
                sector.iter().all(|byte| *byte == sector[0]),
                "a sector is whole"
            );
        }
        match content.iter().map(|byte| usize::from(*byte)).sum::<usize>() {
            0 => lost += 1,
            4096 => kept += 1,
            _ => torn += 1,
        }
    }
    assert!(kept > 10 && lost > 10 && torn > 10, "{kept} {lost} {torn}");
}

#[test]
fn an_unsynced_name_may_be_lost_and_a_rename_is_never_half_done() {
    let (mut before, mut after) = (0, 0);
    for seed in 0..100 {
        let (disk, file) = disk_with(b"x");
        file.sync_data().unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.rename(Path::new("/d/a"), Path::new("/d/b")).unwrap();
        disk.power_loss(seed);
        match disk.files().as_slice() {
            [path] if path == Path::new("/d/a") => before += 1,
            [path] if path == Path::new("/d/b") => after += 1,
            other => panic!("seed {seed}: {other:?}"),
        }
    }
    assert!(before > 10 && after > 10);
}

#[test]
fn what_a_failed_sync_covered_is_not_covered_by_the_next_one() {
    let mut lost = 0;
    for seed in 0..100 {
        let (disk, file) = disk_with(&[0; 512]);
        file.sync_data().unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        file.write_all_at(0, &[1; 512]).unwrap();
        disk.fail_sync(1);
        file.sync_data().unwrap_err();
        file.sync_data().unwrap();
        disk.power_loss(seed);
        lost += usize::from(disk.content(Path::new("/d/a")).unwrap() == [0; 512]);
    }
    assert!(lost > 10, "a retried sync must not save the bytes");
}

#[test]
fn the_capacity_limit_writes_what_fits_and_then_says_full() {
    let (disk, file) = disk_with(&[0; 1000]);
    disk.set_capacity(Some(1500));
    assert_eq!(file.write_at(1000, &[1; 1000]).unwrap(), 500);
    let error = file.write_at(1500, &[1; 500]).unwrap_err();
    assert!(crate::fs::is_no_space(&error));
    file.write_all_at(0, &[2; 1500]).unwrap();
    assert_eq!(disk.used(), 1500);
}

#[test]
fn faults_fire_at_the_operation_they_were_planned_for() {
    let (disk, file) = disk_with(b"abcdef");
    disk.fail_operation(2, SimFault::Eio);
    file.len().unwrap();
    file.len().unwrap_err();
    file.len().unwrap();
    disk.fail_operation(1, SimFault::ShortWrite);
    assert_eq!(file.write_at(0, b"123456").unwrap(), 3);
    disk.stop_at(1);
    file.len().unwrap_err();
    file.write_at(0, b"x").unwrap_err();
    disk.heal();
    disk.restart();
    assert!(file.len().is_err(), "handles die with the process");
    assert_eq!(disk.content(Path::new("/d/a")).unwrap(), b"123def");
}
