use chrono::{DateTime, Utc};

use super::*;
use meridian_wire::DataClass;

fn at(secs: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + secs, 0).unwrap()
}

#[test]
fn a_token_opens_what_its_role_may_see_until_its_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.toml");
    let mut store = TokenStore::open(&path).unwrap();
    let (wall, wall_token) = store.make("Hall 3", Role::Viewer, None, at(0)).unwrap();
    let (_, chief) = store.make("CFO", Role::Executive, Some(at(60)), at(0)).unwrap();
    // What is on the disk is no token.
    let text = std::fs::read_to_string(&path).unwrap();
    let (id, secret) = split(&wall_token).unwrap();
    assert!(text.contains(id) && !text.contains(secret));
    let kept = TokenStore::open(&path).unwrap();
    let grant = kept.check(&wall_token, at(1_000_000)).unwrap();
    assert_eq!((grant.role, grant.name.as_str()), (Role::Viewer, "Hall 3"));
    assert_eq!(grant.role.class(), DataClass::Public);
    assert_eq!(
        kept.check(&chief, at(59)).unwrap().role.class(),
        DataClass::Internal
    );
    assert_eq!(kept.check(&chief, at(60)), Err(Denied::Expired));
    // One letter else, another's id, no token at all.
    let mut altered = wall_token.clone().into_bytes();
    altered[20] = if altered[20] == b'A' { b'B' } else { b'A' };
    assert_eq!(
        kept.check(std::str::from_utf8(&altered).unwrap(), at(0)),
        Err(Denied::Unknown)
    );
    let mixed = format!("mrd_{}_{}", wall.id, split(&chief).unwrap().1);
    assert_eq!(kept.check(&mixed, at(0)), Err(Denied::Unknown));
    for text in ["", "mrd", "mrd__", "mrd_0_1", "hello", "mrd_zzzzzzzzzzzz_AAAA"] {
        assert_eq!(kept.check(text, at(0)), Err(Denied::Malformed), "{text}");
    }
}

#[test]
fn a_revoked_token_is_noticed_by_whoever_reads_the_file_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.toml");
    let mut desk = TokenStore::open(&path).unwrap();
    let (record, token) = desk.make("Hall 3", Role::Director, None, at(0)).unwrap();
    let mut served = TokenStore::open(&path).unwrap();
    assert!(!served.reload_if_changed().unwrap());
    let grant = served.check(&token, at(4)).unwrap();
    assert_eq!(served.still_holds(&grant, at(4)), Ok(()));
    desk.revoke(&record.id, at(5)).unwrap();
    assert!(served.reload_if_changed().unwrap());
    assert_eq!(served.check(&token, at(6)), Err(Denied::Revoked));
    assert_eq!(served.still_holds(&grant, at(6)), Err(Denied::Revoked));
    assert!(
        desk.revoke("nobody", at(6))
            .unwrap_err()
            .to_string()
            .contains("token list")
    );
    // A file that is broken meanwhile changes nothing, and is said once.
    std::fs::write(&path, "token = 3").unwrap();
    assert!(served.reload_if_changed().is_err());
    assert!(!served.reload_if_changed().unwrap());
    assert_eq!(served.list().len(), 1);
    assert!(served.problem().is_some());
}

/// What a token allows is looked at in full, whichever way it changed.
#[test]
fn a_token_that_allows_something_else_holds_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.toml");
    let mut store = TokenStore::open(&path).unwrap();
    let wanted = NewToken {
        name: "Job",
        person: None,
        role: Role::Source,
        numbers: &[7],
        expires: Some(at(60)),
    };
    let (_, token) = store.make_as(&wanted, at(0)).unwrap();
    let grant = store.check(&token, at(1)).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to, denied) in [
        ("numbers = [7]", "numbers = [8]", Denied::Changed),
        ("numbers = [7]\n", "", Denied::Changed),
        (
            "numbers = [7]\nsha256 = \"",
            "numbers = [7]\nsha256 = \"0",
            Denied::Changed,
        ),
        ("\"Job\"", "\"Job\"\nperson = \"Bo\"", Denied::Changed),
        ("\"source\"\nnumbers = [7]", "\"viewer\"", Denied::Changed),
        ("id = \"", "id = \"0", Denied::Unknown),
        (
            "expires = ",
            "expires = \"2001-01-01T00:00:00Z\"\n#",
            Denied::Expired,
        ),
    ] {
        let mut changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        if to.ends_with("sha256 = \"0") {
            // One digit more in front, one less at the end.
            let start = changed.find("sha256 = \"").unwrap() + 10;
            changed.remove(start + 64);
        }
        std::fs::write(&path, &changed).unwrap();
        assert!(store.reload_if_changed().unwrap(), "{changed}");
        assert_eq!(store.still_holds(&grant, at(1)), Err(denied), "{changed}");
    }
    std::fs::write(&path, &text).unwrap();
    assert!(store.reload_if_changed().unwrap());
    assert_eq!(store.still_holds(&grant, at(1)), Ok(()));
}

/// The file is put in place unreadable and made readable afterwards: neither its time nor its length tells of that.
#[cfg(unix)]
#[test]
fn a_revocation_that_could_not_be_read_arrives_once_it_can() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.toml");
    let mut desk = TokenStore::open(&path).unwrap();
    let (record, token) = desk.make("Hall 3", Role::Director, None, at(0)).unwrap();
    let mut served = TokenStore::open(&path).unwrap();
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    desk.revoke(&record.id, at(5)).unwrap();
    mode(0o644);
    let error = served.reload_if_changed().unwrap_err().to_string();
    assert!(error.contains("chmod 600"), "{error}");
    assert!(served.check(&token, at(6)).is_ok() && served.problem().is_some());
    // Said once, tried each time.
    assert!(!served.reload_if_changed().unwrap());
    mode(0o600);
    assert!(served.reload_if_changed().unwrap());
    assert_eq!(
        (served.check(&token, at(6)), served.problem()),
        (Err(Denied::Revoked), None)
    );
}

/// Each of them opened the file before the others changed it.
#[test]
fn those_who_change_the_file_at_once_undo_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.toml");
    let mut first = TokenStore::open(&path).unwrap();
    let old: Vec<String> = (0..8)
        .map(|_| first.make("Old", Role::Viewer, None, at(0)).unwrap().0.id)
        .collect();
    std::thread::scope(|threads| {
        for half in old.chunks(4) {
            let (mut makes, mut revokes) =
                (TokenStore::open(&path).unwrap(), TokenStore::open(&path).unwrap());
            threads.spawn(move || {
                for _ in 0..4 {
                    makes.make("New", Role::Viewer, None, at(1)).unwrap();
                }
            });
            threads.spawn(move || {
                for id in half {
                    revokes.revoke(id, at(2)).unwrap();
                }
            });
        }
    });
    let store = TokenStore::open(&path).unwrap();
    let valid = store.list().iter().filter(|token| token.state(at(3)) == "valid");
    assert_eq!((store.list().len(), valid.count()), (16, 8));
}

#[test]
fn names_that_could_be_taken_for_anothers_and_ids_that_are_there_twice_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.toml");
    let mut store = TokenStore::open(&path).unwrap();
    let problem = store
        .make("Аnna", Role::Director, None, at(0))
        .unwrap_err()
        .to_string();
    assert!(problem.contains("two alphabets"), "{problem}");
    for name in ["Анна", "José", "Anna"] {
        store.make(name, Role::Director, None, at(0)).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let [first, _, third] = [0, 1, 2].map(|at| store.list()[at].id.clone());
    let twice = text.replace(&third, &first);
    let line = |nth: usize| {
        let mut lines = (1..).zip(twice.lines()).filter(|(_, line)| line.contains(&first));
        lines.nth(nth).unwrap().0
    };
    let problem = parse(&twice).unwrap_err();
    let wanted = format!("line {} and line {}", line(0), line(1));
    assert!(problem.contains(&first) && problem.contains(&wanted), "{problem}");
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.toml");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = TokenStore::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("tokens.toml") && error.contains("chmod 600"),
        "{error}"
    );
}

#[test]
fn times_to_end_at() {
    assert_eq!(parse_expiry("12h", at(0)).unwrap(), at(43_200));
    assert_eq!(parse_expiry("2d", at(0)).unwrap(), at(172_800));
    assert_eq!(parse_expiry("2023-11-14T22:13:21Z", at(0)).unwrap(), at(1));
    for text in [
        "",
        "d",
        "-1d",
        "0h",
        "tomorrow",
        "5",
        "9999999999999d",
        "9000000d",
        "9999-12-31T23:59:59-01:00",
    ] {
        assert!(parse_expiry(text, at(0)).unwrap_err().contains("90d"), "{text}");
    }
}

#[test]
fn the_header_is_read_as_it_is_written() {
    assert_eq!(bearer("Bearer abc"), Some("abc"));
    assert_eq!(bearer("bearer  abc "), Some("abc"));
    assert_eq!(bearer("Basic abc"), None);
    assert_eq!(bearer("abc"), None);
}
