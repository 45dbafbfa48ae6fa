//! One line of an import: columns by name, in any order; each fault has a stable word.

use csv::ByteRecord;
use mashang_domain::person::{Division, Phone};
use mashang_domain::venue::profile::position;
use mashang_domain::venue::{Address, Category, DivisionCode, ExternalRef, VenueName, VenueState};
use mashang_infra::store::venue::NewVenue;
use uuid::Uuid;

/// The columns, required ones first.
const COLUMNS: [&str; 9] =
    ["name", "category", "division_code", "address", "contact_phone", "lat", "lon", "indoor", "external_ref"];
const REQUIRED: usize = 4;

/// Where each of [`COLUMNS`] stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    places: [Option<usize>; COLUMNS.len()],
    width: usize,
}

/// Why a line was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub code: &'static str,
    pub detail: String,
}

fn fault(code: &'static str, detail: impl ToString) -> Fault {
    Fault { code, detail: detail.to_string() }
}

impl Header {
    /// Reads the first line.
    pub(super) fn parse(record: &ByteRecord) -> Result<Self, Fault> {
        let mut places = [None; COLUMNS.len()];
        for (at, name) in record.iter().enumerate() {
            let name = std::str::from_utf8(name).map_err(|_| not_utf8())?.trim();
            let known = COLUMNS.iter().position(|c| *c == name);
            let slot = known.and_then(|n| places.get_mut(n));
            let slot = slot.ok_or_else(|| {
                fault("column_unknown", format!("`{name}`: the columns are {}", COLUMNS.join(",")))
            })?;
            if slot.replace(at).is_some() {
                return Err(fault("column_twice", format!("`{name}`")));
            }
        }
        let missing: Vec<&str> = COLUMNS
            .iter()
            .zip(&places)
            .take(REQUIRED)
            .filter(|(_, at)| at.is_none())
            .map(|(c, _)| *c)
            .collect();
        if missing.is_empty() {
            Ok(Self { places, width: record.len() })
        } else {
            Err(fault("column_missing", missing.join(",")))
        }
    }

    /// The text of a column; empty when the file has none.
    fn text<'r>(&self, record: &'r ByteRecord, column: &str) -> Result<&'r str, Fault> {
        let at = COLUMNS.iter().position(|c| *c == column).and_then(|n| self.places[n]);
        let bytes = at.and_then(|at| record.get(at)).unwrap_or_default();
        std::str::from_utf8(bytes).map(str::trim).map_err(|_| not_utf8())
    }

    /// A line as a venue, approved by the official who imports it.
    pub(super) fn venue(&self, record: &ByteRecord, by: Uuid, scope: &Division) -> Result<NewVenue, Fault> {
        if record.len() != self.width {
            return Err(fault("columns_wrong", format!("{} instead of {}", record.len(), self.width)));
        }
        let text = |column| self.text(record, column);
        let optional = |column| text(column).map(|t| (!t.is_empty()).then_some(t));
        let division_code =
            DivisionCode::parse(text("division_code")?).map_err(|e| fault("division_invalid", e))?;
        if !scope.covers(division_code.as_str()) {
            return Err(fault("division_out_of_scope", "outside of your own division"));
        }
        let reference = optional("external_ref")?;
        Ok(NewVenue {
            id: Uuid::now_v7(),
            external_ref: reference
                .map(ExternalRef::parse)
                .transpose()
                .map_err(|e| fault("external_ref_invalid", e))?,
            name: VenueName::parse(text("name")?).map_err(|e| fault("name_invalid", e))?,
            category: text("category")?
                .parse::<Category>()
                .map_err(|_| fault("category_unknown", "not in the list of categories"))?,
            division_code,
            address: Address::parse(text("address")?).map_err(|e| fault("address_invalid", e))?,
            contact: optional("contact_phone")?
                .map(Phone::parse)
                .transpose()
                .map_err(|e| fault("phone_invalid", e))?,
            position: position(number(optional("lat")?)?, number(optional("lon")?)?)
                .map_err(|e| fault("position_invalid", e))?,
            indoor: optional("indoor")?.map(yes_or_no).transpose()?,
            state: VenueState::Approved,
            manager_id: None,
            decided_by: Some(by),
        })
    }
}

fn not_utf8() -> Fault {
    fault("not_utf8", "save the file as CSV UTF-8 (另存为“CSV UTF-8”)")
}

fn number(text: Option<&str>) -> Result<Option<f64>, Fault> {
    let parse = |t: &str| t.parse().map_err(|_| fault("position_invalid", "degrees as decimal numbers"));
    text.map(parse).transpose()
}

fn yes_or_no(text: &str) -> Result<bool, Fault> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "是" => Ok(true),
        "false" | "0" | "no" | "否" => Ok(false),
        _ => Err(fault("indoor_invalid", "true | false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[&str] =
        &["category", "name", "division_code", "address", "lat", "lon", "indoor", "contact_phone"];

    fn read(line: &[&str]) -> Result<NewVenue, Fault> {
        let header = Header::parse(&ByteRecord::from(HEADER.to_vec())).expect("a header");
        let kunming = Division::parse_scope("530100").expect("a division");
        header.venue(&ByteRecord::from(line.to_vec()), Uuid::from_u128(1), &kunming)
    }

    #[test]
    fn columns_stand_in_any_order_and_optional_ones_may_be_empty() {
        let venue =
            read(&["supermarket", " 翠湖超市 ", "530102", "翠湖南路1号", "", "", "", ""]).expect("a venue");
        assert_eq!((venue.name.as_str(), venue.category), ("翠湖超市", Category::Supermarket));
        assert_eq!((venue.position, venue.indoor, venue.external_ref), (None, None, None));
        let venue = read(&["gym", "=1+1", "530102001", "x", "25.04", "102.71", "否", "13800138000"])
            .expect("a venue");
        assert_eq!((venue.position, venue.indoor), (Some((25.04, 102.71)), Some(false)));
        assert_eq!((venue.name.as_str(), venue.state), ("=1+1", VenueState::Approved));
    }

    #[test]
    fn each_fault_has_its_word() {
        for (line, code) in [
            (["shop", "a", "530102", "x", "", "", "", ""].as_slice(), "category_unknown"),
            (&["gym", "", "530102", "x", "", "", "", ""], "name_invalid"),
            (&["gym", "a", "5301", "x", "", "", "", ""], "division_invalid"),
            (&["gym", "a", "330102", "x", "", "", "", ""], "division_out_of_scope"),
            (&["gym", "a", "530102", "", "", "", "", ""], "address_invalid"),
            (&["gym", "a", "530102", "x", "25", "", "", ""], "position_invalid"),
            (&["gym", "a", "530102", "x", "25,04", "102", "", ""], "position_invalid"),
            (&["gym", "a", "530102", "x", "", "", "maybe", ""], "indoor_invalid"),
            (&["gym", "a", "530102", "x", "", "", "", "12345"], "phone_invalid"),
            (&["gym", "a", "530102"], "columns_wrong"),
        ] {
            assert_eq!(read(line).map(|_| ()).map_err(|f| f.code), Err(code), "{line:?}");
        }
    }

    #[test]
    fn headers_are_checked() {
        let code =
            |names: &[&str]| Header::parse(&ByteRecord::from(names.to_vec())).map(|_| ()).map_err(|f| f.code);
        assert_eq!(code(&["name", "category", "division_code", "address"]), Ok(()));
        assert_eq!(code(&["name", "category", "division_code"]), Err("column_missing"));
        assert_eq!(code(&["name", "category", "division_code", "address", "x"]), Err("column_unknown"));
        assert_eq!(code(&["name", "category", "division_code", "address", "name"]), Err("column_twice"));
        assert_eq!(code(&[""]), Err("column_unknown"));
    }
}
