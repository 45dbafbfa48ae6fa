//! Who people are to us: a phone number, nothing more until they declare their health, and a role with a scope.

pub mod account;
pub mod actor;
pub mod address;
pub mod card;
pub mod device;
pub mod email;
pub mod identity;
pub mod login;
pub mod name;
pub mod phone;
pub mod right;
pub mod role;

pub use account::{Consent, OpenId, Platform};
pub use actor::Actor;
pub use address::Address;
pub use card::CardKind;
pub use device::DeviceScope;
pub use email::{Email, EmailError};
pub use identity::{IdentityError, IdentityKind, IdentityNumber};
pub use name::{Name, NameError};
pub use phone::{Phone, PhoneError};
pub use right::Right;
pub use role::{Division, Role, check_division_code};
