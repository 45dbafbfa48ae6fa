//! Tables for spreadsheets: what comes out of the database is text there, whatever it looks like.

use std::process::Command;

use mashang_tests::{Form, Reply, TestApp};
use rstest::rstest;
use sea_orm::{ConnectionTrait, Statement};

/// What a spreadsheet would compute, or split a row at, if it were not made text.
pub(crate) const POISON: [&str; 8] = [
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "+1-1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "＝1+1",
    "a\",\n=1+1,\"",
    "'=1",
];

/// The rows of a table for spreadsheets: sent as one, no cell a formula, each of `texts` there as text.
pub(crate) fn rows_of_text(app: &TestApp, reply: &Reply, texts: &[&str]) -> Vec<csv::StringRecord> {
    assert!(
        reply.header("content-type").starts_with("text/csv")
            && reply.header("content-disposition").contains("attachment")
    );
    let body = reply.body.strip_prefix("\u{feff}".as_bytes()).expect("the mark that Excel wants");
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_reader(body).records().collect::<Result<_, _>>().unwrap();
    let cells: Vec<&str> = rows.iter().flatten().collect();
    for cell in &cells {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝']), "{cell:?}");
    }
    for text in texts {
        let there = cells.iter().any(|cell| cell == text || cell.strip_prefix('\'') == Some(text));
        assert!(there, "{text:?} is there, as text: {cells:?}");
    }
    opens_as_text(app, &reply.body, texts);
    rows
}

/// LibreOffice, where it is there, finds no formula: what it computed would read otherwise.
fn opens_as_text(app: &TestApp, csv: &[u8], texts: &[&str]) {
    let file = app.path("table.csv");
    std::fs::write(&file, csv).unwrap();
    let home = format!("-env:UserInstallation=file://{}", app.path("office").display());
    let args = [home.as_str(), "--headless", "--convert-to", "fods", "--outdir"];
    let run = Command::new("soffice").args(args).arg(app.path(".")).arg(&file).output();
    let Ok(run) = run else {
        eprintln!("skipped: LibreOffice is not installed");
        return;
    };
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let sheet = std::fs::read_to_string(app.path("table.fods")).unwrap();
    assert!(!sheet.contains("table:formula"), "a formula: {sheet}");
    assert!(texts.iter().any(|text| sheet.contains(text.trim())), "it has read the file");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn no_cell_of_a_report_is_a_formula(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let outbreak = app.outbreak(4).await;
    let alert = outbreak.submitted().await;
    outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200);
    app.drained().await;
    // What a provider answers stands in these columns, and providers are not ours.
    let conn = app.db().await;
    let ids = "SELECT CAST(id AS text) FROM delivery WHERE alert_id IS NOT NULL ORDER BY id";
    let ids = if form == Form::Sqlite { ids.replace("CAST(id AS text)", "hex(id)") } else { ids.to_owned() };
    let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), ids)).await.unwrap();
    assert_eq!(rows.len(), POISON.len(), "a message and a call for each of four");
    for (row, text) in rows.iter().zip(POISON) {
        let (id, text): (String, _) = (row.try_get_by_index(0).unwrap(), text.replace('\'', "''"));
        let id = if form == Form::Sqlite { format!("x'{id}'") } else { format!("'{id}'") };
        let sql = format!("UPDATE delivery SET code = '{text}', gateway = '{text}' WHERE id = {id}");
        conn.execute_unprepared(&sql).await.unwrap();
    }
    let reply = outbreak.official.get(&format!("{alert}/report.csv")).await;
    assert_eq!(rows_of_text(&app, &reply, &POISON).len(), POISON.len());
}
