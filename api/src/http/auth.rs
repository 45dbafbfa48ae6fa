//! Permission in the handler's type: who does not name one of these extractors has no data.
//!
//! [`Citizen`] is a signed-in person; [`Staff<R>`] is a member of staff who has the right `R`; devices come in through
//! [`Gatekeeper`](super::gatekeeper::Gatekeeper) alone. The right is checked
//! before the handler runs; the division that bounds what staff see travels in the extractor.

use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use mashang_domain::person::{Actor, Division, Right, Role};
use mashang_infra::keys::token_hash;
use uuid::Uuid;

use crate::app::device::{self, Device};
use crate::app::session::{self, Session, Subject};
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// A signed-in citizen.
#[derive(Debug, Clone)]
pub struct Citizen {
    pub person_id: Uuid,
    pub session: Session,
}

impl Citizen {
    pub fn actor(&self) -> Actor {
        Actor::Citizen(self.person_id)
    }
}

/// A member of staff with the right `R`.
#[derive(Debug, Clone)]
pub struct Staff<R> {
    pub id: Uuid,
    pub role: Role,
    pub division: Division,
    right: PhantomData<R>,
}

impl<R> Staff<R> {
    pub fn actor(&self) -> Actor {
        Actor::Staff { id: self.id, role: self.role, division: self.division.clone() }
    }

    /// 404 for what lies in another division: its existence is none of their business.
    pub fn require_division(&self, code: &str) -> Answer<()> {
        if self.division.covers(code) { Ok(()) } else { Err(Problem::new(Code::NotFound)) }
    }
}

/// A citizen or staff: for routes that serve both, each within their own bounds.
#[derive(Debug, Clone)]
pub enum Anyone {
    Citizen(Uuid),
    Staff { id: Uuid, role: Role, division: Division },
}

impl Anyone {
    pub fn actor(&self) -> Actor {
        match self {
            Anyone::Citizen(id) => Actor::Citizen(*id),
            Anyone::Staff { id, role, division } => {
                Actor::Staff { id: *id, role: *role, division: division.clone() }
            }
        }
    }
}

/// A right as a type.
pub trait Permission: 'static {
    const RIGHT: Right;
}

macro_rules! permissions {
    ($($name:ident),+ $(,)?) => {
        /// The rights as types, to be named in handlers: `Staff<may::Trace>`.
        pub mod may {
            $(#[derive(Debug, Clone)] pub struct $name;
            impl super::Permission for $name { const RIGHT: mashang_domain::person::Right = mashang_domain::person::Right::$name; })+
        }
    };
}

permissions! {
    CareForVenues, ReportCases, Trace, DraftAlerts, ApproveAlerts, ReadAlerts, ImportVisits, RecordForOthers, ReadAudit,
    ManageStaff, ManageDevices, ManageDispatch, ManageOperation, KeepHealthRecords, ChangeColours, DecideAppeals, ReadHealthStatistics,
    VerifyCodes,
}

/// The bearer token of a request.
fn token(request: &HttpRequest) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && (20..=100).contains(&token.len())).then_some(token)
}

pub(super) fn app_of(request: &HttpRequest) -> Answer<&web::Data<App>> {
    request.app_data::<web::Data<App>>().ok_or_else(|| Problem::internal("no application state"))
}

/// The device whose key a request has; none for any other token.
pub(super) async fn device_of(app: &App, request: &HttpRequest) -> Answer<Option<Device>> {
    match token(request).filter(|token| device::is_key(token)) {
        Some(key) => device::live(app, key).await.map(Some),
        None => Ok(None),
    }
}

/// The session of a request, live and not idle for too long. A device has none, and hears so.
pub async fn session_of(request: &HttpRequest) -> Answer<Session> {
    let app = app_of(request)?;
    if device_of(app, request).await?.is_some() {
        return Err(Problem::new(Code::Forbidden));
    }
    let token = token(request).ok_or_else(|| Problem::new(Code::Unauthenticated))?;
    session::live(app, &token_hash(token)).await
}

impl FromRequest for Citizen {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let session = session_of(&request).await?;
            match session.subject {
                Subject::Citizen(person_id) => Ok(Citizen { person_id, session }),
                Subject::Staff { .. } => Err(Problem::new(Code::Forbidden)),
            }
        })
    }
}

impl<R: Permission> FromRequest for Staff<R> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            match session_of(&request).await?.subject {
                Subject::Staff { id, role, division } if role.has(R::RIGHT) => {
                    Ok(Staff { id, role, division, right: PhantomData })
                }
                Subject::Staff { .. } | Subject::Citizen(_) => Err(Problem::new(Code::Forbidden)),
            }
        })
    }
}

impl FromRequest for Anyone {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            Ok(match session_of(&request).await?.subject {
                Subject::Citizen(id) => Anyone::Citizen(id),
                Subject::Staff { id, role, division } => Anyone::Staff { id, role, division },
            })
        })
    }
}
