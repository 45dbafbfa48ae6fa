//! Reading takes nothing from the heap, however long the input is.

use allocation_counter::measure;
use mashang_code_verify::DenyList;

use crate::support::{NOW, gate, issuer, text, tokens};

#[test]
fn reading_allocates_nothing() {
    let gate = gate();
    let denied: DenyList = tokens().iter().skip(1).map(|t| t.id).collect();
    let mut inputs: Vec<Vec<u8>> = tokens().iter().map(|t| issuer().sign(t).unwrap().into_bytes()).collect();
    inputs.push(vec![b'0'; 10_000_000]);
    inputs.push(text(&vec![1; 1_000_000]).into_bytes());
    inputs.push(text(&vec![2; 1_000_000]).into_bytes());
    for input in inputs {
        let used = measure(|| {
            let _ = gate.verify(&input, NOW.into(), &denied);
        });
        assert_eq!((used.count_total, used.bytes_total), (0, 0), "{} bytes of input", input.len());
    }
}
