//! Who was there then, and after.

crate::macros::words! {
    /// A trace is being computed, frozen with its hash, or failed.
    TraceState { Running = "running", Frozen = "frozen", Failed = "failed" }
}

crate::macros::words! {
    /// What an official did to a visit of a case.
    EditAction { Add = "add", Replace = "replace", Remove = "remove" }
}
