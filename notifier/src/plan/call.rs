//! How many messages of one kind share a call. Equal texts do, up to what the provider takes; those that few people get
//! share one where it takes a text for each.

use std::collections::{BTreeMap, VecDeque};

use super::Item;

/// Messages in the order in which calls are made up: equal texts in a row, the rarest first.
pub(super) fn sorted(items: Vec<Item>) -> VecDeque<Item> {
    let mut runs: BTreeMap<Vec<(String, String)>, Vec<Item>> = BTreeMap::new();
    for item in items {
        runs.entry(item.recipient.variables.clone()).or_default().push(item);
    }
    let mut runs: Vec<Vec<Item>> = runs.into_values().collect();
    runs.sort_by_key(Vec::len);
    runs.into_iter().flatten().collect()
}

/// How many from the front go in the next call, which takes `most`, with `different` texts or with one.
pub(super) fn size(group: &VecDeque<Item>, most: usize, different: bool) -> usize {
    count(group, |item| &item.recipient.variables, most, different)
}

/// A text that fills half a call has one for itself: most providers have a cheaper one for a single text.
fn count<T, K: PartialEq>(
    items: &VecDeque<T>,
    text: impl Fn(&T) -> &K,
    most: usize,
    different: bool,
) -> usize {
    let most = most.max(1);
    let run = |from: usize| {
        let first = items.get(from).map(&text);
        items.range(from..).take(most).take_while(|item| Some(text(item)) == first).count()
    };
    let mut taken = run(0);
    if !different || taken * 2 >= most {
        return taken;
    }
    while taken < most.min(items.len()) {
        let next = run(taken);
        if next * 2 >= most {
            break;
        }
        taken += next;
    }
    taken.min(most)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::count;

    /// The texts of each call.
    fn calls(texts: &str, most: usize, different: bool) -> Vec<String> {
        let mut left: VecDeque<char> = texts.chars().collect();
        let mut calls = Vec::new();
        while !left.is_empty() {
            let size = count(&left, |c| c, most, different);
            calls.push(left.drain(..size).collect());
        }
        calls
    }

    #[test]
    fn equal_texts_fill_calls_of_their_own() {
        assert_eq!(calls("aaaaaaa", 3, false), ["aaa", "aaa", "a"]);
        assert_eq!(calls("abbcccc", 4, false), ["a", "bb", "cccc"]);
    }

    #[test]
    fn rare_texts_share_a_call_where_each_may_have_its_own() {
        assert_eq!(calls("abcddeee", 8, true), ["abcddeee"]);
        assert_eq!(calls("abccdddd", 4, true), ["ab", "cc", "dddd"]);
        assert_eq!(calls("abcdefghij", 4, true), ["abcd", "efgh", "ij"]);
        assert_eq!(calls("abcddddd", 8, true), ["abc", "ddddd"]);
    }

    #[test]
    fn a_call_takes_one_where_it_takes_one() {
        assert_eq!(calls("aab", 1, true), ["a", "a", "b"]);
        assert_eq!(calls("aab", 0, false), ["a", "a", "b"]);
    }
}
