//! The fingerprint of a frozen trace.
//!
//! The approver of an alert approves this hash; if the result has changed since, the approval is refused. It is the
//! SHA-256 of a plain text of lines, so that anybody can write the lines again and check it:
//!
//! ```text
//! mashang-trace 1
//! parameters {JSON of the parameters, fields in their declared order}
//! suspect_only <people>
//! contact <person> <level>
//! meeting <kind> <millis> <venue> <zone|-> <scan> <in> <out> <out_source> <case> <case in> <case out> <case visit|-> <indoor> <suspect>
//! ```
//!
//! Contacts are sorted by person, meetings in their own order; ids are lower-case UUIDs, times milliseconds since 1970,
//! truth values 0 or 1; every line ends with a line feed.

use std::fmt::{self, Write};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{CaseRef, Contact, Meeting, Parameters, TraceResult};

/// The SHA-256 of a result and its parameters, as 64 hexadecimal digits.
pub fn digest(result: &TraceResult, params: &Parameters) -> String {
    let mut hash = Hash(Sha256::new());
    match canonical(result, params, &mut hash) {
        Ok(()) | Err(fmt::Error) => HEXLOWER.encode(&hash.0.finalize()),
    }
}

/// Writes the lines that the hash is over, whatever the order in which contacts and meetings stand.
pub fn canonical(result: &TraceResult, params: &Parameters, out: &mut impl Write) -> fmt::Result {
    let mut contacts: Vec<&Contact> = result.contacts.iter().collect();
    contacts.sort_by_key(|contact| contact.person_id);
    writeln!(out, "mashang-trace 1")?;
    writeln!(out, "parameters {}", serde_json::to_string(params).map_err(|_| fmt::Error)?)?;
    writeln!(out, "suspect_only {}", result.suspect_only)?;
    for contact in contacts {
        writeln!(out, "contact {} {}", contact.person_id, contact.level)?;
        let mut meetings: Vec<&Meeting> = contact.meetings.iter().collect();
        meetings.sort();
        for meeting in meetings {
            line(meeting, out)?;
        }
    }
    Ok(())
}

fn line(m: &Meeting, out: &mut impl Write) -> fmt::Result {
    write!(out, "meeting {} {} {} {} {} ", m.kind, m.millis, m.venue_id, OrDash(m.zone_id), m.scan_id)?;
    write!(out, "{} {} {} ", m.visit.start.millis(), m.visit.end.millis(), m.out_source)?;
    match m.case {
        CaseRef::Case(id) => write!(out, "case:{id} ")?,
        CaseRef::Span(n) => write!(out, "span:{n} ")?,
    }
    write!(out, "{} {} ", m.case_visit.start.millis(), m.case_visit.end.millis())?;
    writeln!(out, "{} {} {}", OrDash(m.case_visit_id), u8::from(m.indoor), u8::from(m.suspect))
}

/// An id, or `-` for none.
struct OrDash(Option<Uuid>);

impl fmt::Display for OrDash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => id.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// Text goes straight into the hash: a result of a million people needs no second copy. Writing never fails.
struct Hash(Sha256);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::meeting::tests::{case, other};
    use super::super::{MeetingRow, contacts, meet};
    use super::*;

    fn result() -> TraceResult {
        let params = Parameters::default();
        let met = |start, end| meet(&case(0), &other(start, end, 0), &params).expect("met");
        let row = |person, meeting| MeetingRow { person_id: Uuid::from_u128(person), meeting };
        contacts([row(7, met(1000, 1500)), row(7, met(2000, 2500)), row(6, met(1000, 1900))], &params)
    }

    #[test]
    fn the_text_is_pinned() {
        let mut text = String::new();
        canonical(&result(), &Parameters::default(), &mut text).expect("writes");
        let venue = "00000000-0000-0000-0000-000000000004 - 00000000-0000-0000-0000-000000000005";
        let case =
            "case:00000000-0000-0000-0000-000000000001 1000000 2000000 00000000-0000-0000-0000-000000000003";
        let expected = format!(
            "mashang-trace 1\n\
             parameters {{\"dwell_minutes\":null,\"after_minutes\":null,\"min_overlap_seconds\":60,\
             \"include_suspect\":false,\"long_direct_seconds\":900,\"near_gap_seconds\":1800,\
             \"rule_set\":\"mashang\",\"rule_version\":1}}\n\
             suspect_only 0\n\
             contact 00000000-0000-0000-0000-000000000006 3\n\
             meeting direct 900000 {venue} 1000000 1900000 scan {case} 1 0\n\
             contact 00000000-0000-0000-0000-000000000007 2\n\
             meeting direct 500000 {venue} 1000000 1500000 scan {case} 1 0\n\
             meeting after 0 {venue} 2000000 2500000 scan {case} 1 0\n"
        );
        assert_eq!(text, expected);
        let hash = HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
        assert_eq!(digest(&result(), &Parameters::default()), hash);
    }

    #[test]
    fn order_plays_no_part_and_every_field_counts() {
        let params = Parameters::default();
        let before = digest(&result(), &params);
        let mut shuffled = result();
        shuffled.contacts.reverse();
        shuffled.contacts.iter_mut().for_each(|c| c.meetings.reverse());
        assert_eq!(digest(&shuffled, &params), before);

        let change = |change: fn(&mut TraceResult)| {
            let mut changed = result();
            change(&mut changed);
            digest(&changed, &params)
        };
        assert_ne!(change(|r| r.contacts[0].level = 1), before);
        assert_ne!(change(|r| r.suspect_only = 1), before);
        assert_ne!(change(|r| r.contacts[0].meetings[0].millis += 1), before);
        assert_ne!(change(|r| r.contacts[1].meetings[0].zone_id = Some(Uuid::nil())), before);
        assert_ne!(change(|r| r.contacts[1].meetings[0].indoor = false), before);
        assert_ne!(digest(&result(), &Parameters { rule_version: 2, ..params.clone() }), before);
    }
}
