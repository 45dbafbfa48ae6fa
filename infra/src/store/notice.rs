//! Notices: who is told what by one alert, written by the database itself.
//!
//! A fan-out walks the people of a trace in the order of their ids, a range at a time. Every statement can be repeated:
//! a person has one notice per alert, and a notice one delivery per rung.

use mashang_domain::alert::AlertKind;
use mashang_domain::delivery::{Channel, DeliveryState, RungKind};
use mashang_domain::time::Timestamp;
use mashang_entity::alert;
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use uuid::Uuid;

use super::statement::{Raw, ordered_uuid, words};
use crate::bugs::{self, Bug};

/// People with `after < id <= last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub after: Uuid,
    pub last: Uuid,
}

/// A rung as the rows of one level get it.
#[derive(Debug, Clone)]
pub struct RungRow {
    pub level: i16,
    pub rung: i16,
    pub kind: RungKind,
    pub channel: Channel,
    pub template_key: String,
    /// Pending, or expired when the warning is stale before the rung is due.
    pub state: DeliveryState,
    pub due_at: Timestamp,
}

/// What the deliveries of one alert have in common.
#[derive(Debug, Clone)]
pub struct Rungs {
    pub rows: Vec<RungRow>,
    pub hotline: String,
    pub expires_at: Timestamp,
    /// Whether the day of the first meeting is computed; otherwise the text says "lately".
    pub with_day: bool,
    /// Until when the fan-out answers for having queued what is due.
    pub queued_until: Timestamp,
}

/// A delivery that was made, when it can be sent now.
#[derive(Debug, Clone)]
pub struct Made {
    pub id: Uuid,
    pub state: DeliveryState,
    pub due_at: Timestamp,
    /// Alike for those that say the same on the same channel.
    pub text: String,
}

/// States in which a message has reached its person, or may have.
const TOLD: &[DeliveryState] = &[DeliveryState::Accepted, DeliveryState::Delivered, DeliveryState::Unknown];

/// States in which a person is warned or is about to be.
const WARNED: &[DeliveryState] = &[
    DeliveryState::Pending,
    DeliveryState::Sending,
    DeliveryState::Accepted,
    DeliveryState::Delivered,
    DeliveryState::Unknown,
];

/// The next people of the alert after `after`: the id of the last of them, `None` at the end.
pub async fn next_range(
    db: &impl ConnectionTrait,
    alert: &alert::Model,
    after: Uuid,
    limit: u64,
) -> Result<Option<Range>, DbErr> {
    const LAST: &str = "SELECT person_id FROM (SELECT person_id FROM ";
    let source = match (alert.kind, alert.corrects) {
        (AlertKind::Correction, Some(wrong)) => {
            Raw::new(db, &format!("{LAST}notice WHERE alert_id = ")).bind(wrong)
        }
        (AlertKind::Warning, _) | (AlertKind::Correction, None) => {
            Raw::new(db, &format!("{LAST}trace_contact WHERE trace_id = ")).bind(alert.trace_id)
        }
    };
    let page = source.sql(" AND person_id > ").bind(after).sql(" ORDER BY person_id LIMIT ");
    let page = page.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let row = db.query_one_raw(page.sql(") AS p ORDER BY person_id DESC LIMIT 1").done()).await?;
    row.map(|row| Ok(Range { after, last: row.try_get("", "person_id")? })).transpose()
}

/// The lock under which PostgreSQL writes notices, so that two alerts see each other's.
const FAN_OUT_LOCK: i64 = 0x6d61_7368_616e_6703;

/// Takes the turn to write notices until the transaction ends.
pub async fn take_turn(tx: &impl ConnectionTrait) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Postgres {
        let lock = format!("SELECT pg_advisory_xact_lock({FAN_OUT_LOCK})");
        tx.execute_raw(Raw::new(tx, &lock).done()).await?;
    }
    Ok(())
}

/// Writes the notices of a warning for a range of people. A person who was warned after `quiet_since` by another alert
/// at the same or a higher level gets a notice that names the earlier one and no deliveries.
pub async fn add_warnings(
    tx: &impl ConnectionTrait,
    alert: &alert::Model,
    levels: &[i16],
    range: Range,
    quiet_since: Timestamp,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let raw = Raw::new(
        tx,
        "INSERT INTO notice (id, alert_id, person_id, level, merged_into, created_at, call_back) SELECT ",
    );
    let raw = ordered_uuid(raw, now).sql(", ").bind(alert.id).sql(", c.person_id, c.level, ");
    let raw = if alert.drill || bugs::has(Bug::WarnedTwice) {
        raw.either("CAST(NULL AS uuid)", "NULL")
    } else {
        earlier(raw, alert.id, quiet_since)
    };
    let raw =
        raw.sql(", ").bind(now).sql(", false FROM trace_contact c WHERE c.trace_id = ").bind(alert.trace_id);
    let raw = raw.sql(" AND c.person_id > ").bind(range.after).sql(" AND c.person_id <= ").bind(range.last);
    let levels: Vec<String> = levels.iter().map(i16::to_string).collect();
    let raw = raw.sql(&format!(" AND c.level IN ({}) ", levels.join(", ")));
    let done = raw.sql("ON CONFLICT (alert_id, person_id) DO NOTHING").done();
    Ok(tx.execute_raw(done).await?.rows_affected())
}

/// The newest notice of the last hours that makes another one superfluous: of a true warning that still stands, at the
/// same or a higher level, with a delivery that reached its person or is on its way.
fn earlier(raw: Raw, alert: Uuid, since: Timestamp) -> Raw {
    let raw = raw.sql(
        "(SELECT n.id FROM notice n JOIN alert a ON a.id = n.alert_id WHERE n.person_id = c.person_id AND n.created_at > ",
    );
    let raw = raw.bind(since).sql(" AND n.alert_id <> ").bind(alert);
    raw.sql(&format!(
        " AND n.level >= c.level AND n.merged_into IS NULL AND NOT a.drill AND a.kind = 'warning' \
         AND a.state NOT IN ('rejected', 'cancelled') \
         AND NOT EXISTS (SELECT 1 FROM alert k WHERE k.corrects = a.id AND k.state IN ('approved', 'sending', 'done')) \
         AND EXISTS (SELECT 1 FROM delivery d WHERE d.notice_id = n.id AND d.state IN ({})) \
         ORDER BY n.created_at DESC LIMIT 1)",
        words(WARNED)
    ))
}

/// Writes the notices of a correction: for exactly those whom the wrong alert reached, or may have.
pub async fn add_corrections(
    tx: &impl ConnectionTrait,
    alert: &alert::Model,
    wrong: Uuid,
    range: Range,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let raw =
        Raw::new(tx, "INSERT INTO notice (id, alert_id, person_id, level, created_at, call_back) SELECT ");
    let raw = ordered_uuid(raw, now).sql(", ").bind(alert.id).sql(", n.person_id, n.level, ").bind(now);
    let raw = raw.sql(", false FROM notice n WHERE n.alert_id = ").bind(wrong);
    let raw = raw.sql(" AND n.person_id > ").bind(range.after).sql(" AND n.person_id <= ").bind(range.last);
    let raw = raw.sql(&format!(
        " AND EXISTS (SELECT 1 FROM delivery d WHERE d.notice_id = n.id AND d.state IN ({})) ",
        words(TOLD)
    ));
    let done = raw.sql("ON CONFLICT (alert_id, person_id) DO NOTHING").done();
    Ok(tx.execute_raw(done).await?.rows_affected())
}

/// Writes the deliveries of the notices of a range that are not merged. Who has no number left gets one delivery that
/// says so. Answers with what was made.
pub async fn add_deliveries(
    tx: &impl ConnectionTrait,
    alert: &alert::Model,
    rungs: &Rungs,
    range: Range,
    now: Timestamp,
) -> Result<Vec<Made>, DbErr> {
    if rungs.rows.is_empty() {
        return Ok(Vec::new());
    }
    let rows = rungs.rows.iter().map(|r| {
        vec![
            r.level.into(),
            r.rung.into(),
            r.kind.as_str().into(),
            r.channel.as_str().into(),
            r.template_key.as_str().into(),
            r.state.as_str().into(),
            r.due_at.into(),
        ]
    });
    let raw =
        Raw::new(tx, "WITH r (level, rung, kind, channel, template_key, state, due_at) AS (").rows(rows);
    let raw = raw.sql(
        ") INSERT INTO delivery (id, alert_id, notice_id, person_id, level, rung, rung_kind, channel, template_key, \
         variables, urgent, drill, state, due_at, expires_at, lease_until, tries, epoch, possible_duplicates, \
         created_at, code, settled_at) SELECT ",
    );
    let raw = ordered_uuid(raw, now);
    let raw =
        raw.sql(", n.alert_id, n.id, n.person_id, n.level, r.rung, r.kind, r.channel, r.template_key, ");
    let raw = variables(raw, rungs).sql(&format!(
        ", {}, {}, CASE WHEN p.id IS NULL THEN 'unreachable' ELSE r.state END, r.due_at, ",
        alert.urgent, alert.drill
    ));
    let raw = raw.bind(rungs.expires_at).sql(", ").bind(rungs.queued_until).sql(", 0, 0, 0, ").bind(now);
    let raw =
        raw.sql(", CASE WHEN p.id IS NULL THEN 'no_number' WHEN r.state = 'expired' THEN 'too_late' END");
    let raw = raw.sql(", CASE WHEN p.id IS NULL OR r.state = 'expired' THEN ").bind(now).sql(
        " END FROM notice n JOIN r ON r.level = n.level LEFT JOIN person p ON p.id = n.person_id \
         LEFT JOIN trace_contact c ON c.person_id = n.person_id AND c.trace_id = ",
    );
    let raw = raw.bind(alert.trace_id).sql(" WHERE n.alert_id = ").bind(alert.id);
    let raw = raw.sql(" AND n.person_id > ").bind(range.after).sql(" AND n.person_id <= ").bind(range.last);
    let raw = raw.sql(
        " AND n.merged_into IS NULL AND (p.id IS NOT NULL OR r.rung = 0) \
         ON CONFLICT (notice_id, rung) DO NOTHING RETURNING id, state, due_at, channel, template_key, variables",
    );
    let rows = tx.query_all_raw(raw.done()).await?;
    rows.iter()
        .map(|row| {
            let (channel, key): (String, String) =
                (row.try_get("", "channel")?, row.try_get("", "template_key")?);
            let variables: serde_json::Value = row.try_get("", "variables")?;
            Ok(Made {
                id: row.try_get("", "id")?,
                state: row.try_get("", "state")?,
                due_at: row.try_get("", "due_at")?,
                text: format!("{channel} {key} {variables}"),
            })
        })
        .collect()
}

/// The day of the first meeting, as it is read in China (`2月12日`). It states `Meeting::at` once more, because moving
/// every meeting of a city through this process would not do.
const DAY_POSTGRES: &str = "COALESCE((SELECT extract(month FROM t.at)::int || '月' || extract(day FROM t.at)::int || '日' \
    FROM (SELECT min(greatest((m -> 'visit' ->> 'start')::timestamptz, \
        CASE m ->> 'kind' WHEN 'direct' THEN (m -> 'case_visit' ->> 'start')::timestamptz \
        ELSE (m -> 'case_visit' ->> 'end')::timestamptz END)) AT TIME ZONE 'Asia/Shanghai' AS at \
        FROM jsonb_array_elements(CASE jsonb_typeof(c.meetings) WHEN 'array' THEN c.meetings ELSE '[]'::jsonb END) m) t \
    WHERE t.at IS NOT NULL), '近日')";
const DAY_SQLITE: &str = "COALESCE((SELECT CAST(strftime('%m', t.at, '+8 hours') AS INTEGER) || '月' \
    || CAST(strftime('%d', t.at, '+8 hours') AS INTEGER) || '日' \
    FROM (SELECT min(max(json_extract(m.value, '$.visit.start'), \
        CASE json_extract(m.value, '$.kind') WHEN 'direct' THEN json_extract(m.value, '$.case_visit.start') \
        ELSE json_extract(m.value, '$.case_visit.end') END)) AS at FROM json_each(c.meetings) m) t \
    WHERE strftime('%m', t.at) IS NOT NULL), '近日')";

fn variables(raw: Raw, rungs: &Rungs) -> Raw {
    let raw = raw.either("jsonb_build_object('date', ", "json_object('date', ");
    let raw = if rungs.with_day { raw.either(DAY_POSTGRES, DAY_SQLITE) } else { raw.sql("'近日'") };
    raw.sql(", 'hotline', CAST(").bind(rungs.hotline.as_str()).sql(" AS text))")
}

/// Frees notices that were merged into notices of `alert`, because what they rested on is cancelled or corrected.
/// `only_untold`: those whose earlier notice reached nobody. Answers with the alerts they belong to.
pub async fn unmerge(tx: &impl ConnectionTrait, alert: Uuid, only_untold: bool) -> Result<Vec<Uuid>, DbErr> {
    let raw = Raw::new(
        tx,
        "UPDATE notice SET merged_into = NULL WHERE merged_into IN (SELECT n.id FROM notice n WHERE n.alert_id = ",
    );
    let mut raw = raw.bind(alert);
    if only_untold {
        let reached = [TOLD, &[DeliveryState::Sending]].concat();
        raw = raw.sql(&format!(
            " AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.notice_id = n.id AND d.state IN ({}))",
            words(&reached)
        ));
    }
    let rows = tx.query_all_raw(raw.sql(") RETURNING alert_id").done()).await?;
    let mut alerts: Vec<Uuid> = rows.iter().map(|r| r.try_get("", "alert_id")).collect::<Result<_, _>>()?;
    alerts.sort_unstable();
    alerts.dedup();
    Ok(alerts)
}
