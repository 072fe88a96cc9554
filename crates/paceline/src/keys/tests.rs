//! Room for keys, and what a rotation leaves.

use super::{By, KeyError, Keys, Wanted};
use paceline_gateway::config::KeyValue;
use paceline_store::control::{Control, Deed, MAX_KEYS, StoredKey};
use paceline_store::memory_control::MemoryControl;
use paceline_types::rules::Rights;
use paceline_types::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

fn wanted(name: &str) -> Wanted {
    Wanted { name: name.into(), tenant: "t".into(), workspace: "w".into(), rights: Rights::default() }
}

fn by() -> By {
    By { who: "local", detail: "{}".into() }
}

#[test]
fn there_is_room_for_so_many_and_revoked_ones_give_way() {
    let control = Arc::new(MemoryControl::default());
    let deed = Deed {
        id: 0,
        at: Timestamp(1),
        who: String::new(),
        action: String::new(),
        object: String::new(),
        detail: String::new(),
    };
    for number in 0..MAX_KEYS {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_le_bytes());
        let key = StoredKey {
            name: format!("key-{number}").as_str().into(),
            tenant: "t".into(),
            workspace: "w".into(),
            hash,
            ending: "wxyz".into(),
            old: None,
            created_at: Timestamp(1),
            changed_at: Timestamp(1),
            revoked_at: None,
            rights: Rights::default(),
        };
        control.put_key(&key, &deed).unwrap();
    }
    let keys = Keys::open(control, [7; 32]).unwrap();
    assert!(matches!(keys.create(wanted("one-more"), &by()), Err(KeyError::TooMany)));
    keys.revoke("key-5", &by()).unwrap();
    keys.create(wanted("one-more"), &by()).unwrap();
    assert_eq!((keys.all().len(), keys.get("key-5")), (MAX_KEYS, None));
    assert!(matches!(keys.create(wanted("two-more"), &by()), Err(KeyError::TooMany)));
}

#[test]
fn the_old_value_of_a_rotated_key_has_an_end_of_its_own() {
    let keys = Keys::open(Arc::new(MemoryControl::default()), [7; 32]).unwrap();
    let (first, made) = keys.create(wanted("a"), &by()).unwrap();
    assert_eq!(made.hash, keys.hash_key().hash(&first));
    let (_, rotated) = keys.rotate("a", Duration::from_mins(1), &by()).unwrap();
    let all: Vec<_> = super::key_configs(&rotated).collect();
    let hashes = all.iter().map(|key| match key.value {
        KeyValue::Hashed(hash) => hash,
        KeyValue::Plain(_) => [0; 32],
    });
    assert_eq!(hashes.collect::<Vec<_>>(), [rotated.hash, made.hash]);
    let ends: Vec<_> = all.iter().map(|key| key.rights.expires_at).collect();
    assert_eq!(ends, [None, Some(Timestamp(rotated.changed_at.0 + 60_000_000))]);
}
