//! The certificate as people read it, in Chinese, then in English.

use std::fmt::Write;

use super::Certificate;
use crate::time::Timestamp;

impl Certificate {
    /// Plain text for a notice board or a file; what counts is the signed file.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.chinese(&mut out);
        out.push('\n');
        let _ = self.english(&mut out);
        out
    }

    fn rows(&self) -> (i64, i64) {
        let sum = |of: fn(&super::TableCount) -> i64| self.tables.iter().map(of).sum();
        (sum(|t| t.rows_before), sum(|t| t.rows_after))
    }

    fn chinese(&self, out: &mut String) -> std::fmt::Result {
        let (before, after) = self.rows();
        writeln!(out, "数据销毁证书")?;
        writeln!(out, "行动：{}（{}）", self.operation_name, self.operation_id)?;
        writeln!(out, "法律依据：{}", self.legal_basis)?;
        writeln!(out, "行动开始：{}（北京时间，下同）", self.started_at.shanghai_text())?;
        writeln!(
            out,
            "申请结束：{}，管理员 {}",
            self.end_requested_at.shanghai_text(),
            self.end_requested_by
        )?;
        writeln!(
            out,
            "确认结束：{}，管理员 {}",
            self.end_confirmed_at.shanghai_text(),
            self.end_confirmed_by
        )?;
        writeln!(out, "密钥销毁：{}", self.keys_destroyed_at.shanghai_text())?;
        writeln!(out, "已销毁密钥的指纹：{}", self.keys_destroyed.join("、"))?;
        writeln!(out, "数据：销毁前共 {before} 行，销毁后 {after} 行")?;
        self.tables(out)?;
        if let Some(keys) = self.redis_keys_deleted {
            writeln!(out, "队列与缓存：删除 {keys} 个键")?;
        }
        writeln!(out, "审计日志末条：第 {} 条，哈希 {}", self.audit_head.seq, self.audit_head.hash)?;
        writeln!(out, "本系统无法销毁的内容：")?;
        self.outside(out)?;
        writeln!(out, "签发：{}", self.issued_at.shanghai_text())?;
        writeln!(out, "公钥指纹（SHA-256）：{}", self.key_fingerprint())
    }

    fn english(&self, out: &mut String) -> std::fmt::Result {
        let (before, after) = self.rows();
        let utc = |at: Timestamp| at.to_string();
        writeln!(out, "Certificate of destruction")?;
        writeln!(out, "Operation: {} ({})", self.operation_name, self.operation_id)?;
        writeln!(out, "Legal basis: {}", self.legal_basis)?;
        writeln!(out, "Began: {}", utc(self.started_at))?;
        writeln!(
            out,
            "End requested: {} by administrator {}",
            utc(self.end_requested_at),
            self.end_requested_by
        )?;
        writeln!(
            out,
            "End confirmed: {} by administrator {}",
            utc(self.end_confirmed_at),
            self.end_confirmed_by
        )?;
        writeln!(out, "Keys destroyed: {}", utc(self.keys_destroyed_at))?;
        writeln!(out, "Fingerprints of the destroyed keys: {}", self.keys_destroyed.join(", "))?;
        writeln!(out, "Data: {before} rows before, {after} rows after")?;
        self.tables(out)?;
        if let Some(keys) = self.redis_keys_deleted {
            writeln!(out, "Queue and caches: {keys} keys deleted")?;
        }
        writeln!(out, "Head of the audit log: entry {}, hash {}", self.audit_head.seq, self.audit_head.hash)?;
        writeln!(out, "Out of reach of this system:")?;
        self.outside(out)?;
        writeln!(out, "Issued: {}", utc(self.issued_at))?;
        writeln!(out, "Fingerprint of the public key (SHA-256): {}", self.key_fingerprint())
    }

    fn tables(&self, out: &mut String) -> std::fmt::Result {
        for t in &self.tables {
            writeln!(out, "  {:<16} {:>12} -> {}", t.table, t.rows_before, t.rows_after)?;
        }
        Ok(())
    }

    fn outside(&self, out: &mut String) -> std::fmt::Result {
        self.not_destroyed.iter().try_for_each(|line| writeln!(out, "  - {line}"))
    }
}
