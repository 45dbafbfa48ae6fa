//! Where a gateway may be: over https, and never on this machine or its link, however the address is spelled.
//!
//! An endpoint is written by an operator, not by a client, and the caller follows no redirect. What is left to guard
//! against is the slip, and the copied setting, that makes a service of the machine the receiver of people's numbers.

use std::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

/// What is spoken with a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Smtp,
}

impl Protocol {
    /// The schemes that protect what is sent.
    const fn safe(self) -> &'static [&'static str] {
        match self {
            Self::Http => &["https"],
            Self::Smtp => &["smtps", "smtp"],
        }
    }

    /// The scheme that does not, for development.
    const fn plain(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Smtp => "smtp-plain",
        }
    }

    const fn wanted(self) -> &'static str {
        match self {
            Self::Http => "must be an http(s) address",
            Self::Smtp => "must be smtps://host, or smtp://host for STARTTLS",
        }
    }
}

/// Why this endpoint is refused.
pub(super) fn unfit(endpoint: &str, protocol: Protocol, production: bool) -> Option<&'static str> {
    let Some((scheme, rest)) = endpoint.split_once("://") else { return Some(protocol.wanted()) };
    let scheme = scheme.to_ascii_lowercase();
    let safe = protocol.safe().contains(&scheme.as_str());
    if !safe && scheme != protocol.plain() {
        return Some(protocol.wanted());
    }
    if !production {
        return None;
    }
    if !safe {
        return Some("production sends numbers over https and addresses over TLS only");
    }
    // Of other schemes the parser takes a host as it is written, and would miss 127.1.
    let Ok(url) = Url::parse(&format!("https://{rest}")) else { return Some("is no address") };
    if !url.username().is_empty() || url.password().is_some() {
        return Some("must not hold a user name: secrets have settings of their own");
    }
    let here = match url.host() {
        None => return Some("names no host"),
        Some(Host::Domain(name)) => is_local_name(name),
        Some(Host::Ipv4(ip)) => is_ours_alone(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => is_ours_alone(IpAddr::V6(ip).to_canonical()),
    };
    here.then_some("production refuses a gateway on the loopback or the link")
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost") || name.ends_with(".local")
}

/// Addresses that mean this machine, its link, or nobody. Private networks are allowed: people run gateways there.
fn is_ours_alone(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            // This is where Alibaba Cloud tells a machine its secrets; the link-local range has the others'.
            let metadata = ip == Ipv4Addr::new(100, 100, 100, 200);
            ip.octets()[0] == 0
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || metadata
        }
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_recognised_however_it_is_spelled() {
        for good in [
            "https://dysmsapi.aliyuncs.com",
            "https://sms.example.cn:8443/hook",
            "https://10.1.2.3/hook",
            "https://[2001:db8::1]/",
            "https://localhost.example.cn",
        ] {
            assert_eq!(unfit(good, Protocol::Http, true), None, "{good}");
        }
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.0.1:443",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "0177.0.0.1",
            "0.0.0.0",
            "0",
            "0.1.2.3",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "printer.local",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[fe80::1]",
            "[ff02::1]",
            "169.254.169.254",
            "100.100.100.200",
            "224.0.0.1",
            "255.255.255.255",
            "１２７.0.0.1",
            "127。0。0。1",
        ] {
            for (scheme, protocol) in
                [("https", Protocol::Http), ("smtps", Protocol::Smtp), ("smtp", Protocol::Smtp)]
            {
                assert_eq!(
                    unfit(&format!("{scheme}://{host}/"), protocol, true),
                    Some("production refuses a gateway on the loopback or the link"),
                    "{scheme} {host}"
                );
            }
        }
        for odd in [
            "https://example.cn@127.0.0.1/",
            "https://u:p@example.cn/",
            "http://example.cn",
            "ftp://example.cn",
            "https://",
            "example.cn",
            "",
        ] {
            assert!(unfit(odd, Protocol::Http, true).is_some(), "{odd}");
        }
    }

    #[test]
    fn mail_is_encrypted_in_production() {
        for (endpoint, development, production) in [
            ("smtps://mail.example.cn", true, true),
            ("smtp://mail.example.cn:587", true, true),
            ("smtp-plain://mail.example.cn", true, false),
            ("https://mail.example.cn", false, false),
            ("mail.example.cn", false, false),
        ] {
            for (in_production, fits) in [(false, development), (true, production)] {
                assert_eq!(unfit(endpoint, Protocol::Smtp, in_production).is_none(), fits, "{endpoint}");
            }
        }
    }
}
