//! Decisions about codes, many at once: limits of one official, a second one, appeals, and a clock that went back.

mod database;

use std::collections::BTreeSet;

use database::Database;
use futures_util::future::join_all;
use mashang_domain::health::appeal::{AppealRefused, AppealState};
use mashang_domain::health::request::RequestRefused;
use mashang_domain::health::{
    Colour, Event, Fact, Ground, IntegrityKind, ManualLimits, Refused, RequestState, RuleSet,
};
use mashang_domain::person::{Actor, Division, Role};
use mashang_domain::time::{DAY, HOUR, MINUTE, Timestamp};
use mashang_entity::{appeal, colour_change, health_change};
use mashang_infra::db::{Db, is_transient};
use mashang_infra::health::appeals::{Complaint, Verdict};
use mashang_infra::health::by_hand::{self, Paper, Wish};
use mashang_infra::health::decision::{Bench, DecisionError, Official};
use mashang_infra::health::{Happening, appeals, apply};
use mashang_infra::keys::{KeyFileSecrets, KeyRing};
use mashang_infra::store::{appeal as appeal_store, health as store};
use sea_orm::EntityTrait;
use uuid::Uuid;

const NOON: Timestamp = Timestamp(1_581_393_600_000);
const LIMITS: ManualLimits = ManualLimits { alone_per_hour: 50, second_for_red: true };

/// The bench of a test.
struct Court {
    rules: RuleSet,
    keys: KeyRing,
}

impl Court {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let secrets = KeyFileSecrets::create(&dir.path().join("k.toml")).expect("made");
        Self { rules: RuleSet::shipped(), keys: KeyRing::from_secrets(&secrets) }
    }

    fn at(&self, now: Timestamp) -> Bench<'_> {
        Bench { rules: &self.rules, limits: LIMITS, keys: &self.keys, now }
    }

    /// Lets something happen to people.
    async fn happens(&self, db: &Db, people: impl IntoIterator<Item = u128>, event: impl Fn(u128) -> Event) {
        let happening = |person| Happening {
            person: Uuid::from_u128(person),
            division: "530102".to_owned(),
            event: event(person),
            actor: Actor::System("test"),
        };
        let happenings: Vec<Happening> = people.into_iter().map(happening).collect();
        let tx = db.begin_write().await.expect("begun");
        apply(&*tx, &self.rules, &happenings, NOON).await.expect("applied");
        tx.commit().await.expect("committed");
    }

    async fn declare(&self, db: &Db, people: impl IntoIterator<Item = u128>, facts: &[Fact]) {
        let facts: BTreeSet<Fact> = facts.iter().copied().collect();
        let event = |n: u128| Event::Declared { facts: facts.clone(), declaration: Uuid::from_u128(n << 64) };
        self.happens(db, people, event).await;
    }

    async fn ask(
        &self,
        db: &Db,
        by: u128,
        person: u128,
        to: Colour,
        now: Timestamp,
    ) -> Result<colour_change::Model, DecisionError> {
        let tx = db.begin_write().await?;
        let made = by_hand::ask(&*tx, self.at(now), &official(by), wish(person, to)).await?;
        tx.commit().await?;
        Ok(made)
    }

    async fn confirm(
        &self,
        db: &Db,
        by: u128,
        id: Uuid,
        now: Timestamp,
    ) -> Result<RequestState, DecisionError> {
        let tx = db.begin_write().await?;
        let made = by_hand::confirm(&*tx, self.at(now), &official(by), id).await?;
        tx.commit().await?;
        Ok(made.state)
    }

    async fn refuse(
        &self,
        db: &Db,
        by: u128,
        id: Uuid,
        now: Timestamp,
    ) -> Result<RequestState, DecisionError> {
        let tx = db.begin_write().await?;
        let made = by_hand::refuse(&*tx, self.at(now), &official(by), id).await?;
        tx.commit().await?;
        Ok(made.state)
    }

    async fn appeal(&self, db: &Db, person: u128, now: Timestamp) -> Result<appeal::Model, DecisionError> {
        let complaint =
            Complaint { text: "我没有去过那里".to_owned(), documents: vec!["票号 1".to_owned()] };
        let tx = db.begin_write().await?;
        let made = appeals::file(&*tx, self.at(now), Uuid::from_u128(person), &complaint, 24).await?;
        tx.commit().await?;
        Ok(made)
    }

    async fn decide(
        &self,
        db: &Db,
        by: u128,
        id: Uuid,
        to: Option<Colour>,
        now: Timestamp,
    ) -> Result<AppealState, DecisionError> {
        let verdict = Verdict { to, reason: "核实".to_owned() };
        let tx = db.begin_write().await?;
        let made = appeals::decide(&*tx, self.at(now), &official(by), id, &verdict).await?;
        tx.commit().await?;
        Ok(made.state)
    }
}

fn official(n: u128) -> Official {
    let id = Uuid::from_u128(0xff00 + n);
    Official { id, role: Role::Official, division: Division::parse_stored("5301") }
}

fn wish(person: u128, to: Colour) -> Wish {
    let ground = if to == Colour::Green { Ground::RecordError } else { Ground::ClinicalFinding };
    let paper = Paper { document: "昆卫函〔2020〕12号".to_owned(), note: None };
    Wish { person: Uuid::from_u128(person), to, ground, paper }
}

async fn colour(db: &Db, person: u128) -> Colour {
    store::by_person(db.conn(), Uuid::from_u128(person)).await.expect("asked").expect("a code").colour
}

/// Tries again what found no free connection or waited too long for its turn: two hundred are more than a pool serves at
/// once.
async fn patiently<T>(
    mut attempt: impl AsyncFnMut() -> Result<T, DecisionError>,
) -> Result<T, DecisionError> {
    loop {
        match attempt().await {
            Err(DecisionError::Db(error)) if is_transient(&error) => {}
            done => return done,
        }
    }
}

fn states(made: Vec<Result<colour_change::Model, DecisionError>>) -> (usize, usize) {
    let made: Vec<_> = made.into_iter().map(|row| row.expect("taken").state).collect();
    let count = |state| made.iter().filter(|s| **s == state).count();
    (count(RequestState::Applied), count(RequestState::AwaitingSecond))
}

#[tokio::test]
async fn fifty_changes_alone_and_the_next_wants_a_second() {
    for database in Database::all().await {
        let (db, court) = (&database.db, Court::new());
        court.declare(db, 1..=60, &[]).await;
        for person in 1..=50 {
            let made = court.ask(db, 1, person, Colour::Yellow, NOON).await.expect("taken");
            assert_eq!(made.state, RequestState::Applied, "{} {person}", database.name);
        }
        let next = court.ask(db, 1, 51, Colour::Yellow, NOON + HOUR - 1).await.expect("taken");
        assert_eq!(next.state, RequestState::AwaitingSecond, "{}", database.name);
        assert_eq!(colour(db, 51).await, Colour::Green);
        let other = court.ask(db, 2, 52, Colour::Yellow, NOON).await.expect("taken");
        assert_eq!(other.state, RequestState::Applied, "the limit is that of one official");
        let later = court.ask(db, 1, 53, Colour::Yellow, NOON + HOUR).await.expect("taken");
        assert_eq!(later.state, RequestState::Applied, "an hour ago is no longer within the hour");
        database.close().await;
    }
}

#[tokio::test]
async fn a_clock_that_went_back_gives_nobody_more_changes() {
    for database in Database::all().await {
        let (db, court) = (&database.db, Court::new());
        court.declare(db, 1..=53, &[]).await;
        for person in 1..=50 {
            court.ask(db, 1, person, Colour::Yellow, NOON + 5 * HOUR).await.expect("taken");
        }
        let before = NOON + MINUTE;
        let next = court.ask(db, 1, 51, Colour::Yellow, before).await.expect("taken");
        assert_eq!(next.state, RequestState::AwaitingSecond, "{}", database.name);
        // What worsens holds at any time; what lightens waits for the clock.
        let lighter = court.ask(db, 2, 1, Colour::Green, before).await;
        assert!(matches!(lighter, Err(DecisionError::Rule(Refused::ClockBehind))), "{lighter:?}");
        assert_eq!(colour(db, 1).await, Colour::Yellow);
        let worse = court.ask(db, 2, 1, Colour::Red, before).await.expect("taken");
        court.confirm(db, 3, worse.id, before - HOUR).await.expect("confirmed");
        assert_eq!(colour(db, 1).await, Colour::Red);
        let changes = store::changes_of(db.conn(), Uuid::from_u128(1), None, 10).await.expect("read");
        assert!(changes.windows(2).all(|two| two[0].at >= two[1].at), "no history goes back: {changes:?}");
        database.close().await;
    }
}

#[tokio::test]
async fn of_two_hundred_changes_at_once_fifty_are_made_alone() {
    for database in Database::all().await {
        let (db, court) = (&database.db, Court::new());
        court.declare(db, 1..=200, &[]).await;
        let asked = (1..=200u128).map(|person| {
            let court = &court;
            patiently(async move || court.ask(db, 1, person, Colour::Yellow, NOON).await)
        });
        let made = join_all(asked).await;
        assert_eq!(states(made), (50, 150), "{}", database.name);
        let yellow = "SELECT count(*) FROM health WHERE colour = 'yellow'";
        assert_eq!(database.number(yellow).await, 50);
        database.close().await;
    }
}

#[tokio::test]
async fn of_two_hundred_decisions_on_one_request_one_counts() {
    for database in Database::all().await {
        let (db, court) = (&database.db, Court::new());
        court.declare(db, [1], &[]).await;
        let request = court.ask(db, 1, 1, Colour::Red, NOON).await.expect("taken").id;
        let decisions = (0..200u128).map(|n| {
            let court = &court;
            patiently(async move || match n % 2 {
                0 => court.confirm(db, 2 + n, request, NOON).await,
                _ => court.refuse(db, 2 + n, request, NOON).await,
            })
        });
        let decided = join_all(decisions).await;
        let won: Vec<RequestState> = decided.iter().filter_map(|d| d.as_ref().ok().copied()).collect();
        assert_eq!(won.len(), 1, "{}: {won:?}", database.name);
        for lost in decided.iter().filter_map(|d| d.as_ref().err()) {
            assert!(matches!(lost, DecisionError::Request(RequestRefused::WrongState(_))), "{lost:?}");
        }
        let (manual, applied) = match won[0] {
            RequestState::Applied => (1, Colour::Red),
            _ => (0, Colour::Green),
        };
        assert_eq!(colour(db, 1).await, applied);
        let changes = health_change::Entity::find().all(db.conn()).await.expect("read");
        assert_eq!(changes.iter().filter(|c| c.second_id.is_some()).count(), manual);
        database.close().await;
    }
}

#[tokio::test]
async fn red_waits_for_another_official_of_the_division() {
    for database in Database::all().await {
        let (db, court) = (&database.db, Court::new());
        court.declare(db, 1..=3, &[]).await;
        let request = court.ask(db, 1, 1, Colour::Red, NOON).await.expect("taken");
        assert_eq!((request.state, colour(db, 1).await), (RequestState::AwaitingSecond, Colour::Green));
        for own in [court.confirm(db, 1, request.id, NOON).await, court.refuse(db, 1, request.id, NOON).await]
        {
            let same = matches!(own, Err(DecisionError::Request(RequestRefused::SameOfficial)));
            assert!(same, "{}: {own:?}", database.name);
        }
        let again = court.ask(db, 2, 1, Colour::Red, NOON).await;
        assert!(matches!(again, Err(DecisionError::Waiting)), "one request at a time: {again:?}");
        let tx = db.begin_write().await.expect("begun");
        let stranger = Official { division: Division::parse_stored("3301"), ..official(9) };
        let far = by_hand::confirm(&*tx, court.at(NOON), &stranger, request.id).await;
        assert!(matches!(far, Err(DecisionError::NotFound)), "{far:?}");
        let far = by_hand::ask(&*tx, court.at(NOON), &stranger, wish(2, Colour::Yellow)).await;
        assert!(matches!(far, Err(DecisionError::NotFound)), "{far:?}");
        tx.rollback().await.expect("rolled back");
        court.confirm(db, 2, request.id, NOON + DAY - 1).await.expect("confirmed");
        let code = store::by_person(db.conn(), Uuid::from_u128(1)).await.expect("asked").expect("a code");
        assert_eq!((code.set_by, code.set_second), (Some(official(1).id), Some(official(2).id)));
        // A day later it is too late, and another request may be made.
        let late = court.ask(db, 1, 2, Colour::Red, NOON).await.expect("taken");
        let expired = court.confirm(db, 2, late.id, NOON + DAY).await;
        let wrong = RequestRefused::WrongState(RequestState::Expired);
        assert!(matches!(expired, Err(DecisionError::Request(is)) if is == wrong), "{expired:?}");
        court.ask(db, 2, 2, Colour::Red, NOON + DAY).await.expect("taken");
        assert_eq!(colour(db, 2).await, Colour::Green);
        database.close().await;
    }
}

#[tokio::test]
async fn who_set_a_colour_does_not_decide_on_it() {
    for database in Database::all().await {
        let (db, court) = (&database.db, Court::new());
        court.declare(db, [1], &[]).await;
        let request = court.ask(db, 1, 1, Colour::Red, NOON).await.expect("taken").id;
        court.confirm(db, 2, request, NOON).await.expect("confirmed");
        let filed = court.appeal(db, 1, NOON + HOUR).await.expect("filed");
        assert_eq!((filed.colour, filed.due_at), (Colour::Red, NOON + 25 * HOUR));
        let again = court.appeal(db, 1, NOON + HOUR).await;
        assert!(matches!(again, Err(DecisionError::Appeal(AppealRefused::AlreadyOpen))), "{again:?}");
        for own in [1, 2] {
            let refused = court.decide(db, own, filed.id, None, NOON + HOUR).await;
            let own = matches!(refused, Err(DecisionError::Appeal(AppealRefused::OwnDecision)));
            assert!(own, "{}: {refused:?}", database.name);
        }
        let granted = court.decide(db, 3, filed.id, Some(Colour::Yellow), NOON + 2 * HOUR).await;
        assert!(matches!(granted, Ok(AppealState::Granted)), "{granted:?}");
        assert_eq!(colour(db, 1).await, Colour::Yellow);
        // The yellow one is the decision of the third.
        let filed = court.appeal(db, 1, NOON + 3 * HOUR).await.expect("filed");
        let refused = court.decide(db, 3, filed.id, Some(Colour::Green), NOON + 3 * HOUR).await;
        assert!(matches!(refused, Err(DecisionError::Appeal(AppealRefused::OwnDecision))), "{refused:?}");
        court.decide(db, 1, filed.id, Some(Colour::Green), NOON + 3 * HOUR).await.expect("decided");
        assert_eq!(colour(db, 1).await, Colour::Green);
        let none = court.appeal(db, 1, NOON + 4 * HOUR).await;
        assert!(matches!(none, Err(DecisionError::Appeal(AppealRefused::NotRestricted))), "{none:?}");
        database.close().await;
    }
}

#[tokio::test]
async fn a_granted_appeal_lifts_the_false_declaration_that_it_is_about() {
    for database in Database::all().await {
        let (db, court) = (&database.db, Court::new());
        court.declare(db, [1, 2], &[]).await;
        let contradicted = |n: u128| Event::Contradicted { record: Uuid::from_u128(700 + n) };
        court.happens(db, [1, 2], contradicted).await;
        for (person, to) in [(1, Some(Colour::Green)), (2, None)] {
            let filed = court.appeal(db, person, NOON + HOUR).await.expect("filed");
            court.decide(db, 3, filed.id, to, NOON + HOUR).await.expect("decided");
            let id = Uuid::from_u128(person);
            let entries = appeal_store::integrity_of(db.conn(), id).await.expect("read");
            let kinds: Vec<IntegrityKind> = entries.iter().map(|entry| entry.kind).collect();
            if to.is_some() {
                let both = [IntegrityKind::FalseDeclaration, IntegrityKind::Lifted];
                assert_eq!(kinds, both, "{}: appended, nothing taken away", database.name);
                assert_eq!(entries[1].refers_to, Some(entries[0].id));
            } else {
                assert_eq!(kinds, [IntegrityKind::FalseDeclaration], "{}", database.name);
            }
        }
        assert_eq!([colour(db, 1).await, colour(db, 2).await], [Colour::Green, Colour::Red]);
        database.close().await;
    }
}

#[tokio::test]
async fn of_many_decisions_on_one_appeal_one_counts() {
    for database in Database::all().await {
        let (db, court) = (&database.db, Court::new());
        court.declare(db, [1], &[Fact::DeclaredSymptom]).await;
        let filed = court.appeal(db, 1, NOON).await.expect("filed").id;
        let decisions = (0..40u128).map(|n| {
            let (court, to) = (&court, (n % 2 == 0).then_some(Colour::Green));
            patiently(async move || court.decide(db, 10 + n, filed, to, NOON).await)
        });
        let decided = join_all(decisions).await;
        assert_eq!(decided.iter().filter(|d| d.is_ok()).count(), 1, "{}", database.name);
        database.close().await;
    }
}
