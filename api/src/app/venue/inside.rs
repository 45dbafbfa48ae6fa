//! How many people are at a venue now.

use mashang_domain::time::{MINUTE, Timestamp};
use mashang_infra::store::occupancy::{Occupancy, occupancy};
use uuid::Uuid;

use super::access::readable;
use crate::error::Answer;
use crate::http::auth::Anyone;
use crate::state::App;

/// A head count.
pub struct Inside {
    pub people: u64,
    pub companions: u64,
    pub as_of: Timestamp,
}

/// Counts who is inside by the rules of visits: no names, no ids.
pub async fn inside(app: &App, who: &Anyone, id: Uuid) -> Answer<Inside> {
    let venue = readable(app, who, id).await?;
    let dwell = app.settings.categories.get(venue.category.as_str()).map_or(60, |c| c.dwell_minutes);
    let as_of = app.clock.now();
    let Occupancy { people, companions } = occupancy(app.db.conn(), id, as_of, dwell * MINUTE).await?;
    Ok(Inside { people, companions, as_of })
}
