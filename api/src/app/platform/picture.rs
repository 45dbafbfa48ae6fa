//! The picture of a platform that a poster carries in place of our own QR.

use mashang_domain::person::Platform;
use mashang_domain::venue::Direction;
use mashang_infra::platform::wechat::scene;

use super::failure::problem;
use super::{alipay, wechat};
use crate::error::{Answer, Problem};
use crate::render::{Picture, PlatformCode, Scanner};
use crate::state::App;

/// Which code a poster carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CodePicture {
    /// Our own QR, for every camera.
    #[default]
    Qr,
    /// WeChat's mini-program code.
    Wxacode,
    /// Alipay's code of its mini-program.
    Alipay,
}

/// The picture, decoded; `None` for our own QR.
pub(in crate::app) async fn picture_of(
    app: &App,
    kind: CodePicture,
    code: &str,
    direction: Direction,
    about: &str,
) -> Answer<Option<PlatformCode>> {
    let (scanner, file) = match kind {
        CodePicture::Qr => return Ok(None),
        CodePicture::Wxacode => {
            let scene = scene(code, direction).ok_or_else(|| Problem::internal("a code fits no scene"))?;
            let file = wechat(app)?.picture(&scene).await.map_err(|f| problem(Platform::Wechat, f))?;
            (Scanner::Wechat, file)
        }
        CodePicture::Alipay => {
            let query = format!("scene={code}/{direction}");
            let file = alipay(app)?.picture(&query, about).await.map_err(|f| problem(Platform::Alipay, f))?;
            (Scanner::Alipay, file)
        }
    };
    let picture = tokio::task::spawn_blocking(move || Picture::decode(&file)).await;
    let picture = picture.map_err(Problem::internal)?;
    let picture = picture.map_err(|e| {
        tracing::error!(error = %e, "a platform's picture cannot be read");
        Problem::retry(crate::error::Code::PlatformUnavailable, 60_000)
    })?;
    Ok(Some(PlatformCode { picture, scanner }))
}
