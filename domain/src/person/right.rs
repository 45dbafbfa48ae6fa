//! What a role may do: the one table of rights.

use super::Role;

crate::macros::words! {
    /// One right. Handlers name it in their signature.
    Right {
        CareForVenues = "care_for_venues",
        ReportCases = "report_cases",
        Trace = "trace",
        DraftAlerts = "draft_alerts",
        ApproveAlerts = "approve_alerts",
        ReadAlerts = "read_alerts",
        ImportVisits = "import_visits",
        RecordForOthers = "record_for_others",
        ReadAudit = "read_audit",
        /// Imports official lists, reads records of health codes.
        KeepHealthRecords = "keep_health_records",
        ChangeColours = "change_colours",
        DecideAppeals = "decide_appeals",
        /// Counts of colours, reasons, appeals; nobody in them.
        ReadHealthStatistics = "read_health_statistics",
        /// Checks health codes at a gate.
        VerifyCodes = "verify_codes",
        /// Gives keys to gates' devices, and takes them back.
        ManageDevices = "manage_devices",
        ManageStaff = "manage_staff",
        ManageDispatch = "manage_dispatch",
        ManageOperation = "manage_operation",
    }
}

impl Role {
    /// Whether this role has the right.
    pub const fn has(self, right: Right) -> bool {
        use Role::{Administrator, Approver, Auditor, Guard, Official};
        match right {
            Right::CareForVenues
            | Right::ReportCases
            | Right::Trace
            | Right::DraftAlerts
            | Right::KeepHealthRecords
            | Right::ChangeColours
            | Right::DecideAppeals => matches!(self, Official | Approver),
            Right::ApproveAlerts => matches!(self, Approver),
            Right::VerifyCodes => matches!(self, Official | Approver | Guard),
            Right::ReadAlerts | Right::ReadHealthStatistics => matches!(self, Official | Approver | Auditor),
            Right::ImportVisits => matches!(self, Official | Approver | Administrator),
            Right::RecordForOthers => matches!(self, Official | Approver | Guard),
            Right::ReadAudit => matches!(self, Auditor | Administrator),
            Right::ManageStaff => matches!(self, Administrator | Approver | Role::CommunityManager),
            Right::ManageDevices | Right::ManageDispatch | Right::ManageOperation => {
                matches!(self, Administrator)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_separated() {
        assert!(!Role::Official.has(Right::ApproveAlerts));
        assert!(!Role::Administrator.has(Right::Trace), "who manages the system does not look at people");
        assert!(!Role::Guard.has(Right::ReportCases));
        assert!(
            Role::ALL
                .iter()
                .all(|r| !r.has(Right::ReadAudit) || matches!(r, Role::Auditor | Role::Administrator))
        );
    }
}
