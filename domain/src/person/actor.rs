//! Who does something, as the audit log and the permission checks see it.

use uuid::Uuid;

use super::{Division, Role};

/// The one who acts: a citizen, a member of staff, a gate's device, or a job of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    Citizen(Uuid),
    Staff {
        id: Uuid,
        role: Role,
        division: Division,
    },
    /// By the id of its API key.
    Device(Uuid),
    System(&'static str),
}

impl Actor {
    /// `citizen`, the role of staff, `device`, or `system`.
    pub fn kind(&self) -> &'static str {
        match self {
            Actor::Citizen(_) => "citizen",
            Actor::Staff { role, .. } => role.as_str(),
            Actor::Device(_) => "device",
            Actor::System(_) => "system",
        }
    }

    /// The id of the person, member of staff or API key; jobs have a name instead.
    pub fn id(&self) -> String {
        match self {
            Actor::Citizen(id) | Actor::Staff { id, .. } | Actor::Device(id) => id.to_string(),
            Actor::System(name) => (*name).to_owned(),
        }
    }
}
