//! The sizes that `docs/code-format.md` promises, and a symbol read back by another library.

use fast_qr::qr::QRBuilder;
use fast_qr::{ECL, Mode, QRCode};
use mashang_code_verify::{MAX_TEXT, Payload, Purpose, Token};

use crate::support::{health_code, issuer};

fn code(payload: usize) -> String {
    let token = Token {
        purpose: Purpose::PrintedPass,
        payload: Payload::new(&vec![0xe5; payload]).unwrap(),
        ..health_code()
    };
    issuer().sign(&token).unwrap()
}

fn symbol(text: &str) -> QRCode {
    QRBuilder::new(text).ecl(ECL::M).build().unwrap()
}

#[test]
fn the_sizes_are_as_promised() {
    for (payload, characters, version) in
        [(0, 147, 6), (1, 148, 6), (4, 153, 6), (5, 154, 6), (6, 156, 7), (19, 175, 7), (20, 177, 7)]
    {
        let text = code(payload);
        let symbol = symbol(&text);
        assert_eq!(text.len(), characters, "payload of {payload}");
        assert!(matches!(symbol.mode, Some(Mode::Alphanumeric)), "payload of {payload}");
        assert_eq!(symbol.size, 17 + 4 * version, "payload of {payload}");
    }
    assert_eq!(MAX_TEXT, 177);
}

#[test]
fn a_symbol_is_read_back_as_it_was() {
    for text in (0..=20).map(code) {
        let symbol = symbol(&text);
        let grid = rqrr::SimpleGrid::from_func(symbol.size, |x, y| symbol[y][x].value());
        let (meta, read) = rqrr::Grid::new(grid).decode().unwrap();
        assert_eq!((read, meta.version.to_size()), (text, symbol.size));
    }
}
