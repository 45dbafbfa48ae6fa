//! What the demo prints: short lines, Chinese first, figures aligned.

use indicatif::{ProgressBar, ProgressStyle};

use super::Stage;
use super::accounts::{ACCOUNTS, PASSWORD};
use crate::cli::say;

pub(super) fn title(text: &str) {
    say(&format!("\n{text}\n{}", "─".repeat(72)));
}

/// One act of the play.
pub(super) fn act(number: u8, zh: &str, en: &str) {
    say(&format!("\n{number}. {zh}  ·  {en}"));
}

pub(super) fn line(text: &str) {
    say(&format!("   {text}"));
}

/// A bar on standard error; silent when that is no terminal.
pub(super) fn bar(length: u64, unit: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    let template = format!("   {{bar:32}} {{pos}}/{{len}} {unit}  {{per_sec}}  {{elapsed}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}

/// `138****0000` of a number as it is written here.
pub(super) fn masked(phone: &str) -> String {
    mashang_domain::person::Phone::parse(phone).map_or_else(|_| "***".to_owned(), |p| p.masked())
}

pub(super) fn staying_up(stage: &Stage) {
    title("演示已完成，服务继续运行；按 Ctrl-C 结束  ·  The loop is done; the service stays up until Ctrl-C");
    line(&format!("接口文档 API documentation   {}/api/docs/", stage.base));
    line(&format!("海报 Posters                 {}", stage.dir.join("posters").display()));
    line(&format!("演示账号 Demo accounts (password: {PASSWORD})"));
    for (name, _, what) in ACCOUNTS {
        line(&format!("  {name:<14} {what}"));
    }
}
