//! Who checks codes: staff with the right to, or a device with a key for it.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use mashang_domain::person::{Actor, DeviceScope, Right};
use uuid::Uuid;

use super::auth::{app_of, device_of, session_of};
use crate::app::session::Subject;
use crate::error::{Answer, Code, Problem};

/// Somebody, or something, at a gate.
#[derive(Debug, Clone)]
pub struct Gatekeeper {
    /// Of the member of staff, or of the device's key.
    pub id: Uuid,
    pub actor: Actor,
    /// Where a device stands; staff say it with each check.
    pub place: Option<String>,
    /// Whether it hears of linked cards.
    pub is_hospital: bool,
}

impl FromRequest for Gatekeeper {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let forbidden = || Problem::new(Code::Forbidden);
            if let Some(device) = device_of(app_of(&request)?, &request).await? {
                let is_hospital = device.scopes.contains(&DeviceScope::Hospital);
                let may = is_hospital || device.scopes.contains(&DeviceScope::VerifyCodes);
                let keeper =
                    Self { id: device.id, actor: Actor::Device(device.id), place: device.place, is_hospital };
                return may.then_some(keeper).ok_or_else(forbidden);
            }
            match session_of(&request).await?.subject {
                Subject::Staff { id, role, division } if role.has(Right::VerifyCodes) => Ok(Self {
                    id,
                    actor: Actor::Staff { id, role, division },
                    place: None,
                    is_hospital: false,
                }),
                Subject::Staff { .. } | Subject::Citizen(_) => Err(forbidden()),
            }
        })
    }
}
