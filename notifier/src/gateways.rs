//! What this process tells of its gateways, and what operators have decided about them.
//!
//! Both stand in the database, so that a pause holds for every process and survives a restart. Each pass of the sweep
//! looks; a call that waits for its turn looks once more before it is made.

use mashang_domain::delivery::Channel;
use mashang_domain::time::MINUTE;
use mashang_infra::store;
use sea_orm::DbErr;

use crate::service::Core;

/// How often a process says that it uses its gateways.
const SAY_EVERY: i64 = 10 * MINUTE;

/// Says which gateways there are, and pauses those that operators have paused. Answers how many changed.
pub async fn follow(core: &Core) -> Result<usize, DbErr> {
    let now = core.clock.now();
    let known = store::gateway::all(core.db.conn()).await?;
    let ours: Vec<(&str, Channel)> =
        core.router.roads().iter().map(|road| (road.name(), road.gateway.channel())).collect();
    let fresh = |(name, channel): &(&str, Channel)| {
        known.iter().any(|g| g.name == *name && g.channel == *channel && g.seen_at > now - SAY_EVERY)
    };
    if !ours.iter().all(fresh) {
        let tx = core.db.begin_write().await?;
        store::gateway::seen(&*tx, &ours, now).await?;
        tx.commit().await?;
    }
    let paused: Vec<String> = known.into_iter().filter(|g| g.paused_at.is_some()).map(|g| g.name).collect();
    let changed = core.router.pause_only(&paused);
    if changed.resumed > 0 {
        // Whoever resumed it woke what waited; this process may have put some of that off again until now.
        let tx = core.db.begin_write().await?;
        store::delivery::wake(&*tx, now).await?;
        tx.commit().await?;
    }
    Ok(changed.paused + changed.resumed)
}
