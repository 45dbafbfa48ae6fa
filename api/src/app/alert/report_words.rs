//! The words of the printed report, in two languages side by side.

use mashang_domain::alert::{AlertKind, AlertState};
use mashang_domain::delivery::{Channel, DeliveryState};

use crate::render::{Said, said};

pub const DRILL: Said = said("演练", "Drill");
pub const URGENT: Said = said("紧急（夜间可拨打）", "Urgent (calls at night)");
pub const NOT_URGENT: Said = said("普通", "Normal");

pub const ALERT: Said = said("预警", "Alert");
pub const DECISIONS: Said = said("审批", "Decisions");
pub const PEOPLE: Said = said("人员", "People");
pub const MESSAGES: Said = said("发送", "Messages");
pub const REASONS: Said = said("未送达的原因", "Why messages did not arrive");
pub const TEXTS: Said = said("短信内容", "Texts");

pub const NUMBER: Said = said("编号", "Number");
pub const STATE: Said = said("状态", "State");
pub const CORRECTS: Said = said("更正的预警", "Corrects alert");
pub const DIVISION: Said = said("行政区划", "Division");
pub const URGENCY: Said = said("紧急程度", "Urgency");
pub const TRACE: Said = said("流调结果编号", "Trace");
pub const HASH: Said = said("流调结果摘要 SHA-256", "Trace SHA-256");
pub const MADE: Said = said("本报告生成于", "Report made at");

pub const DRAFTED: Said = said("起草", "Drafted");
pub const SUBMITTED: Said = said("提交", "Submitted");
pub const FIRST_APPROVAL: Said = said("第一审批人", "First approver");
pub const APPROVED: Said = said("批准", "Approved");
pub const REJECTED: Said = said("驳回", "Rejected");
pub const DECIDED: Said = said("决定", "Decided");
pub const REASON: Said = said("理由", "Reason");
pub const CANCELLED: Said = said("撤销", "Cancelled");
pub const DONE: Said = said("完成", "Done");

pub const CONTACTS: Said = said("流调发现", "Found by the trace");
pub const MERGED: Said = said("近期已告知，未重复发送", "Warned lately, not again");
pub const ACKNOWLEDGED: Said = said("已确认收到", "Confirmed the notice");
pub const CALL_BACK: Said = said("请求回电", "Ask to be called");

pub const CHANNEL: Said = said("方式", "Channel");
pub const COUNT: Said = said("数量", "Count");
pub const CODE: Said = said("运营商原因", "Provider's reason");
pub const LAST_ACCEPTED: Said = said("批准至最后一条受理", "Approval to last accepted");
pub const LAST_RECEIPT: Said = said("批准至最后一个回执", "Approval to last receipt");
pub const DUPLICATES: Said = said("可能重复发送", "Possibly sent twice");
pub const NOTHING_SENT: Said = said("尚未发送任何消息。", "Nothing has been sent.");
pub const LEVEL: Said = said("等级", "Level");
pub const SEGMENTS: Said = said("计费条数", "Segments");
pub const TEXT: Said = said("内容", "Text");

pub const FOOTER: Said = said("本报告不含手机号码。", "This report holds no phone numbers.");

pub const fn title(kind: AlertKind) -> Said {
    match kind {
        AlertKind::Warning => said("预警发送报告", "Alert report"),
        AlertKind::Correction => said("更正通知发送报告", "Correction report"),
    }
}

pub const fn alert_state(state: AlertState) -> Said {
    match state {
        AlertState::Draft => said("草稿", "draft"),
        AlertState::Submitted => said("待审批", "submitted"),
        AlertState::Approved => said("已批准", "approved"),
        AlertState::Sending => said("发送中", "sending"),
        AlertState::Done => said("已完成", "done"),
        AlertState::Rejected => said("已驳回", "rejected"),
        AlertState::Cancelled => said("已撤销", "cancelled"),
    }
}

pub const fn channel(channel: Channel) -> Said {
    match channel {
        Channel::Sms => said("短信", "SMS"),
        Channel::Voice => said("电话", "Call"),
        Channel::Email => said("邮件", "E-mail"),
        Channel::Subscribe => said("微信消息", "WeChat message"),
    }
}

pub const fn delivery_state(state: DeliveryState) -> Said {
    match state {
        DeliveryState::Pending => said("等待发送", "pending"),
        DeliveryState::Sending => said("发送中", "sending"),
        DeliveryState::Accepted => said("运营商已受理，等待回执", "accepted, no receipt yet"),
        DeliveryState::Delivered => said("已送达", "delivered"),
        DeliveryState::Undelivered => said("未送达", "undelivered"),
        DeliveryState::Unknown => said("结果未知，核实中", "unknown, being looked up"),
        DeliveryState::Failed => said("发送失败", "failed"),
        DeliveryState::Expired => said("已过期", "expired"),
        DeliveryState::Cancelled => said("已撤销", "cancelled"),
        DeliveryState::Unreachable => said("无号码", "unreachable"),
        DeliveryState::Skipped => said("无需拨打（短信已送达）", "not needed, the SMS arrived"),
    }
}
