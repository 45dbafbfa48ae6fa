//! Signing in through WeChat and Alipay, and what else comes with their mini-programs.

mod failure;
mod picture;
mod push;
mod sign_in;

pub use picture::CodePicture;
pub(super) use picture::picture_of;
pub use push::{is_from_wechat, receive};
pub(super) use sign_in::{bind, look, take};
pub use sign_in::{by_alipay, by_alipay_phone, by_wechat, by_wechat_phone};

use std::sync::Arc;

use mashang_infra::platform::{Alipay, Wechat};

use crate::error::{Answer, Code, Problem};
use crate::state::App;

fn wechat(app: &App) -> Answer<&Arc<Wechat>> {
    app.platforms.wechat.as_ref().ok_or_else(|| Problem::new(Code::PlatformNotConfigured))
}

fn alipay(app: &App) -> Answer<&Arc<Alipay>> {
    app.platforms.alipay.as_ref().ok_or_else(|| Problem::new(Code::PlatformNotConfigured))
}
