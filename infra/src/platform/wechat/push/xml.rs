//! A message in XML: flat, with `List` elements somewhere below. Entities beyond those of XML itself are refused, so none can
//! grow.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::{Fields, Message};

/// Deeper than any message of WeChat's.
const DEEPEST: usize = 8;

pub(super) fn message(text: &str) -> Option<Message> {
    let mut reader = Reader::from_str(text);
    let (mut path, mut value, mut message): (Vec<String>, String, Message) = Default::default();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                path.push(String::from_utf8(start.name().as_ref().to_vec()).ok()?);
                if path.len() > DEEPEST {
                    return None;
                }
                if path.last().is_some_and(|name| name == "List") {
                    message.list.push(Fields::new());
                }
                value.clear();
            }
            Event::Text(text) => value.push_str(&text.decode().ok()?),
            Event::CData(text) => value.push_str(&text.decode().ok()?),
            Event::GeneralRef(reference) => value.push(entity(&reference.decode().ok()?)?),
            Event::End(_) => {
                let name = path.pop()?;
                let text = std::mem::take(&mut value).trim().to_owned();
                match path.last().map(String::as_str) {
                    Some("List") => drop(message.list.last_mut()?.insert(name, text)),
                    Some("xml") if path.len() == 1 => drop(message.fields.insert(name, text)),
                    Some(_) | None => {}
                }
            }
            Event::Eof if path.is_empty() && !message.fields.is_empty() => return Some(message),
            Event::Eof | Event::DocType(_) => return None,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}
