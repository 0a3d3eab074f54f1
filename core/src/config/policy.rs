//! `[[rule]]`: who needs a second factor where, and the values that a rule is made of.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::values::ServiceName;
use crate::account::UserName;

/// One rule. Every condition that is given must hold; a condition holds if one of its values does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Names of accounts, as the system writes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<UserName>>,
    /// Names of groups, primary or supplementary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<GroupName>>,
    /// Where the person comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<Network>>,
    /// PAM services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<ServiceName>>,
    /// What holds then.
    pub second_factor: SecondFactor,
}

/// What a rule says about the second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecondFactor {
    /// It is asked for, and whoever has none stays outside.
    Require,
    /// It is not asked for.
    Skip,
    /// It is asked for, and none is good enough.
    Deny,
}

/// The name of a group, as NSS knows it: not empty, and without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupName(String);

impl GroupName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for GroupName {
    type Error = BadGroupName;

    fn try_from(text: String) -> Result<Self, BadGroupName> {
        if text.is_empty() || text.len() > 255 || text.chars().any(char::is_control) {
            return Err(BadGroupName);
        }
        Ok(Self(text))
    }
}

impl From<GroupName> for String {
    fn from(name: GroupName) -> Self {
        name.0
    }
}

/// The text cannot be a group's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a group's name has 1 to 255 bytes and no control characters")]
pub struct BadGroupName;

/// A network of addresses, IPv4 or IPv6. A single address is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network(IpNet);

impl Network {
    /// Reads a network such as `10.20.0.0/16`, `2001:db8::/32` or `192.0.2.7`.
    pub fn parse(text: &str) -> Result<Self, BadNetwork> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse::<IpNet>().map_err(|_| BadNetwork::Malformed)?,
        };
        // Addresses come in their IPv4 form: written like this, it would match nothing.
        if let IpNet::V6(v6) = network
            && let Some(v4) = v6.addr().to_ipv4_mapped()
            && let Some(length) = v6.prefix_len().checked_sub(96)
            && let Ok(v4) = Ipv4Net::new(v4, length)
        {
            return Err(BadNetwork::Mapped { meant: v4.trunc() });
        }
        if network.trunc() != network {
            return Err(BadNetwork::HostBits {
                meant: network.trunc(),
                address: network.addr(),
            });
        }
        Ok(Self(network))
    }

    /// Whether the address is in it. `address` is in its canonical form: a mapped IPv4 address is an IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Whether all of the other network is in it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether it holds nothing but addresses of this host's loopback, which never match.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.0 {
            IpNet::V4(v4) => v4.prefix_len() >= 8 && v4.addr().is_loopback(),
            IpNet::V6(v6) => v6.prefix_len() == 128 && v6.addr().is_loopback(),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Network;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a network such as \"10.20.0.0/16\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Network, E> {
                Network::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNetwork {
    /// It is nothing of the kind.
    #[error("not a network such as \"10.20.0.0/16\", \"2001:db8::/32\" or \"192.0.2.7\"")]
    Malformed,
    /// The address goes on where the network ends.
    #[error("the network is \"{meant}\"; for the one address write \"{address}\"")]
    HostBits {
        /// The network that this long a prefix means.
        meant: IpNet,
        /// The address as it was written.
        address: IpAddr,
    },
    /// IPv4 in the dress of IPv6.
    #[error("write it as IPv4: \"{meant}\"")]
    Mapped {
        /// The same as IPv4.
        meant: Ipv4Net,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_read_and_says_what_was_meant_where_it_is_none() {
        for (text, shown) in [
            ("10.20.0.0/16", "10.20.0.0/16"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(Network::parse(text).unwrap().to_string(), shown);
        }
        for (text, error) in [
            (
                "10.0.0.1/8",
                "the network is \"10.0.0.0/8\"; for the one address write \"10.0.0.1\"",
            ),
            (
                "2001:db8::1/32",
                "the network is \"2001:db8::/32\"; for the one address write \"2001:db8::1\"",
            ),
            ("::ffff:10.0.0.0/104", "write it as IPv4: \"10.0.0.0/8\""),
            ("::ffff:10.0.0.1", "write it as IPv4: \"10.0.0.1/32\""),
            (
                "host.example",
                "not a network such as \"10.20.0.0/16\", \"2001:db8::/32\" or \"192.0.2.7\"",
            ),
        ] {
            assert_eq!(Network::parse(text).unwrap_err().to_string(), error);
        }
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/8 ",
            "10/8",
            "fe80::1%eth0",
            "10.0.0.0/255.0.0.0",
        ] {
            assert_eq!(Network::parse(text), Err(BadNetwork::Malformed), "{text}");
        }
    }

    #[test]
    fn a_network_holds_addresses_of_its_own_kind() {
        let network = |text| Network::parse(text).unwrap();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(network("10.20.0.0/16").contains(address("10.20.255.255")));
        assert!(!network("10.20.0.0/16").contains(address("10.21.0.0")));
        assert!(network("2001:db8::/32").contains(address("2001:db8:ffff::1")));
        assert!(!network("0.0.0.0/0").contains(address("2001:db8::1")));
        assert!(!network("::/0").contains(address("192.0.2.7")));
        assert!(network("10.0.0.0/8").covers(&network("10.20.0.0/16")));
        assert!(!network("10.20.0.0/16").covers(&network("10.0.0.0/8")));
        for (text, is_loopback) in [
            ("127.0.0.1", true),
            ("127.0.0.0/8", true),
            ("::1", true),
            ("126.0.0.0/7", false),
            ("::/127", false),
        ] {
            assert_eq!(network(text).is_loopback(), is_loopback, "{text}");
        }
    }
}
