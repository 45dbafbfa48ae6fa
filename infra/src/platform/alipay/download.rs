//! Fetching a picture from an address that somebody else chose.
//!
//! The host must be one of the settings, over https at the usual port; it is resolved once, no address of it may be private,
//! and the connection goes to the addresses that were looked at. No redirect is followed, and the size is bounded.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::Url;

use crate::platform::Failure;
use crate::platform::http::{self, PICTURE};

/// Hosts that pictures may come from.
#[derive(Debug, Clone)]
pub(super) struct Hosts(Vec<String>);

impl Hosts {
    pub(super) fn of(settings: &[String]) -> Self {
        Self(settings.iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    /// The picture at `link`.
    pub(super) async fn fetch(
        &self,
        link: &str,
        (connect_ms, whole_ms): (u64, u64),
    ) -> Result<Vec<u8>, Failure> {
        let refused = || Failure::Settings { setting: "alipay.picture_hosts", code: "host".to_owned() };
        let url = self.allowed(link).ok_or_else(refused)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut client = http::builder(connect_ms, whole_ms);
        if url.scheme() == "https" {
            let addresses = resolve(&host, Duration::from_millis(connect_ms)).await?;
            client = client.resolve_to_addrs(&host, &addresses);
        }
        let client = client.no_proxy().build().map_err(|_| Failure::Lost("no_client"))?;
        let answer = http::exchange(client.get(url), PICTURE).await?;
        if answer.status == 200 && answer.is_picture() {
            Ok(answer.body)
        } else {
            Err(Failure::Lost("no_picture"))
        }
    }

    /// The address, when it may be fetched. Alipay writes some links without TLS; they are fetched with it.
    fn allowed(&self, link: &str) -> Option<Url> {
        let mut url = Url::parse(link).ok()?;
        // An address of this machine, named by the settings of a test with everything before its path.
        let local = |entry: &String| {
            entry.strip_prefix("http://").is_some_and(|place| {
                url.scheme() == "http"
                    && url.host_str().is_some_and(|h| place == format!("{h}:{}", url.port().unwrap_or(80)))
            })
        };
        let plain = url.username().is_empty() && url.password().is_none();
        if plain && self.0.iter().any(local) {
            return Some(url);
        }
        let host = url.domain()?.to_ascii_lowercase();
        let named = |entry: &String| match entry.strip_prefix("*.") {
            Some(parent) => {
                host.strip_suffix(parent).is_some_and(|head| head.len() > 1 && head.ends_with('.'))
            }
            None => *entry == host,
        };
        if !plain || url.port().is_some() || !self.0.iter().any(named) {
            return None;
        }
        match url.scheme() {
            "https" => Some(url),
            "http" => url.set_scheme("https").ok().map(|()| url),
            _ => None,
        }
    }
}

/// The addresses of a host, all of them public.
async fn resolve(host: &str, patience: Duration) -> Result<Vec<SocketAddr>, Failure> {
    let found = tokio::time::timeout(patience, tokio::net::lookup_host((host, 443))).await;
    let Ok(Ok(addresses)) = found else { return Err(Failure::NotSent) };
    let addresses: Vec<SocketAddr> = addresses.collect();
    if addresses.is_empty() || addresses.iter().any(|a| !is_public(a.ip())) {
        return Err(Failure::Lost("private_address"));
    }
    Ok(addresses)
}

/// Whether an address is one of the world's (RFC 6890, the parts that matter).
fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let o = ip.octets();
            let shared = o[0] == 100 && (64..128).contains(&o[1]);
            let special = o[0] == 0
                || o[0] >= 240
                || (o[0] == 192 && o[1] == 0 && o[2] == 0)
                || (o[0] == 198 && (18..20).contains(&o[1]));
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_documentation()
                || shared
                || special)
        }
        IpAddr::V6(ip) => {
            let s = ip.segments();
            // Global unicast, but for documentation and addresses that carry an IPv4 one.
            (0x2000..0x4000).contains(&s[0])
                && !(s[0] == 0x2001 && s[1] == 0x0db8)
                && s[0] != 0x2002
                && !(s[0] == 0x2001 && s[1] == 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        Hosts::of(&["*.alipay.com".into(), "img.example.cn".into(), "http://127.0.0.1:4711".into()])
    }

    #[test]
    fn only_named_hosts_are_fetched_from_and_over_https() {
        for (link, fetched) in [
            (
                "https://mobilecodec.alipay.com/show.htm?code=1",
                "https://mobilecodec.alipay.com/show.htm?code=1",
            ),
            ("http://mobilecodec.alipay.com/show.htm", "https://mobilecodec.alipay.com/show.htm"),
            ("https://MobileCodec.Alipay.com/x", "https://mobilecodec.alipay.com/x"),
            ("https://img.example.cn/x", "https://img.example.cn/x"),
            ("http://127.0.0.1:4711/x", "http://127.0.0.1:4711/x"),
        ] {
            assert_eq!(hosts().allowed(link).map(String::from).as_deref(), Some(fetched), "{link}");
        }
        for link in [
            "https://alipay.com/x",
            "https://evilalipay.com/x",
            "https://.alipay.com/x",
            "https://a.alipay.com.evil.cn/x",
            "https://a.alipay.com:8443/x",
            "https://a.alipay.com@127.0.0.1/x",
            "https://u:p@a.alipay.com/x",
            "https://x.img.example.cn/",
            "https://127.0.0.1/x",
            "https://127.0.0.1:4711/x",
            "http://127.0.0.1:4712/x",
            "http://127.0.0.1/x",
            "http://2130706433:4711@a/x",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://localhost./",
            "https://169.254.169.254/latest",
            "ftp://a.alipay.com/x",
            "file:///etc/passwd",
            "//a.alipay.com/x",
            "",
        ] {
            assert_eq!(hosts().allowed(link), None, "{link}");
        }
    }

    #[test]
    fn private_addresses_are_known() {
        let public = |text: &str| is_public(text.parse().expect("an address"));
        for ip in ["110.75.143.1", "8.8.8.8", "2400:3200::1"] {
            assert!(public(ip), "{ip}");
        }
        for ip in [
            "127.0.0.1",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "2001:db8::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
        ] {
            assert!(!public(ip), "{ip}");
        }
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_no_host() {
        let resolved = resolve("localhost", Duration::from_secs(2)).await;
        assert!(matches!(resolved, Err(Failure::Lost("private_address") | Failure::NotSent)), "{resolved:?}");
    }
}
