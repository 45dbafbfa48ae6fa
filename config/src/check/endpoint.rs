//! Where a gateway may be: over https, and never on this machine or its link, however the address is spelled.
//!
//! An endpoint is written by an operator, not by a client, and the caller follows no redirect. What is left to guard
//! against is the slip, and the copied setting, that makes a service of the machine the receiver of people's numbers.

use std::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

/// Why production refuses this endpoint.
pub(super) fn unfit(endpoint: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(endpoint) else { return Some("is no address") };
    if url.scheme() != "https" {
        return Some("production sends numbers over https only");
    }
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
            assert_eq!(unfit(good), None, "{good}");
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
            assert_eq!(
                unfit(&format!("https://{host}/")),
                Some("production refuses a gateway on the loopback or the link"),
                "{host}"
            );
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
            assert!(unfit(odd).is_some(), "{odd}");
        }
    }
}
