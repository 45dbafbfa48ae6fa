//! One TLS library for the whole process: rustls with ring.

use std::sync::Once;

/// Makes it so; needed once before the first HTTP client. Again it does nothing.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that another part of the process has already chosen a provider, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
