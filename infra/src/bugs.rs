//! Defects to be switched on, so that tests can be seen to find them (`tests/bugs/run`).
//!
//! Only a build with the feature `bugs` has them; in any other the question is answered "no" by the compiler. The variable
//! `MASHANG_BUG` names the one that is there.

/// A defect. Its name in `MASHANG_BUG` is that of the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A scan is answered a moment before its commit.
    AnswerBeforeCommit,
    /// A scan that comes again under the same id is a new one.
    NoScanKey,
    /// The queue forgets a task when it hands it out.
    AckOnTake,
    /// An outcome is written whoever owns the delivery by now.
    NoEpoch,
    /// The gateway is called before the attempt is written.
    CallBeforeAttempt,
    /// What was not answered is sent again at once.
    BlindResend,
    /// A lost answer is sent again although its provider could be asked and was not.
    ResendUnasked,
    /// One delivery that cannot be read stops those of its task.
    BadItemStops,
    /// What the queue lost is not looked for.
    NoSweep,
    /// A receipt moves a delivery wherever it stands.
    ReceiptsBackwards,
    /// A person is warned by each alert of a day.
    WarnedTwice,
    /// What a cancelled alert has not sent yet is sent.
    CancelIgnored,
    /// Calls ring at night.
    NightCalls,
    /// Every process runs a tick.
    TickTwice,
    /// Numbers are hashed without a key.
    UnkeyedHash,
    /// A sealed value opens in any row.
    NoPlace,
    /// What a person's health code knows already counts again.
    EvidenceTwice,
    /// A code that was shown before looks fresh.
    ShownUnseen,
    /// Cells of a CSV file stand as they came.
    RawCell,
    /// An answer of Alipay's is believed without its signature.
    UnsignedAnswer,
    /// Anybody's push is WeChat's.
    AnyPush,
    /// A subscribe message whose answer was lost is sent once more.
    SubscribeTwice,
}

/// Whether this defect is there.
#[cfg(feature = "bugs")]
pub fn has(bug: Bug) -> bool {
    use std::sync::OnceLock;
    static NAMED: OnceLock<String> = OnceLock::new();
    let named = NAMED.get_or_init(|| std::env::var("MASHANG_BUG").unwrap_or_default());
    *named == format!("{bug:?}")
}

/// Whether this defect is there: never.
#[cfg(not(feature = "bugs"))]
pub const fn has(_bug: Bug) -> bool {
    false
}
