pub mod gateway;
pub mod receipt;
pub mod standard_webhooks;
