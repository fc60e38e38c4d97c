use super::*;

/// A director whose token is called as they are.
fn named(name: &str) -> Director {
    Director {
        token: name.to_owned(),
        name: name.to_owned(),
        person: None,
        grant: String::new(),
    }
}

#[test]
fn two_tokens_of_one_person_are_one_director() {
    let director = |token: &str, name: &str, person: Option<&str>| Director {
        token: token.to_owned(),
        name: name.to_owned(),
        person: person.map(str::to_owned),
        grant: String::new(),
    };
    let release = |first: &Director, second: &Director| {
        let mut desk = DirectorState::default();
        desk.hold_for("orders fell");
        assert_eq!(
            desk.carry_out(&Command::Release, first, 0),
            Ok(Outcome::NeedsSecond)
        );
        // A restart in between changes nothing.
        let mut desk: DirectorState = serde_json::from_str(&serde_json::to_string(&desk).unwrap()).unwrap();
        let outcome = desk.carry_out(&Command::Release, second, 1);
        assert_eq!(outcome.is_ok(), !desk.is_held());
        outcome.is_ok()
    };
    let anna = director("1", "Anna Li", None);
    for (second, two) in [
        (director("2", "Bo", None), true),
        (director("1", "Bo", None), false),
        (director("2", "Anna Li", None), false),
        (director("2", "  anna\u{a0}LI ", None), false),
        (director("2", "AnnaLi", None), false),
        (director("2", "Аnna Li", None), false),
        (director("2", "Ａｎｎａ Ｌｉ", None), false),
        (director("2", "Desk 2", Some("anna li")), false),
        (director("2", "Anna Li", Some("Bo")), false),
        (director("2", "Desk 2", Some("Bo")), true),
    ] {
        assert_eq!(release(&anna, &second), two, "{second:?}");
        assert_eq!(release(&second, &anna), two, "{second:?}");
    }
    // Where both say whose they are, that counts and their names don't.
    let first = director("1", "Desk", Some("Anna"));
    assert!(release(&first, &director("2", "Desk", Some("Bo"))));
    assert!(!release(&first, &director("2", "Desk 2", Some("ANNA"))));
}

#[test]
fn a_request_of_an_older_state_is_one_of_a_name() {
    let text = r#"{"held_by":"x","rehearsal":false,"delay_ms":0,"scene":null,"scene_number":0,"asked":["1","Anna",5]}"#;
    let mut desk: DirectorState = serde_json::from_str(text).unwrap();
    let again = Director {
        token: "2".to_owned(),
        ..named("anna")
    };
    assert!(desk.carry_out(&Command::Release, &again, 6).is_err());
    assert!(desk.carry_out(&Command::Release, &named("bo"), 7).is_ok() && !desk.is_held());
}

#[test]
fn who_asked_and_may_not_direct_any_more_is_no_first_of_two() {
    let (anna, bo) = (named("anna"), named("bo"));
    let asked = || {
        let mut desk = DirectorState::default();
        desk.hold_for("orders fell");
        let first = Director {
            grant: "then".to_owned(),
            ..anna.clone()
        };
        desk.carry_out(&Command::Release, &first, 0).unwrap();
        // A restart in between changes nothing.
        serde_json::from_str::<DirectorState>(&serde_json::to_string(&desk).unwrap()).unwrap()
    };
    let mut desk = asked();
    let holds = |token: &str, grant: &str| (token, grant) == ("anna", "then");
    assert_eq!(desk.forget_request_unless(holds), None);
    assert!(matches!(
        desk.carry_out(&Command::Release, &bo, 1),
        Ok(Outcome::Done(_))
    ));
    let mut desk = asked();
    assert_eq!(
        desk.forget_request_unless(|_, grant| grant == "now").as_deref(),
        Some("anna")
    );
    assert_eq!(
        desk.carry_out(&Command::Release, &bo, 1),
        Ok(Outcome::NeedsSecond)
    );
    assert!(desk.is_held());
    assert_eq!(DirectorState::default().forget_request_unless(|_, _| false), None);
}

#[test]
fn one_token_asks_for_so_much_a_minute_and_may_always_hold() {
    let mut pace = Pace::default();
    let scene = Command::Scene { scene: Scene::Globe };
    for number in 0..500 {
        assert_eq!(pace.allows(&scene, "a", 70_000 + number), number < 120);
    }
    assert!(pace.allows(&Command::Hold, "a", 70_600) && pace.allows(&Command::Status, "a", 70_600));
    assert!(!pace.allows(&Command::Release, "a", 70_600) && pace.allows(&scene, "b", 70_600));
    assert!(pace.allows(&scene, "a", 130_100));
}

#[test]
fn one_holds_and_two_release() {
    let mut desk = DirectorState::default();
    let release = |desk: &mut DirectorState, person: &str, now_ms| {
        desk.carry_out(&Command::Release, &named(person), now_ms)
    };
    assert_eq!(release(&mut desk, "anna", 0), Ok(Outcome::Unchanged));
    desk.carry_out(&Command::Hold, &named("anna"), 1).unwrap();
    assert!(desk.is_held() && desk.direct(2).held);
    assert_eq!(release(&mut desk, "anna", 10), Ok(Outcome::NeedsSecond));
    assert!(
        release(&mut desk, "anna", 20)
            .unwrap_err()
            .to_string()
            .contains("another director")
    );
    assert!(desk.is_held());
    assert_eq!(
        release(&mut desk, "bo", 30),
        Ok(Outcome::Done("released by anna and bo".to_owned()))
    );
    assert!(!desk.is_held());
}

#[test]
fn an_old_or_overruled_request_counts_for_nothing() {
    let mut desk = DirectorState::default();
    assert!(desk.hold_for("orders fell"));
    assert!(!desk.hold_for("again"));
    assert_eq!(desk.held_by(), Some("orders fell"));
    let release = |desk: &mut DirectorState, person: &str, now_ms| {
        desk.carry_out(&Command::Release, &named(person), now_ms).unwrap()
    };
    assert_eq!(release(&mut desk, "anna", 0), Outcome::NeedsSecond);
    assert_eq!(
        release(&mut desk, "bo", AGREE_WITHIN_MS + 1),
        Outcome::NeedsSecond
    );
    // Somebody says hold in between: what was asked for before is gone.
    desk.carry_out(&Command::Hold, &named("cy"), AGREE_WITHIN_MS + 2)
        .unwrap();
    assert_eq!(
        release(&mut desk, "anna", AGREE_WITHIN_MS + 3),
        Outcome::NeedsSecond
    );
    assert!(desk.is_held());
}

#[test]
fn a_scene_is_told_once_for_each_time_it_was_asked_for() {
    let mut desk = DirectorState::default();
    assert!(desk.is_plain());
    // Also where the clock is set back.
    for (now_ms, number) in [(5, 5), (5, 6), (2, 7)] {
        let scene = Scene::Showroom(Some("shoe".to_owned()));
        desk.carry_out(&Command::Scene { scene }, &named("anna"), now_ms)
            .unwrap();
        assert_eq!(desk.direct(0).scene_number, number);
    }
    assert_eq!(desk.direct(0).scene.as_deref(), Some("showroom:shoe"));
    let long = Command::Delay {
        delay_ms: MAX_DELAY_MS + 1,
    };
    assert!(desk.carry_out(&long, &named("anna"), 0).is_err());
    let text = serde_json::to_string(&Command::Delay { delay_ms: 5_000 }).unwrap();
    assert_eq!(text, r#"{"action":"delay","delay_ms":5000}"#);
    let kept: DirectorState = serde_json::from_str(&serde_json::to_string(&desk).unwrap()).unwrap();
    assert_eq!(kept, desk);
}
