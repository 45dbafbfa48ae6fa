//! A row of every table, as SQL that both databases take.

use mashang_domain::time::{DAY, Timestamp};
use uuid::Uuid;

use crate::bench::Bench;

impl Bench {
    /// A UUID as a literal.
    pub fn id(&self, n: u128) -> String {
        let id = Uuid::from_u128(n);
        if self.db.is_postgres() { format!("'{id}'") } else { format!("x'{}'", id.simple()) }
    }

    fn bytes(&self, n: u128) -> String {
        let hex = Uuid::from_u128(n).simple();
        if self.db.is_postgres() { format!("'\\x{hex}'") } else { format!("x'{hex}'") }
    }

    /// Inserts row `n` into `table`, made at `at`; rows refer to person, venue and parents with the same `n`.
    pub async fn insert(&self, table: &str, n: u128, at: Timestamp) {
        let (id, bytes, at) = (self.id(n), self.bytes(n), at.millis());
        let (columns, values) = match table {
            "person" => (
                "id, phone_hash, phone_sealed, key_version, created_at",
                format!("{id}, {bytes}, {bytes}, 1, {at}"),
            ),
            "staff" => (
                "id, username, password_hash, key_version, role, division, created_at",
                format!("{id}, 'u{n}', 'h', 1, 'official', '', {at}"),
            ),
            "session" => (
                "token_hash, staff_id, created_at, expires_at, last_seen_at",
                format!("{bytes}, {id}, {at}, {at}, {at}"),
            ),
            "login_code" => (
                "id, phone_hash, phone_sealed, key_version, block_hash, address_hash, channel, code_hash, created_at, expires_at",
                format!("{id}, {bytes}, {bytes}, 1, {bytes}, {bytes}, 'sms', {bytes}, {at}, {at}"),
            ),
            "platform_account" => (
                "id, platform, open_id_hash, open_id_sealed, key_version, person_id, bound_at",
                format!("{id}, 'wechat', {bytes}, {bytes}, 1, {id}, {at}"),
            ),
            "platform_binding" => (
                "id, token_hash, platform, open_id_hash, open_id_sealed, key_version, created_at, expires_at",
                format!("{id}, {bytes}, 'wechat', {bytes}, {bytes}, 1, {at}, {at}"),
            ),
            "platform_consent" => (
                "account_id, template_id, state, granted, sent, changed_at",
                format!("{id}, 't', 'accepted', 1, 0, {at}"),
            ),
            "platform_token" => (
                "name, id, key_version, fetched_at, expires_at, claimed_until",
                format!("'wechat:{n}', {id}, 1, {at}, {at}, {at}"),
            ),
            "venue" => (
                "id, name, category, division_code, address, key_version, state, created_at, updated_at",
                format!("{id}, 'v', 'other', '530102', 'a', 1, 'approved', {at}, {at}"),
            ),
            "zone" => ("id, venue_id, name, created_at", format!("{id}, {id}, 'z', {at}")),
            "venue_code" => {
                ("number, venue_id, direction, version, created_at", format!("{n}, {id}, 'in', 1, {at}"))
            }
            "scan" => return self.insert_scan(n, Timestamp(at)).await,
            "scan_key" => ("key, scan_id, at", format!("{id}, {id}, {at}")),
            "import_job" => (
                "id, kind, digest, lines_done, recorded, repeats, rejected, created_at, updated_at",
                format!("{id}, 'visits', {bytes}, 1, 1, 0, 0, {at}, {at}"),
            ),
            "import_chunk" => ("job_id, number, digest, lines, rejected", format!("{id}, 0, {bytes}, 1, 0")),
            "infection_case" => (
                "id, person_id, division_code, reported_at, window_start, window_end, key_version, created_by, created_at",
                format!("{id}, {id}, '530102', {at}, {at}, {at}, 1, {id}, {at}"),
            ),
            "case_edit" => (
                "id, case_id, visit_id, action, created_by, created_at",
                format!("{id}, {id}, {id}, 'remove', {id}, {at}"),
            ),
            "trace" => (
                "id, division_code, state, case_ids, spans, parameters, created_by, created_at",
                format!("{id}, '', 'frozen', '[]', '[]', '{{}}', {id}, {at}"),
            ),
            "trace_contact" => ("trace_id, person_id, level, meetings", format!("{id}, {id}, 1, '[]'")),
            "alert" => (
                "id, kind, trace_id, trace_sha256, templates, levels, urgent, drill, state, division_code, created_by, created_at",
                format!(
                    "{id}, 'exposure', {id}, 'x', '{{}}', '[]', false, false, 'approved', '', {id}, {at}"
                ),
            ),
            "notice" => ("id, alert_id, person_id, level, created_at", format!("{id}, {id}, {id}, 1, {at}")),
            "delivery" => (
                "id, alert_id, notice_id, level, rung, rung_kind, channel, template_key, variables, urgent, drill, state, due_at, expires_at, created_at",
                format!(
                    "{id}, {id}, {id}, 1, 0, 'sms', 'sms', 't', '{{}}', false, false, 'pending', {at}, {at}, {at}"
                ),
            ),
            "attempt" => (
                "reference, delivery_id, gateway, epoch, batch, started_at",
                format!("'r{n}', {id}, 'log', 0, 'b', {at}"),
            ),
            "outbox" => ("id, task, created_at", format!("{id}, '{{}}', {at}")),
            "gateway" => ("name, channel, seen_at", format!("'g{n}', 'sms', {at}")),
            "work_item" => (
                "id, alert_id, notice_id, person_id, level, reason, state, created_at",
                format!("{id}, {id}, {id}, {id}, 1, 'not_reached', 'open', {at}"),
            ),
            "health" => (
                "person_id, code_ref, division_code, colour, reason, rule_version, since, days_required, days_left, last_at, reminders",
                format!("{id}, {n}, '530102', 'green', 'healthy', 1, {at}, 0, 0, {at}, 'sms'"),
            ),
            "declaration" => (
                "id, person_id, division_code, identity_hash, sealed, key_version, notice_version, guardian, created_at",
                format!("{id}, {id}, '530102', {bytes}, {bytes}, 1, 'v', false, {at}"),
            ),
            "health_fact" => ("person_id, evidence, fact, at", format!("{id}, {id}, 'declared', {at}")),
            "check_in" => (
                "id, person_id, day, at, normal, sealed, key_version",
                format!("{id}, {id}, 1, {at}, true, {bytes}, 1"),
            ),
            "health_change" => (
                "id, person_id, division_code, at, kind, from_colour, to_colour, reason, rule_set, rule_version, days_left, actor_kind, actor_id",
                format!(
                    "{id}, {id}, '530102', {at}, 'day', 'green', 'grey', 'expired', 'r', 1, 0, 'system', 'x'"
                ),
            ),
            "appeal" => (
                "id, person_id, division_code, state, colour, reason, since, sealed, key_version, filed_at, due_at",
                format!("{id}, {id}, '530102', 'open', 'red', 'manual', {at}, {bytes}, 1, {at}, {at}"),
            ),
            "colour_change" => (
                "id, person_id, division_code, state, from_colour, to_colour, ground, sealed, key_version, requested_by, requested_role, requested_at, expires_at",
                format!(
                    "{id}, {id}, '530102', 'applied', 'red', 'green', 'record_error', {bytes}, 1, {id}, 'official', {at}, {at}"
                ),
            ),
            "integrity_record" => (
                "id, person_id, division_code, kind, rule, evidence, actor_kind, actor_id, at",
                format!("{id}, {id}, '530102', 'false_declaration', 'r', {id}, 'system', 'x', {at}"),
            ),
            "code_key" => (
                "number, row_id, seed_sealed, key_version, public_key, signs_from, signs_until, created_at",
                format!("{n}, {id}, {bytes}, 1, {bytes}, {at}, {at}, {at}"),
            ),
            "code_check" => (
                "id, person_id, token_id, staff_id, purpose, colour, allowed, at",
                format!("{id}, {id}, {id}, {id}, 'gate_check', 'green', true, {at}"),
            ),
            "api_key" => (
                "id, secret_hash, name, scopes, division_code, created_by, created_at",
                format!("{id}, {bytes}, 'gate', 'verify_codes', '530102', {id}, {at}"),
            ),
            "card_link" => (
                "id, person_id, kind, sealed, key_version, linked_at",
                format!("{id}, {id}, 'e_health', {bytes}, 1, {at}"),
            ),
            "trip" => {
                ("id, person_id, sealed, key_version, created_at", format!("{id}, {id}, {bytes}, 1, {at}"))
            }
            "reminder" => ("person_id, kind, day, created_at", format!("{id}, 'day_missed', 1, {at}")),
            "alert_colouring" => ("alert_id, created_at", format!("{id}, {at}")),
            "health_record" => (
                "id, import_id, kind, division_code, digest, identity_hash, day, sealed, key_version, created_at",
                format!("{id}, {id}, 'confirmed', '530102', {bytes}, {bytes}, 1, {bytes}, 1, {at}"),
            ),
            "key_area" => (
                "id, import_id, division_code, area, from_day, created_at",
                format!("{id}, {id}, '530102', 'a{n}', 1, {at}"),
            ),
            "health_import" => (
                "id, kind, division_code, created_by, created_at, updated_at",
                format!("{id}, 'confirmed', '530102', {id}, {at}, {at}"),
            ),
            "rule_version" => ("version, rule_set, sha256, text, since", format!("{n}, 'r', 'x', 'x', {at}")),
            "idempotency" => ("actor, key, body_hash, created_at", format!("'a', 'k{n}', {bytes}, {at}")),
            "job_tick" => ("job, tick, claimed_at", format!("'test', {at}, {at}")),
            other => panic!("rows of {other} are not made here"),
        };
        self.run(&format!("INSERT INTO {table} ({columns}) VALUES ({values})")).await;
    }

    async fn insert_scan(&self, n: u128, at: Timestamp) {
        let (id, at) = (self.id(n), at.floor_to_second());
        if self.db.is_postgres() {
            let (from, day) = (at.shanghai_day_start(), at.shanghai_day().format("%Y%m%d").to_string());
            let bounds = format!("FROM ({}) TO ({})", from.millis(), (from + DAY).millis());
            self.run(&format!("CREATE TABLE IF NOT EXISTS scan_{day} PARTITION OF scan FOR VALUES {bounds}"))
                .await;
        }
        let at = at.millis();
        self.run(&format!(
            "INSERT INTO scan (id, person_id, venue_id, direction, at, received_at, source) \
             VALUES ({id}, {id}, {id}, 'in', {at}, {at}, 'scan')"
        ))
        .await;
    }
}
