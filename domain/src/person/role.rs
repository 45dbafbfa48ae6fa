//! Roles of staff and the division that bounds what they see.

use serde::{Deserialize, Serialize};

crate::macros::words! {
    /// What a member of staff may do. See `docs/` for the table of rights.
    Role {
        /// Reports cases, runs traces, drafts alerts, looks after venues.
        Official = "official",
        /// Approves what officials submit; may do what they do.
        Approver = "approver",
        /// Reads the audit log and the retention report, changes nothing.
        Auditor = "auditor",
        /// Checks codes and passes at a gate.
        Guard = "guard",
        /// Looks after a community: households, passes, gates.
        CommunityManager = "community_manager",
        /// Manages staff, dispatch and the operation.
        Administrator = "administrator",
    }
}

impl Role {
    /// Nobody grants above their own role: only an administrator outranks all, approvers may appoint field staff.
    pub fn may_grant(self, other: Role) -> bool {
        match self {
            Role::Administrator => true,
            Role::Approver => matches!(other, Role::Official | Role::Guard | Role::CommunityManager),
            Role::CommunityManager => matches!(other, Role::Guard),
            Role::Official | Role::Auditor | Role::Guard => false,
        }
    }
}

/// An administrative division by its GB/T 2260 prefix: 2 digits a province, 4 a prefecture, 6 a county, 9 a township,
/// 12 a community. Empty = everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct Division(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a division code has 6, 9 or 12 digits (GB/T 2260 and the statistical codes)")]
pub struct DivisionError;

impl Division {
    pub fn everywhere() -> Self {
        Self(String::new())
    }

    /// Parses a code of 6, 9 or 12 digits and drops the zeros that mean "all of it", so that `530100` covers `530102`.
    pub fn parse_scope(code: &str) -> Result<Self, DivisionError> {
        if code.is_empty() {
            return Ok(Self::everywhere());
        }
        check(code)?;
        let six = code.len() == 6;
        let prefix = if six && code.ends_with("0000") {
            &code[..2]
        } else if six && code.ends_with("00") {
            &code[..4]
        } else {
            code
        };
        Ok(Self(prefix.to_owned()))
    }

    /// A prefix that was stored by us.
    pub fn parse_stored(prefix: &str) -> Self {
        Self(prefix.to_owned())
    }

    /// The prefix that codes inside start with.
    pub fn prefix(&self) -> &str {
        &self.0
    }

    pub fn covers(&self, code: &str) -> bool {
        code.starts_with(&self.0)
    }

    /// The code of the whole division, in at least six digits: `53` is `530000`, everywhere is `000000`.
    pub fn code(&self) -> String {
        format!("{:0<6}", self.0)
    }

    /// The smallest division that holds all of these codes, as a code: `530102` and `530103` lie in `530100`. Of no
    /// code, and of codes of several provinces, it is `000000`.
    pub fn common<'a>(codes: impl IntoIterator<Item = &'a str>) -> String {
        let mut codes = codes.into_iter();
        let first = codes.next().unwrap_or("");
        let shared = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
        let length = codes.map(|c| shared(first, c)).fold(first.len(), usize::min);
        let step = [12, 9, 6, 4, 2].into_iter().find(|step| *step <= length).unwrap_or(0);
        Self(first[..step].to_owned()).code()
    }
}

/// Checks the shape of a full code: 6, 9 or 12 digits.
pub fn check_division_code(code: &str) -> Result<(), DivisionError> {
    check(code)
}

fn check(code: &str) -> Result<(), DivisionError> {
    let shape = matches!(code.len(), 6 | 9 | 12)
        && code.bytes().all(|b| b.is_ascii_digit())
        && !code.starts_with('0');
    shape.then_some(()).ok_or(DivisionError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_what_lies_inside() {
        let kunming = Division::parse_scope("530100").expect("parses");
        assert!(kunming.covers("530102") && kunming.covers("530102001001"));
        assert!(!kunming.covers("330100"));
        assert!(Division::parse_scope("530000").expect("parses").covers("530102"));
        assert!(Division::everywhere().covers("110000"));
        assert!(Division::parse_scope("5301").is_err());
    }

    #[test]
    fn a_code_for_the_whole_of_a_division() {
        let code = |scope: &str| Division::parse_scope(scope).expect("parses").code();
        assert_eq!(
            [code(""), code("530000"), code("530100"), code("530102")],
            ["000000", "530000", "530100", "530102"]
        );
        assert_eq!(code("530102001"), "530102001");
        assert_eq!(Division::common(["530102", "530103"]), "530100");
        assert_eq!(Division::common(["530102001", "530102"]), "530102");
        assert_eq!(Division::common(["530102", "330102"]), "000000");
        assert_eq!(Division::common(["530102"]), "530102");
        assert_eq!(Division::common([]), "000000");
    }

    #[test]
    fn nobody_grants_above_their_own_role() {
        assert!(Role::Administrator.may_grant(Role::Administrator));
        assert!(!Role::Approver.may_grant(Role::Approver));
        assert!(!Role::Official.may_grant(Role::Guard));
    }
}
