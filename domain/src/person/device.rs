//! What a gate's device may do with the key it was given.

crate::macros::words! {
    /// One scope of an API key.
    DeviceScope {
        /// Checks health codes at a gate.
        VerifyCodes = "verify_codes",
        /// Checks health codes at a hospital, and hears the references of linked cards.
        Hospital = "hospital",
    }
}
