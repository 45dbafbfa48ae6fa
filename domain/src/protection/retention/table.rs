//! The retention table. Its order is the order of deletion: what refers to a row stands before the row.

use super::Rule::{After, Along, DaysAfter, Outlives, Trimmed, UntilTheEnd, Unused, With};
use super::{Kept, Key, Period, Personal};

mod health;

/// Every table of the schema.
pub const TABLE: &[Kept] = &joined();

/// The three parts in their order.
const fn joined() -> [Kept; BEFORE.len() + health::HEALTH.len() + AFTER.len()] {
    let mut all = [BEFORE[0]; BEFORE.len() + health::HEALTH.len() + AFTER.len()];
    let (first, second) = (BEFORE.len(), BEFORE.len() + health::HEALTH.len());
    let mut n = 0;
    while n < all.len() {
        all[n] = if n < first {
            BEFORE[n]
        } else if n < second {
            health::HEALTH[n - first]
        } else {
            AFTER[n - second]
        };
        n += 1;
    }
    all
}

/// What comes and goes with people's days: sign-ins, messages, traces, scans.
const BEFORE: [Kept; 19] = [
    Kept {
        table: "session",
        holds_zh: "登录会话：令牌的散列、有效期",
        holds_en: "Sign-ins: hash of the token, validity",
        personal: Personal::Yes,
        rule: After { period: Period::Sessions, since: "coalesce(revoked_at, expires_at)" },
        why_zh: "登录一次后无需再输验证码；失效后仅为排查滥用短期保留",
        why_en: "No code is needed after the first sign-in; kept briefly after its end to look into abuse",
    },
    Kept {
        table: "login_code",
        holds_zh: "验证码请求：加密手机号、号码与地址的散列、验证码的散列",
        holds_en: "Requests for login codes: sealed number, hashes of number, address and code",
        personal: Personal::Yes,
        rule: After { period: Period::LoginCodes, since: "created_at" },
        why_zh: "验证登录并限制发送次数",
        why_en: "Checks sign-ins and bounds how often codes are sent",
    },
    Kept {
        table: "platform_binding",
        holds_zh: "待绑定的微信或支付宝账号：加密的账号编号及其散列、一次性凭证的散列",
        holds_en: "WeChat or Alipay accounts that wait for a phone number: sealed id, its keyed hash, hash of the one-time token",
        personal: Personal::Yes,
        rule: After { period: Period::LoginCodes, since: "created_at" },
        why_zh: "验证手机号后绑定；凭证十分钟内有效、只用一次",
        why_en: "Bound when the phone is proved; the token lives ten minutes and is used once",
    },
    Kept {
        table: "platform_consent",
        holds_zh: "对微信订阅消息模板的同意或拒绝",
        holds_en: "Consent to templates of WeChat's subscribe messages, or its refusal",
        personal: Personal::Yes,
        rule: Along { parent: "platform_account" },
        why_zh: "仅向同意者发送",
        why_en: "Only those who agreed are written to",
    },
    Kept {
        table: "platform_account",
        holds_zh: "已绑定的微信或支付宝账号：加密的账号编号及其散列",
        holds_en: "Bound WeChat or Alipay accounts: sealed id and its keyed hash",
        personal: Personal::Yes,
        rule: Along { parent: "person" },
        why_zh: "验证过手机号后，以后登录无需再输验证码",
        why_en: "Who once proved the phone signs in without a code",
    },
    Kept {
        table: "platform_token",
        holds_zh: "微信接口的访问凭证，加密",
        holds_en: "Access token of WeChat's server API, sealed",
        personal: Personal::No,
        rule: UntilTheEnd,
        why_zh: "各进程共用一个凭证",
        why_en: "All processes share one",
    },
    Kept {
        table: "work_item",
        holds_zh: "需人工联系的人员：随机编号、原因、结果",
        holds_en: "People who have to be called by hand: random id, reason, result",
        personal: Personal::Yes,
        rule: After { period: Period::Deliveries, since: "created_at" },
        why_zh: "短信与电话均未送达的人员由工作人员联系",
        why_en: "Officials see to those whom no message reached",
    },
    Kept {
        table: "attempt",
        holds_zh: "每次发送的结果，不含号码",
        holds_en: "Every try to send, without the number",
        personal: Personal::RandomId,
        rule: After { period: Period::Deliveries, since: "started_at" },
        why_zh: "核对回执，不重复发送",
        why_en: "Matches receipts, so that nothing is sent twice",
    },
    Kept {
        table: "delivery",
        holds_zh: "一条短信或电话的状态",
        holds_en: "One text message or call and its state",
        personal: Personal::Yes,
        rule: After { period: Period::Deliveries, since: "created_at" },
        why_zh: "确认每个人都收到提醒",
        why_en: "Makes sure that everybody was reached",
    },
    Kept {
        table: "notice",
        holds_zh: "给个人的风险提醒及确认",
        holds_en: "Warnings to people and their confirmations",
        personal: Personal::Yes,
        rule: After { period: Period::Deliveries, since: "created_at" },
        why_zh: "本人可查阅，避免重复提醒",
        why_en: "People can read them again and are not warned twice",
    },
    Kept {
        table: "alert",
        holds_zh: "提醒批次：模板、审批、状态",
        holds_en: "Alerts: template, approval, state",
        personal: Personal::No,
        rule: After {
            period: Period::Deliveries,
            since: "coalesce(done_at, cancelled_at, decided_at, created_at)",
        },
        why_zh: "说明提醒由谁起草、由谁批准",
        why_en: "Shows who drafted and who approved a warning",
    },
    Kept {
        table: "outbox",
        holds_zh: "待入队的任务编号",
        holds_en: "Ids of tasks that wait to be queued",
        personal: Personal::RandomId,
        rule: After { period: Period::Deliveries, since: "created_at" },
        why_zh: "队列丢失后可恢复；正常情况下立即删除",
        why_en: "Survives the loss of the queue; rows normally go at once",
    },
    Kept {
        table: "gateway",
        holds_zh: "短信与电话通道的名称与启停",
        holds_en: "Gateways by name, and which are paused",
        personal: Personal::No,
        rule: UntilTheEnd,
        why_zh: "暂停对所有进程生效，重启后仍有效",
        why_en: "A pause holds for every process and survives a restart",
    },
    Kept {
        table: "trace_contact",
        holds_zh: "追踪结果中的人员、等级与相遇",
        holds_en: "People of a trace, their levels and meetings",
        personal: Personal::Yes,
        rule: With {
            parent: "trace",
            key: Key { column: "trace_id", of: "id" },
            period: Period::Traces,
            since: "created_at",
        },
        why_zh: "作为提醒的依据，可复核",
        why_en: "The ground of a warning, open to review",
    },
    Kept {
        table: "trace",
        holds_zh: "追踪的参数、计数与校验值",
        holds_en: "Parameters, counts and hash of a trace",
        personal: Personal::Yes,
        rule: After { period: Period::Traces, since: "created_at" },
        why_zh: "作为提醒的依据，可复核",
        why_en: "The ground of a warning, open to review",
    },
    Kept {
        table: "case_edit",
        holds_zh: "流调人员对病例行程的更正",
        holds_en: "Corrections of a case's visits",
        personal: Personal::Yes,
        rule: With {
            parent: "infection_case",
            key: Key { column: "case_id", of: "id" },
            period: Period::Traces,
            since: "window_end",
        },
        why_zh: "与病例一同复核",
        why_en: "Reviewed together with the case",
    },
    Kept {
        table: "infection_case",
        holds_zh: "病例：人员编号、传染期、加密备注",
        holds_en: "Cases: person, infectious window, sealed note",
        personal: Personal::Yes,
        rule: After { period: Period::Traces, since: "window_end" },
        why_zh: "追踪同时段及其后到访的人员",
        why_en: "Finds who was there then and after",
    },
    Kept {
        table: "scan_key",
        holds_zh: "扫码请求的去重键",
        holds_en: "Keys that make scans idempotent",
        personal: Personal::RandomId,
        rule: After { period: Period::Scans, since: "at" },
        why_zh: "重复上传不重复记录",
        why_en: "A repeated upload is recorded once",
    },
    Kept {
        table: "scan",
        holds_zh: "扫码记录：何人（随机编号）、何处、何时",
        holds_en: "Scans: who (random id), where, when",
        personal: Personal::Yes,
        rule: DaysAfter { period: Period::Scans, since: "at" },
        why_zh: "覆盖一个潜伏期加调查时间",
        why_en: "One incubation period and the time to investigate",
    },
];

/// What the rest refers to, and what outlives it.
const AFTER: [Kept; 13] = [
    Kept {
        table: "venue_code",
        holds_zh: "场所码的编号与版本",
        holds_en: "Numbers and versions of printed codes",
        personal: Personal::No,
        rule: UntilTheEnd,
        why_zh: "张贴的码持续有效",
        why_en: "Printed codes stay valid",
    },
    Kept {
        table: "zone",
        holds_zh: "场所的分区",
        holds_en: "Zones of venues",
        personal: Personal::No,
        rule: UntilTheEnd,
        why_zh: "大型场所分区登记",
        why_en: "Large venues register by zone",
    },
    Kept {
        table: "venue",
        holds_zh: "场所名称、地址、加密的联系电话",
        holds_en: "Venues: name, address, sealed contact number",
        personal: Personal::Yes,
        rule: UntilTheEnd,
        why_zh: "场所在行动期间持续使用",
        why_en: "Venues are in use for the whole operation",
    },
    Kept {
        table: "person",
        holds_zh: "加密的手机号及其散列、随机编号",
        holds_en: "Sealed phone number, its keyed hash, a random id",
        personal: Personal::Yes,
        rule: Unused { period: Period::Scans, since: "created_at" },
        why_zh: "仅用于登录与提醒；没有任何记录时不再需要号码",
        why_en: "For sign-in and warnings only; without any record the number is not needed",
    },
    Kept {
        table: "staff",
        holds_zh: "工作人员账号：用户名、口令散列、加密的动态口令密钥、加密的工作邮箱（如有）",
        holds_en: "Staff: user name, password hash, sealed one-time secret, sealed work address where given",
        personal: Personal::Yes,
        rule: UntilTheEnd,
        why_zh: "追究责任需要知道编号对应何人",
        why_en: "Who acted must be known while the operation runs",
    },
    Kept {
        table: "import_chunk",
        holds_zh: "导入文件各段的校验值与行数",
        holds_en: "Digests and line counts of the parts of imported files",
        personal: Personal::No,
        rule: With {
            parent: "import_job",
            key: Key { column: "job_id", of: "id" },
            period: Period::Imports,
            since: "updated_at",
        },
        why_zh: "中断后从未完成处继续",
        why_en: "An import goes on where it stopped",
    },
    Kept {
        table: "import_job",
        holds_zh: "导入进度与计数",
        holds_en: "Progress and counts of imports",
        personal: Personal::No,
        rule: After { period: Period::Imports, since: "updated_at" },
        why_zh: "中断后可继续，同一文件不重复导入",
        why_en: "Imports resume and no file is imported twice",
    },
    Kept {
        table: "idempotency",
        holds_zh: "请求的幂等键与当时的答复",
        holds_en: "Idempotency keys and the answers given",
        personal: Personal::Yes,
        rule: After { period: Period::Idempotency, since: "created_at" },
        why_zh: "网络中断后重试不会重复执行",
        why_en: "A retry after a broken connection does nothing twice",
    },
    Kept {
        table: "job_tick",
        holds_zh: "定时任务的执行记录",
        holds_en: "Runs of periodic jobs",
        personal: Personal::No,
        rule: After { period: Period::Jobs, since: "claimed_at" },
        why_zh: "每次只由一个进程执行；证明已按时删除",
        why_en: "One process runs each; shows that deletion happened on time",
    },
    Kept {
        table: "audit",
        holds_zh: "审计日志：何人、为何、何时，哈希链",
        holds_en: "Audit log: who, why, when; hash-chained",
        personal: Personal::RandomId,
        rule: Trimmed { period: Period::Audit, since: "at" },
        why_zh: "处理记录须保存至少三年；本人可查阅",
        why_en: "Records of processing are due for three years; people can see theirs",
    },
    Kept {
        table: "audit_anchor",
        holds_zh: "已截去部分的链尾哈希",
        holds_en: "Hash at which the kept log begins",
        personal: Personal::No,
        rule: Outlives,
        why_zh: "使其余日志仍可验证",
        why_en: "The rest of the log still verifies",
    },
    Kept {
        table: "operation",
        holds_zh: "行动的名称、法律依据、状态、销毁证书",
        holds_en: "The operation: name, legal basis, state, certificate of destruction",
        personal: Personal::No,
        rule: Outlives,
        why_zh: "证明数据已销毁",
        why_en: "Proves that the data was destroyed",
    },
    Kept {
        table: "seaql_migrations",
        holds_zh: "数据库结构的版本",
        holds_en: "Versions of the schema",
        personal: Personal::No,
        rule: Outlives,
        why_zh: "升级需要",
        why_en: "Upgrades need it",
    },
];
