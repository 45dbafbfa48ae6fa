//! Reads and writes that both services share. A store function takes the connection it is given and opens no
//! transaction of its own; the rules stand in `mashang_domain`.

pub mod trace;
pub mod visits;
