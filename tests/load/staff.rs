//! Members of staff who are signed in: added by the command line, as an operator does it.

use anyhow::{Context, ensure};
use mashang_tests::Client;
use mashang_tests::process::command;
use serde_json::json;

use crate::product::Product;

const PASSWORD: &str = "correct horse battery";

/// A signed-in member of staff for all of Yunnan, in a role such as `official`.
pub async fn signed_in(product: &Product, role: &str) -> anyhow::Result<Client> {
    Ok(product.anyone().with_token(&token(product, role).await?))
}

/// The token of such a member of staff.
pub async fn token(product: &Product, role: &str) -> anyhow::Result<String> {
    let (file, config) = (product.path("password"), product.path("mashang.toml"));
    std::fs::write(&file, format!("{PASSWORD}\n"))?;
    let (file, config) = (file.to_string_lossy(), config.to_string_lossy());
    let add = ["--config", &config, "staff", "add", "--username", role, "--role", role, "--no-totp"];
    let output = command("mashang-api", &add, &[])?
        .args(["--division", "530000", "--password-file", &file])
        .output()
        .context("staff add")?;
    ensure!(output.status.success(), "staff add: {}", String::from_utf8_lossy(&output.stderr));
    let anyone = product.anyone();
    let body = json!({ "username": role, "password": PASSWORD });
    let session = anyone.post("/staff/sessions", body).await.ok(201);
    Ok(session["access_token"].as_str().context("a token")?.to_owned())
}
