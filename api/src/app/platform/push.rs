//! What WeChat tells us by message push: what people said to being written to.

use mashang_domain::person::Platform;
use mashang_infra::platform::wechat::push::{self, Event, News, Signed};
use mashang_infra::store::platform::{account, consent};

use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// Refuses what is not WeChat's.
pub fn is_from_wechat(app: &App, signed: Signed<'_>) -> Answer<()> {
    let token = &app.settings.wechat.push_token;
    if !push::is_set(token) {
        return Err(Problem::new(Code::PlatformNotConfigured));
    }
    if push::is_genuine(token, signed, app.clock.now()) {
        return Ok(());
    }
    metrics::counter!("mashang_wechat_pushes_total", "result" => "refused").increment(1);
    Err(Problem::new(Code::Forbidden))
}

/// Notes down what an event tells. Told again it changes nothing; of accounts that are nobody's nothing is kept.
pub async fn receive(app: &App, event: &Event) -> Answer<()> {
    let tx = app.db.begin_write().await?;
    let found = account::by_open_id(&*tx, &app.keys, Platform::Wechat, &event.from).await?;
    let (Some(account), News::Said(_) | News::Sent(_)) = (found, &event.news) else {
        count("ignored");
        return Ok(());
    };
    let mut changed = false;
    match &event.news {
        News::Said(said) => {
            for (template, state) in said {
                changed |= consent::said(&*tx, account.id, template, *state, event.at).await?;
            }
        }
        News::Sent(templates) => {
            for template in templates {
                changed |= consent::sent(&*tx, account.id, template, event.at).await?;
            }
        }
        News::Other => {}
    }
    tx.commit().await?;
    count(if changed { "recorded" } else { "known" });
    Ok(())
}

fn count(result: &'static str) {
    metrics::counter!("mashang_wechat_pushes_total", "result" => result).increment(1);
}
