//! The notice that people consent to before they declare: who, for what, by which law, which data, for how long, and which
//! rights they have (PIPL articles 17, 29 and 30).

use crate::http::context::{self, Language};
use crate::state::App;

/// A notice in one language.
pub struct Notice {
    pub version: String,
    pub language: Language,
    pub text: String,
}

/// The notice in force, in the language of the request.
pub fn present(app: &App) -> Notice {
    let (operation, days) = (&app.settings.operation, app.settings.retention.health_days);
    let language = context::language();
    let text = match language {
        Language::Chinese => format!(
            "{name}依据{basis}，为疫情防控向您收集以下信息：姓名、证件类型与号码、居住地、来自何处及时间、与病例的接触、症状与体温\
             （均为敏感个人信息）。信息用于核验健康码的颜色，与官方名单比对，加密保存。停止使用{days}日后删除；行动结束时全部销毁。\
             不提供则不能使用健康码，可凭人工登记通行。您可以查阅、更正、导出和删除自己的信息，查看谁查过您，对颜色提出申诉。\
             未满14周岁须由监护人同意。申报须属实，虚假申报将直接转为红码并记入诚信记录。咨询电话：{hotline}。",
            name = operation.name,
            basis = operation.legal_basis,
            hotline = operation.hotline,
        ),
        Language::English => format!(
            "{name} collects the following under {basis} to contain the epidemic: name, type and number of your identity \
             document, residence, where you came from and when, contact with cases, symptoms and temperature (all of it \
             sensitive). It decides the colour of your health code, is compared with official lists, and is kept sealed. It \
             is deleted {days} days after its last use, and all of it when the operation ends. Without it there is no health \
             code; you can be registered by hand. You can read, correct, export and delete your data, see who looked at it, \
             and appeal against a colour. For children under 14 a guardian consents. What you declare must be true: a false \
             declaration turns the code red and is put on record. Questions: {hotline}.",
            name = operation.name_en,
            basis = operation.legal_basis,
            hotline = operation.hotline,
        ),
    };
    Notice { version: app.settings.health.notice_version.clone(), language, text }
}
