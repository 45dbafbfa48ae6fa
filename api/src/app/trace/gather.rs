//! The visits a trace starts from: those of its cases, or the venues and spans that are given.

use std::collections::BTreeSet;

use mashang_domain::person::Division;
use mashang_domain::time::{DAY, Timestamp};
use mashang_domain::trace::{CaseRef, CaseStay, CaseVisit, Parameters, Place, Span};
use mashang_infra::store::{case as cases, place};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::rules::venue_rules;
use crate::app::case::{Office, visits};
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// Cases or spans of one trace at most.
const MOST: usize = 500;

/// A venue and a stretch of time, without a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VenueSpan {
    pub venue_id: Uuid,
    pub zone_id: Option<Uuid>,
    pub start: Timestamp,
    pub end: Timestamp,
}

/// Where a trace starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    Cases(Vec<Uuid>),
    Spans(Vec<VenueSpan>),
}

impl Start {
    /// Either cases or spans, at least one.
    pub fn parse(case_ids: Option<Vec<Uuid>>, spans: Option<Vec<VenueSpan>>) -> Answer<Self> {
        let start = match (case_ids, spans) {
            (Some(ids), None) => {
                let distinct: BTreeSet<Uuid> = ids.into_iter().collect();
                Start::Cases(distinct.into_iter().collect())
            }
            (None, Some(spans)) => Start::Spans(spans),
            (None, None) => return Err(Problem::field("case_ids", "missing", "case_ids or spans")),
            (Some(_), Some(_)) => {
                return Err(Problem::field("spans", "invalid", "case_ids or spans, not both"));
            }
        };
        let (field, n) = match &start {
            Start::Cases(ids) => ("case_ids", ids.len()),
            Start::Spans(spans) => ("spans", spans.len()),
        };
        if (1..=MOST).contains(&n) {
            Ok(start)
        } else {
            Err(Problem::field(field, "out_of_range", format!("1 to {MOST}")))
        }
    }
}

/// What a trace starts from.
pub struct Gathered {
    pub visits: Vec<CaseVisit>,
    /// Case and index person.
    pub cases: Vec<(Uuid, Uuid)>,
    /// The smallest division that holds all cases or venues.
    pub division_code: String,
}

pub async fn gather(app: &App, office: &Office, start: &Start, params: &Parameters) -> Answer<Gathered> {
    match start {
        Start::Cases(ids) => of_cases(app, office, ids, params).await,
        Start::Spans(spans) => of_spans(app, office, spans, params).await,
    }
}

async fn of_cases(app: &App, office: &Office, ids: &[Uuid], params: &Parameters) -> Answer<Gathered> {
    let rows = cases::by_ids(app.db.conn(), ids, &office.division).await?;
    if rows.len() < ids.len() {
        return Err(Problem::new(Code::NotFound));
    }
    let mut stays = Vec::new();
    for case in &rows {
        let of_case = visits::stays(app, case, params).await?;
        stays.extend(of_case.into_iter().map(|stay| (case.id, case.person_id, stay)));
    }
    let venues = place::venues(app.db.conn(), stays.iter().map(|(_, _, s)| s.place.venue_id)).await?;
    let visit = |(case, person, stay): &(Uuid, Uuid, CaseStay)| {
        let rules = venue_rules(&app.settings, venues.get(&stay.place.venue_id), params);
        CaseVisit {
            case: CaseRef::Case(*case),
            person_id: Some(*person),
            visit_id: Some(stay.visit_id),
            venue_id: stay.place.venue_id,
            zone_id: stay.place.zone_id,
            start: stay.place.span.start,
            end: stay.place.span.end,
            dwell_ms: rules.dwell_ms,
            after_ms: rules.after_ms,
            indoor: rules.indoor,
            suspect: stay.suspect,
        }
    };
    let mut visits: Vec<CaseVisit> = stays.iter().map(visit).collect();
    visits.sort_by_key(|v| (v.case, v.start, v.venue_id, v.visit_id));
    Ok(Gathered {
        visits,
        cases: rows.iter().map(|c| (c.id, c.person_id)).collect(),
        division_code: Division::common(rows.iter().map(|c| c.division_code.as_str())),
    })
}

async fn of_spans(app: &App, office: &Office, spans: &[VenueSpan], params: &Parameters) -> Answer<Gathered> {
    let conn = app.db.conn();
    let venues = place::venues(conn, spans.iter().map(|s| s.venue_id)).await?;
    let mut visits = Vec::with_capacity(spans.len());
    for (n, span) in spans.iter().enumerate() {
        let venue = venues.get(&span.venue_id).filter(|v| office.division.covers(&v.division_code));
        let venue = venue.ok_or_else(|| Problem::new(Code::NotFound))?;
        let place = checked(app, n, span).await?;
        let rules = venue_rules(&app.settings, Some(venue), params);
        visits.push(CaseVisit {
            case: CaseRef::Span(u32::try_from(n).unwrap_or(u32::MAX)),
            person_id: None,
            visit_id: None,
            venue_id: place.venue_id,
            zone_id: place.zone_id,
            start: place.span.start,
            end: place.span.end,
            dwell_ms: rules.dwell_ms,
            after_ms: rules.after_ms,
            indoor: rules.indoor,
            suspect: false,
        });
    }
    let divisions = spans.iter().filter_map(|s| venues.get(&s.venue_id)).map(|v| v.division_code.as_str());
    Ok(Gathered { visits, cases: Vec::new(), division_code: Division::common(divisions) })
}

async fn checked(app: &App, n: usize, given: &VenueSpan) -> Answer<Place> {
    let VenueSpan { venue_id, zone_id, start, end } = *given;
    if let Some(zone) = zone_id
        && !place::zone_of(app.db.conn(), zone, venue_id).await?
    {
        return Err(Problem::new(Code::NotFound));
    }
    let span = Span { start, end };
    let days = app.settings.trace.max_window_days;
    if span.is_empty() || span.millis() > days * DAY {
        let most = format!("`end` is after `start`, by {days} days at most");
        return Err(Problem::field(format!("spans[{n}].end"), "out_of_range", most));
    }
    Ok(Place { venue_id, zone_id, span })
}
