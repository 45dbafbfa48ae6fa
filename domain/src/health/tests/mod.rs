//! Tests of the rules of the health code.

mod rules;

use super::*;
