use super::*;

fn certificate() -> Certificate {
    let at = |s: i64| Timestamp::from_secs(1_600_000_000 + s);
    Certificate {
        kind: KIND.to_owned(),
        operation_id: Uuid::from_u128(7),
        operation_name: "云南抗疫情".to_owned(),
        legal_basis: "《传染病防治法》".to_owned(),
        started_at: at(0),
        end_requested_at: at(10),
        end_requested_by: Uuid::from_u128(1),
        end_confirmed_at: at(20),
        end_confirmed_by: Uuid::from_u128(2),
        keys_destroyed_at: at(21),
        issued_at: at(30),
        keys_destroyed: vec!["seal-1:00aa11bb".to_owned()],
        tables: vec![TableCount { table: "person".to_owned(), rows_before: 1_000, rows_after: 0 }],
        redis_keys_deleted: Some(3),
        retention_days: BTreeMap::from([("scans_days".to_owned(), 30)]),
        audit_head: AuditHead { seq: 12, hash: "ab".repeat(32) },
        not_destroyed: not_destroyed(),
        public_key: String::new(),
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

#[test]
fn a_certificate_verifies_by_itself_and_by_its_fingerprint() {
    let signed = SignedCertificate::sign(certificate(), &key(1));
    let file = signed.to_file();
    assert_eq!(verify_certificate(file.as_bytes()), Ok(signed.certificate.clone()));
    let fingerprint = key_fingerprint(key(1).verifying_key().as_bytes());
    assert!(verify_certificate_by(file.as_bytes(), &fingerprint).is_ok());
    let forged = SignedCertificate::sign(certificate(), &key(2)).to_file();
    assert!(verify_certificate(forged.as_bytes()).is_ok(), "it is whole");
    let found = key_fingerprint(key(2).verifying_key().as_bytes());
    let refused = verify_certificate_by(forged.as_bytes(), &fingerprint);
    assert_eq!(refused, Err(CertificateError::OtherKey { found }), "and yet not the operation's");
}

#[test]
fn a_changed_byte_is_refused_wherever_it_stands() {
    let file = SignedCertificate::sign(certificate(), &key(1)).to_file().into_bytes();
    // Checking a signature without optimisation takes milliseconds: every seventh byte, and all of the last hundred.
    let last = file.len() - 100;
    for n in (0..last).step_by(7).chain(last..file.len()) {
        let mut bent = file.clone();
        bent[n] ^= if n % 2 == 0 { 1 } else { 0x20 };
        assert!(verify_certificate(&bent).is_err(), "byte {n}: {}", String::from_utf8_lossy(&bent));
    }
    assert!(verify_certificate(&file[..file.len() - 1]).is_err());
    assert!(verify_certificate(&[file.as_slice(), b"\n"].concat()).is_err());
    assert!(verify_certificate(b"").is_err());
}

#[test]
fn changed_numbers_break_the_signature() {
    let mut signed = SignedCertificate::sign(certificate(), &key(1));
    signed.certificate.tables[0].rows_before = 999;
    assert_eq!(verify_certificate(signed.to_file().as_bytes()), Err(CertificateError::BadSignature));
}

#[test]
fn people_read_it_in_chinese_first() {
    let text = SignedCertificate::sign(certificate(), &key(1)).certificate.to_text();
    let (zh, en) = (text.find("数据销毁证书"), text.find("Certificate of destruction"));
    assert!(zh.is_some_and(|z| en.is_some_and(|e| z < e)), "{text}");
    assert!(
        text.contains("销毁前共 1000 行，销毁后 0 行") && text.contains("1000 rows before, 0 rows after")
    );
}
