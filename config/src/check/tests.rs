//! A table of bad settings, each refused with its own sentence.

use crate::load_with;

const PRODUCTION: &[(&str, &str)] = &[
    ("MASHANG__ENVIRONMENT", "production"),
    ("MASHANG__HTTP__PUBLIC_URL", "https://yqf.example.cn"),
    ("MASHANG__DATABASE__URL", "postgres://m@db/m"),
    ("MASHANG__LIMITS__ALLOW_TEST_NUMBERS", "false"),
];

const GATEWAY: &str = r#"
[[gateways]]
name = "aliyun"
kind = "aliyun_sms"
endpoint = "https://dysmsapi.aliyuncs.com"
access_key_id = "k"
access_key_secret = "s3cr3t"
"#;

fn refusals(file: &str, env: &[(&str, &str)]) -> Vec<String> {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("m.toml");
    std::fs::write(&path, file).expect("written");
    let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let settings = load_with(Some(&path), env).expect("loads");
    super::check(&settings).iter().map(ToString::to_string).collect()
}

#[test]
fn good_settings_are_accepted() {
    assert_eq!(refusals("", &[]), Vec::<String>::new());
    assert_eq!(refusals(GATEWAY, PRODUCTION), Vec::<String>::new());
}

#[test]
fn each_bad_setting_is_refused_by_name() {
    let table: &[(&str, &str, &str)] = &[
        ("HTTP__PUBLIC_URL", "ftp://x", "http.public_url"),
        ("HTTP__PUBLIC_URL", "http://x/", "http.public_url"),
        (
            "HTTP__PUBLIC_URL",
            "http://a-very-long-host-name-that-nobody-would-print.on-a-poster.example.cn",
            "http.public_url",
        ),
        ("HTTP__LISTEN", "nowhere", "http.listen"),
        ("NOTIFIER__LISTEN", "8081", "notifier.listen"),
        ("DATABASE__URL", "mysql://x", "database.url"),
        ("REDIS__URL", "http://x", "redis.url"),
        ("NOTIFIER__EMBEDDED", "false", "notifier.embedded"),
        ("HTTP__TRUSTED_PROXIES", "proxy", "http.trusted_proxies"),
        ("HTTP__MAX_BODY_BYTES", "10", "http.max_body_bytes"),
        ("HTTP__MAX_IN_FLIGHT", "1", "http.max_in_flight"),
        ("HTTP__REQUEST_TIMEOUT_SECONDS", "0", "http.request_timeout_seconds"),
        ("DATABASE__MAX_CONNECTIONS", "1", "database.max_connections"),
        ("DATABASE__ACQUIRE_TIMEOUT_MS", "1", "database.acquire_timeout_ms"),
        ("NOTIFIER__BATCH", "0", "notifier.batch"),
        ("NOTIFIER__SWEEP_MS", "1", "notifier.sweep_ms"),
        ("SCANS__GROUP_MAX", "100000", "scans.group_max"),
        ("SCANS__QUEUE_MAX", "1", "scans.queue_max"),
        ("SESSIONS__CITIZEN_DAYS", "365", "sessions.citizen_days"),
        ("SESSIONS__STAFF_HOURS", "24", "sessions.staff_hours"),
        ("SESSIONS__STAFF_IDLE_MINUTES", "60", "sessions.staff_idle_minutes"),
        ("LIMITS__CODE_TTL_SECONDS", "3600", "limits.code_ttl_seconds"),
        ("LIMITS__CODE_TRIES", "100", "limits.code_tries"),
        ("RETENTION__SCANS_DAYS", "0", "retention.scans_days"),
        ("RETENTION__SCANS_DAYS", "14", "retention.scans_days"),
        ("RETENTION__AUDIT_DAYS", "10", "retention.audit_days"),
        ("RETENTION__HOUR", "24", "retention.hour"),
        ("SCANS__MAX_AGE_DAYS", "60", "scans.max_age_days"),
        ("TRACE__AFTER_MINUTES", "2000", "trace.after_minutes"),
        ("TRACE__MIN_OVERLAP_SECONDS", "0", "trace.min_overlap_seconds"),
        ("ALERTS__EXPIRES_HOURS", "0", "alerts.expires_hours"),
        ("ALERTS__LADDER_1", "email", "alerts.ladder_1"),
        ("ALERTS__LADDER_1", "sms,email", "alerts.ladder_1"),
        ("ALERTS__EMAIL_AFTER_MINUTES", "2000", "alerts.email_after_minutes"),
        ("ALERTS__LADDER_2", "sms,sms", "alerts.ladder_2"),
        ("ALERTS__LADDER_2", "work_list,sms", "alerts.ladder_2"),
        ("ALERTS__LADDER_3", "work_list", "alerts.ladder_3"),
        ("DISPATCH__VOICE_FROM_HOUR", "22", "dispatch.voice_from_hour"),
        ("DISPATCH__ASK_AFTER_SECONDS", "1", "dispatch.ask_after_seconds"),
        ("DISPATCH__ASK_PER_SECOND", "5000", "dispatch.ask_per_second"),
        ("NOTIFIER__PUBLIC_URL", "https://x/", "notifier.public_url"),
        ("DISPATCH__JITTER", "2", "dispatch.jitter"),
        ("CANARY__EVERY_MINUTES", "1", "canary.every_minutes"),
        ("CANARY__EVERY_MINUTES", "5", "canary.phone"),
        ("WECHAT__APP_ID", "wx1", "wechat.app_secret"),
        ("WECHAT__ENDPOINT", "api.weixin.qq.com", "wechat.endpoint"),
        ("WECHAT__PUSH_TOKEN", "ab", "wechat.push_token"),
        ("WECHAT__OWNERSHIP_NAME", "../x.txt", "wechat.ownership_name"),
        ("WECHAT__PAGE", "/pages/scan", "wechat.page"),
        ("WECHAT__CODE_WIDTH", "100", "wechat.code_width"),
        ("WECHAT__CODES_PER_MINUTE", "9000", "wechat.codes_per_minute"),
        ("WECHAT__TIMEOUT_MS", "60000", "wechat.timeout_ms"),
        ("ALIPAY__APP_ID", "2021", "alipay.private_key"),
        ("ALIPAY__PICTURE_HOSTS", "a/b", "alipay.picture_hosts"),
        ("ALIPAY__ENDPOINT", "ftp://x", "alipay.endpoint"),
    ];
    for (key, value, named) in table {
        let found = refusals("", &[(&format!("MASHANG__{key}"), value)]);
        assert!(found.iter().any(|r| r.starts_with(named)), "{key}={value}: {found:?}");
    }
}

#[test]
fn production_refuses_what_development_may_do() {
    let table: &[(&str, &str, &str)] = &[
        ("MASHANG__HTTP__PUBLIC_URL", "http://yqf.example.cn", "http.public_url"),
        ("MASHANG__DATABASE__URL", "sqlite://x.db", "database.url"),
        ("MASHANG__LIMITS__ALLOW_TEST_NUMBERS", "true", "limits.allow_test_numbers"),
        ("MASHANG__LIMITS__CODE_PER_PHONE_HOUR", "50", "limits.code_per_phone_hour"),
        ("MASHANG__LIMITS__CODE_TRIES", "6", "limits.code_tries"),
        ("MASHANG__DEVELOPMENT__CLOCK_OFFSET_FILE", "/x", "development.clock_offset_file"),
        ("MASHANG__WECHAT__ENDPOINT", "http://api.weixin.qq.com", "wechat.endpoint"),
        ("MASHANG__WECHAT__ENDPOINT", "https://127.0.0.1", "wechat.endpoint"),
        ("MASHANG__ALIPAY__ENDPOINT", "http://openapi.alipay.com/gateway.do", "alipay.endpoint"),
        ("MASHANG__ALIPAY__PICTURE_HOSTS", "http://127.0.0.1:1", "alipay.picture_hosts"),
    ];
    for (key, value, named) in table {
        let mut env: Vec<(&str, &str)> = PRODUCTION.iter().copied().filter(|(k, _)| k != key).collect();
        env.push((key, value));
        let found = refusals(GATEWAY, &env);
        assert!(found.iter().any(|r| r.starts_with(named)), "{key}={value}: {found:?}");
    }
    for (from, to, named) in [
        ("https://dysmsapi", "http://dysmsapi", "gateways.aliyun.endpoint"),
        ("https://dysmsapi.aliyuncs.com", "https://127.0.0.1:9400", "gateways.aliyun.endpoint"),
        ("s3cr3t", "testSecret", "gateways.aliyun.access_key_secret"),
        ("aliyun_sms", "log", "gateways.aliyun.kind"),
    ] {
        let found = refusals(&GATEWAY.replace(from, to), PRODUCTION);
        assert!(found.iter().any(|r| r.starts_with(named)), "{to}: {found:?}");
    }
    assert!(refusals("", PRODUCTION).iter().any(|r| r.starts_with("gateways")));
}
