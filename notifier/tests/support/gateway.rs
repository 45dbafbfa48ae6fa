//! A gateway that does what the test says, and remembers what reached people.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mashang_domain::delivery::{Channel, Outcome};
use mashang_domain::person::Phone;
use mashang_notifier::gateway::{
    Answer, Answering, Batch, Gateway, NoAnswer, Question, ReceiptMatch, Recipient, Terms,
};

/// What happens to one message.
#[derive(Debug, Clone)]
pub enum Act {
    /// It reaches the person, and the answer comes.
    Take,
    /// It reaches the person, and the answer is lost.
    TakeAndLose,
    /// It does not reach the person, and neither does an answer come.
    Lose,
    /// The provider answers with this.
    Answer(Outcome),
    /// The call hangs for ever before the message is taken.
    HangBefore,
    /// The message is taken, and then the call hangs for ever.
    HangAfter,
}

/// A message that reached its person.
#[derive(Debug, Clone)]
pub struct Reached {
    pub phone: Phone,
    pub reference: String,
    pub provider_id: String,
    pub template: String,
    pub text: String,
    pub variables: Vec<(String, String)>,
}

type Tell = Box<dyn Fn(&Question) -> Result<Answer, NoAnswer> + Send + Sync>;
type Script = Box<dyn Fn(&Recipient, usize) -> Act + Send + Sync>;

pub struct Fake {
    pub terms: Terms,
    script: Mutex<Script>,
    journal: Mutex<Vec<Reached>>,
    seen: Mutex<HashMap<String, usize>>,
    pub calls: AtomicUsize,
    /// What it answers to who asks about a number; nobody may ask while there is none.
    answers: Mutex<Option<Tell>>,
    /// Questions it was asked.
    pub questions: Mutex<Vec<Question>>,
    /// Sends that a provider which knows the reference would have seen twice.
    pub repeated: AtomicUsize,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.terms.name)
    }
}

impl Fake {
    pub fn new(name: &str, channel: Channel) -> Self {
        Self {
            terms: Terms {
                idempotent: false,
                receipt_match: ReceiptMatch::ProviderIdAndPhone,
                ..Terms::stub(name.to_owned(), channel)
            },
            script: Mutex::new(Box::new(|_, _| Act::Take)),
            journal: Mutex::default(),
            answers: Mutex::default(),
            questions: Mutex::default(),
            seen: Mutex::default(),
            calls: AtomicUsize::default(),
            repeated: AtomicUsize::default(),
        }
    }

    pub fn sms() -> Self {
        Self::new("fake", Channel::Sms)
    }

    pub fn voice() -> Self {
        Self::new("fake-voice", Channel::Voice)
    }

    pub fn idempotent(mut self) -> Self {
        self.terms.idempotent = true;
        self
    }

    /// Sets what happens to a recipient at their nth message (from 0).
    pub fn script(self, script: impl Fn(&Recipient, usize) -> Act + Send + Sync + 'static) -> Self {
        self.now(script);
        self
    }

    pub fn now(&self, script: impl Fn(&Recipient, usize) -> Act + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// Sets what it answers to who asks.
    pub fn answer(&self, tell: impl Fn(&Question) -> Result<Answer, NoAnswer> + Send + Sync + 'static) {
        *self.answers.lock().unwrap() = Some(Box::new(tell));
    }

    pub fn reached(&self) -> Vec<Reached> {
        self.journal.lock().unwrap().clone()
    }

    /// How often each number was reached.
    pub fn times(&self) -> HashMap<String, usize> {
        let mut times = HashMap::new();
        for reached in self.reached() {
            *times.entry(reached.phone.reveal().to_owned()).or_default() += 1;
        }
        times
    }

    fn take(&self, template: &str, recipient: &Recipient) -> String {
        let provider_id = format!("p-{}", recipient.reference);
        let mut journal = self.journal.lock().unwrap();
        if self.terms.idempotent && journal.iter().any(|r| r.reference == recipient.reference) {
            self.repeated.fetch_add(1, Ordering::SeqCst);
            return provider_id;
        }
        journal.push(Reached {
            phone: Phone::parse(recipient.to.reveal()).unwrap(),
            reference: recipient.reference.clone(),
            provider_id: provider_id.clone(),
            template: template.to_owned(),
            text: recipient.text.clone(),
            variables: recipient.variables.clone(),
        });
        provider_id
    }
}

#[async_trait]
impl Gateway for Fake {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    fn as_answering(&self) -> Option<&dyn Answering> {
        self.answers.lock().unwrap().is_some().then_some(self as &dyn Answering)
    }

    fn sent_references(&self, batch: &Batch) -> Vec<String> {
        let first = batch.recipients.first().map(|r| r.reference.clone()).unwrap_or_default();
        vec![first; batch.recipients.len()]
    }

    async fn send(&self, batch: &Batch) -> Vec<Outcome> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut outcomes = Vec::new();
        let mut hang = false;
        for recipient in &batch.recipients {
            assert!(recipient.reference_fits(), "{}", recipient.reference);
            let nth = {
                let mut seen = self.seen.lock().unwrap();
                let nth = seen.entry(recipient.to.reveal().to_owned()).or_default();
                *nth += 1;
                *nth - 1
            };
            let act = (self.script.lock().unwrap())(recipient, nth);
            let template = batch.template.as_str();
            outcomes.push(match act {
                Act::Take => Outcome::Accepted { provider_id: self.take(template, recipient) },
                Act::TakeAndLose => {
                    self.take(template, recipient);
                    Outcome::unknown("timeout")
                }
                Act::Lose => Outcome::unknown("timeout"),
                Act::Answer(outcome) => outcome,
                Act::HangBefore => {
                    hang = true;
                    Outcome::unknown("hang")
                }
                Act::HangAfter => {
                    self.take(template, recipient);
                    hang = true;
                    Outcome::unknown("hang")
                }
            });
        }
        if hang {
            std::future::pending::<()>().await;
        }
        outcomes
    }
}

#[async_trait]
impl Answering for Fake {
    async fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        self.questions.lock().unwrap().push(question.clone());
        match &*self.answers.lock().unwrap() {
            Some(tell) => tell(question),
            None => Ok(Answer::NotKnown),
        }
    }
}

/// Shares a fake with the notifier.
pub fn shared(fake: Fake) -> (Arc<Fake>, Arc<dyn Gateway>) {
    let fake = Arc::new(fake);
    (Arc::clone(&fake), fake)
}
