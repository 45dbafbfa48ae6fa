//! Declaring one's health: who somebody is, where they come from, how they are. The first colour comes in the same answer.

use chrono::NaiveDate;
use mashang_domain::health::{Event, HealthState};
use mashang_domain::person::identity::{GUARDIAN_BELOW, age};
use mashang_domain::person::{IdentityNumber, check_division_code};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::declaration;
use mashang_infra::health::statement::Statement;
use mashang_infra::health::{Happening, apply};
use mashang_infra::store::declaration as declarations;
use uuid::Uuid;

use super::{changed, outcome, require, state};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::Citizen;
use crate::state::App;

/// Longest free text of a declaration, in characters.
const TEXT_MAX: usize = 200;
/// How long ago somebody may have arrived, in days.
const ARRIVAL_DAYS: i64 = 365;

/// What a citizen states and consents to.
pub struct Form {
    pub statement: Statement,
    pub identity: IdentityNumber,
    pub division_code: String,
    pub consent: Consent,
}

/// The two ticks, and the notice that they belong to.
pub struct Consent {
    pub notice_version: String,
    pub given: bool,
    pub health_data: bool,
}

/// A declaration that was made.
pub struct Declared {
    pub id: Uuid,
    pub at: Timestamp,
    pub state: HealthState,
}

/// Declares. The newest declaration is in force; earlier ones stay as history. What makes a colour milder is decided by
/// days and by people, never by declaring again.
///
/// # Errors
/// `invalid` with the fields that are wrong, `notice_outdated`.
pub async fn declare(app: &App, citizen: &Citizen, form: Form) -> Answer<Declared> {
    require(app)?;
    let now = app.clock.now();
    check(app, &form, now.shanghai_day())?;
    let id = Uuid::now_v7();
    let Form { statement, identity, division_code, .. } = form;
    let row = declaration::Model {
        id,
        person_id: citizen.person_id,
        division_code: division_code.clone(),
        identity_hash: app.keys.identity_hash(&identity),
        sealed: statement.seal(&app.keys, id)?,
        key_version: app.keys.current_version(),
        notice_version: app.settings.health.notice_version.clone(),
        guardian: statement.guardian.is_some(),
        created_at: now,
    };
    let rules = app.rules.current();
    let facts = statement.declared().facts(rules.fever);
    let tx = app.db.begin_write().await?;
    declarations::insert(&*tx, row).await?;
    let happening = Happening {
        person: citizen.person_id,
        division: division_code,
        event: Event::Declared { facts, declaration: id },
        actor: citizen.actor(),
    };
    for done in apply(&*tx, &rules, &[happening], now).await? {
        outcome(done)?;
    }
    tx.commit().await?;
    changed(app, [citizen.person_id]).await;
    Ok(Declared { id, at: now, state: state(app, citizen.person_id).await? })
}

fn check(app: &App, form: &Form, today: NaiveDate) -> Answer<()> {
    let Form { statement, identity, division_code, consent } = form;
    if !consent.given {
        return Err(Problem::field("consent", "required", "请阅读告知书并同意 / consent to the notice"));
    }
    if !consent.health_data {
        let text = "健康信息属敏感个人信息，请单独勾选同意 / health data need a consent of their own";
        return Err(Problem::field("consent_health_data", "required", text));
    }
    let wanted = &app.settings.health.notice_version;
    if consent.notice_version != *wanted {
        return Err(Problem::new(Code::NoticeOutdated).with("notice_version", wanted.as_str()));
    }
    let code = |field: &str, code: &str| {
        check_division_code(code).map_err(|e| Problem::field(field, "division_code_invalid", e.to_string()))
    };
    code("division_code", division_code)?;
    if let Some(arrival) = &statement.arrival {
        code("arrival.division_code", &arrival.division_code)?;
        let days = today.signed_duration_since(arrival.on).num_days();
        if !(0..=ARRIVAL_DAYS).contains(&days) {
            return Err(Problem::field("arrival.on", "out_of_range", "not in the future, within a year"));
        }
    }
    let texts = [
        ("address", statement.address.as_deref()),
        ("guardian.name", statement.guardian.as_ref().map(|g| g.name.as_str())),
        ("guardian.relation", statement.guardian.as_ref().map(|g| g.relation.as_str())),
    ];
    for (field, text) in texts {
        let fits = |t: &str| (1..=TEXT_MAX).contains(&t.trim().chars().count());
        if text.is_some_and(|t| !fits(t)) {
            return Err(Problem::field(field, "length", format!("1 to {TEXT_MAX} characters")));
        }
    }
    check_guardian(statement, identity, today)
}

fn check_guardian(statement: &Statement, identity: &IdentityNumber, today: NaiveDate) -> Answer<()> {
    let born = identity.birth_date().or(statement.birth_date);
    let Some(born) = born else {
        let text = "该证件号码不含出生日期，请填写 / the number does not tell the birth date";
        return Err(Problem::field("birth_date", "required", text));
    };
    let years =
        age(born, today).ok_or_else(|| Problem::field("birth_date", "out_of_range", "in the future"))?;
    if years < GUARDIAN_BELOW && statement.guardian.is_none() {
        let text = "未满14周岁须由监护人同意并填写监护人 / a guardian consents for children under 14";
        return Err(Problem::field("guardian", "required", text));
    }
    Ok(())
}

/// The own declarations, newest first, opened.
pub async fn list(
    app: &App,
    citizen: &Citizen,
    before: Option<Uuid>,
    limit: u64,
) -> Answer<Vec<(declaration::Model, Statement)>> {
    require(app)?;
    let rows = declarations::of_person(app.db.conn(), citizen.person_id, before, limit).await?;
    let open = |row: declaration::Model| {
        let statement = Statement::open(&app.keys, &row, Purpose::OwnRequest)?;
        Ok((row, statement))
    };
    rows.into_iter().map(open).collect()
}
