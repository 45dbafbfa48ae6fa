//! What every gateway is told about the house it stands in.

use std::fmt;
use std::sync::Arc;

use mashang_domain::time::Timestamp;
use mashang_infra::clock::Clock;
use mashang_infra::db::Db;
use mashang_infra::keys::KeyRing;
use mashang_infra::platform::wechat::Shelf;

/// Where a gateway reads the time: signatures carry it, and providers refuse those of a clock that is minutes off. So it is
/// the machine's own time ([`machine_time`]), also where development has moved the clock of everything else.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The time that signatures want.
pub fn machine_time() -> Now {
    let clock = Clock::system();
    Arc::new(move || clock.now())
}

/// The clock for signatures, the address at which the world reaches our receipts, and what processes share.
#[derive(Clone)]
pub struct Site {
    pub now: Now,
    /// `notifier.public_url`; empty for none.
    public_url: String,
    /// Where access tokens lie; none: in the process.
    shared: Option<(Db, Arc<KeyRing>, Clock)>,
}

impl Site {
    pub fn new(now: Now, public_url: impl Into<String>) -> Self {
        Self { now, public_url: public_url.into(), shared: None }
    }

    /// Access tokens lie in the database, sealed, for all processes.
    pub fn sharing(self, db: &Db, keys: &Arc<KeyRing>, clock: &Clock) -> Self {
        Self { shared: Some((db.clone(), Arc::clone(keys), clock.clone())), ..self }
    }

    /// Where the access token of a platform lies.
    pub fn shelf(&self) -> Shelf {
        match &self.shared {
            Some((db, keys, clock)) => Shelf::shared(db.clone(), Arc::clone(keys), clock.clone()),
            None => Shelf::in_process(),
        }
    }

    /// Where a gateway of this name has its receipts sent; `None` where we have no public address.
    pub fn receipts(&self, gateway: &str) -> Option<String> {
        (!self.public_url.is_empty()).then(|| format!("{}/receipts/{gateway}", self.public_url))
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}
