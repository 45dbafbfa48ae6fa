//! The vectors that are accepted, and the words to write cases with.

use mashang_code_verify::{Colour, KeyId, Purpose, Token};

use super::{Case, Expected, Why, accepted, issuers, refused};
use crate::support::{NOW, health_code, hex, tokens};

impl Case {
    pub(super) fn new(name: &'static str, text: impl Into<String>, expected: Expected) -> Case {
        let accepted_purposes = Purpose::ALL.map(Purpose::number).into();
        Case {
            name,
            text: text.into(),
            now: NOW.into(),
            skew: 0,
            accepted_purposes,
            denied: Vec::new(),
            expected,
        }
    }

    pub(super) fn refused(name: &'static str, text: impl Into<String>, code: &'static str) -> Case {
        Case::new(name, text, Expected::Refused(Why { code, ..Why::default() }))
    }

    fn why(mut self, change: impl FnOnce(&mut Why)) -> Case {
        if let Expected::Refused(why) = &mut self.expected {
            change(why);
        }
        self
    }

    pub(super) fn flaw(self, flaw: &'static str) -> Case {
        self.why(|why| why.flaw = Some(flaw))
    }

    pub(super) fn number(self, number: u32) -> Case {
        self.why(|why| why.number = Some(number))
    }

    pub(super) fn seconds(self, seconds: u64) -> Case {
        self.why(|why| why.seconds = Some(seconds))
    }

    /// At another second, with an allowance.
    pub(super) fn at(self, now: u32, skew: u32) -> Case {
        Case { now: now.into(), skew, ..self }
    }

    pub(super) fn gate_for(self, purposes: &[Purpose]) -> Case {
        Case { accepted_purposes: purposes.iter().map(|p| p.number()).collect(), ..self }
    }

    pub(super) fn denied(self, id: [u8; 16]) -> Case {
        Case { denied: vec![hex(&[0; 16]), hex(&id), hex(&[255; 16])], ..self }
    }
}

/// The text of a token under key 1 or 2.
pub(super) fn signed_by(key: u32, token: &Token) -> String {
    let issuer = issuers().into_iter().find(|(_, _, id, ..)| *id == key).map(|(issuer, ..)| issuer);
    issuer
        .unwrap_or_else(|| mashang_code_verify::IssuerKey::new(KeyId(key), &[key as u8; 32]))
        .sign(token)
        .unwrap()
}

fn good(name: &'static str, token: &Token, key: u32) -> Case {
    Case::new(name, signed_by(key, token), accepted(token, key))
}

pub(super) fn all() -> Vec<Case> {
    let code = health_code();
    let names = [
        "health code, green",
        "health code, red, with a payload of 4 bytes",
        "exit pass without colour, with a payload of 5 bytes",
        "printed pass, with a payload of 19 bytes",
        "certificate, with a payload of 20 bytes",
    ];
    let mut cases: Vec<Case> = tokens().iter().zip(names).map(|(token, name)| good(name, token, 1)).collect();
    let old = Token { purpose: Purpose::PrintedPass, expires_at: NOW + 86_400, ..code };
    cases.extend([
        good("yellow", &Token { colour: Some(Colour::Yellow), ..code }, 1),
        good("grey", &Token { colour: Some(Colour::Grey), ..code }, 1),
        good("the new key", &code, 2),
        good("a pass that outlives the use of its key", &old, 1).at(NOW + 86_399, 0),
        good("the longest life of a phone code", &Token { expires_at: NOW + 300, ..code }, 1)
            .at(NOW + 299, 0),
        good("the last second", &code, 1).at(NOW + 59, 0),
        good("expired within the allowance", &code, 1).at(NOW + 89, 30),
        good("early within the allowance", &code, 1).at(NOW - 30, 30),
        good("only other ids are denied", &code, 1).denied([0xa0; 16]),
        good("a gate for this purpose alone", &code, 1).gate_for(&[Purpose::HealthCode]),
    ]);
    cases.extend(refused::text_flaws());
    cases.extend(refused::signed_but_refused());
    cases
}
