//! Tables for spreadsheets: what comes out of the database is text there, whatever it looks like.

use mashang_tests::{Form, TestApp};
use rstest::rstest;
use sea_orm::{ConnectionTrait, Statement};

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
    let poison = [
        "=HYPERLINK(\"http://evil.example\",\"x\")",
        "+1-1",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "＝1+1",
        "a\",\n=1+1,\"",
        "'=1",
    ];
    let conn = app.db().await;
    let ids = "SELECT CAST(id AS text) FROM delivery WHERE alert_id IS NOT NULL ORDER BY id";
    let ids = if form == Form::Sqlite { ids.replace("CAST(id AS text)", "hex(id)") } else { ids.to_owned() };
    let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), ids)).await.unwrap();
    assert_eq!(rows.len(), poison.len(), "a message and a call for each of four");
    for (row, text) in rows.iter().zip(poison) {
        let (id, text): (String, _) = (row.try_get_by_index(0).unwrap(), text.replace('\'', "''"));
        let id = if form == Form::Sqlite { format!("x'{id}'") } else { format!("'{id}'") };
        let sql = format!("UPDATE delivery SET code = '{text}', gateway = '{text}' WHERE id = {id}");
        conn.execute_unprepared(&sql).await.unwrap();
    }
    let reply = outbreak.official.get(&format!("{alert}/report.csv")).await;
    assert!(
        reply.header("content-type").starts_with("text/csv")
            && reply.header("content-disposition").contains("attachment")
    );
    let body = reply.body.strip_prefix("\u{feff}".as_bytes()).expect("the mark that Excel wants");
    let mut read = csv::Reader::from_reader(body);
    let rows: Vec<csv::StringRecord> = read.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), poison.len());
    let cells: Vec<&str> = rows.iter().flatten().collect();
    for cell in &cells {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝']), "{cell:?}");
    }
    for text in poison {
        let there = cells.iter().any(|cell| *cell == text || cell.strip_prefix('\'') == Some(text));
        assert!(there, "{text:?} is there, as text: {cells:?}");
    }
}
