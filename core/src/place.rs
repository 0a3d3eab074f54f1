//! Where a person comes from, as far as it can be believed.
//!
//! Failures are counted by place, so that a stranger on the other side of the world cannot lock the person out at home.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Where a try comes from.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// An address on the network: IPv4 whole, IPv6 by its /64.
    Address(Address),
    /// On this host, as the caller with this real uid.
    Local(u32),
    /// Anything else: a host name, `UNKNOWN`, a service that sets no address.
    Elsewhere,
}

/// An address as a place: an IPv4 address, or the /64 of an IPv6 address (one customer's line, whatever it picks within).
#[derive(Clone, Copy, Debug)]
pub struct Address(IpAddr);

impl Place {
    /// The place of a literal address; anything that is not one is [`Place::Elsewhere`].
    #[must_use]
    pub fn of_address(text: &str) -> Self {
        text.parse().map_or(Self::Elsewhere, |address| {
            Self::Address(Address::new(address))
        })
    }

    /// Reads what [`Display`](fmt::Display) writes, and nothing else.
    pub fn parse(text: &str) -> Result<Self, BadPlace> {
        let place = match text.split_once(':') {
            None if text == "elsewhere" => Self::Elsewhere,
            Some(("local", uid)) => Self::Local(uid.parse().map_err(|_| BadPlace)?),
            Some(("address", address)) => {
                Self::of_address(address.strip_suffix("/64").unwrap_or(address))
            }
            _ => return Err(BadPlace),
        };
        if place.to_string() == text {
            Ok(place)
        } else {
            Err(BadPlace)
        }
    }
}

impl Place {
    /// Two places are the same when these are.
    ///
    /// All of it is always written, unlike the room that a small variant leaves in a large one. The comparison that is
    /// derived, once optimised, branches on that room before it knows the variant; the outcome is right, but valgrind cannot
    /// tell it from a decision by something uninitialised, and neither can whoever reads its report. Inlined, this would
    /// become the same.
    #[inline(never)]
    fn key(self) -> (u8, u128) {
        match self {
            Self::Address(Address(IpAddr::V4(v4))) => (4, v4.to_bits().into()),
            Self::Address(Address(IpAddr::V6(v6))) => (6, v6.to_bits()),
            Self::Local(uid) => (1, uid.into()),
            Self::Elsewhere => (0, 0),
        }
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Place {}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "address:{address}"),
            Self::Local(uid) => write!(f, "local:{uid}"),
            Self::Elsewhere => f.write_str("elsewhere"),
        }
    }
}

impl Address {
    /// Folds mapped addresses (`::ffff:192.0.2.7`) into IPv4 and cuts IPv6 down to its /64.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

/// The text is not a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a place such as address:192.0.2.7, local:1000 or elsewhere")]
pub struct BadPlace;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_fold_and_ipv6_is_cut_to_its_64() {
        assert_eq!(
            Place::of_address("::ffff:192.0.2.7"),
            Place::of_address("192.0.2.7")
        );
        assert_eq!(
            Place::of_address("2001:db8::1"),
            Place::of_address("2001:db8::ffff:2")
        );
        assert_ne!(
            Place::of_address("2001:db8::1"),
            Place::of_address("2001:db8:0:1::1")
        );
    }

    #[test]
    fn what_is_not_a_literal_address_is_elsewhere() {
        for text in [
            "",
            "UNKNOWN",
            "host.example",
            "192.0.2.7 ",
            "192.0.2.7:22",
            "0300.0.2.7",
            "fe80::1%eth0",
            "[::1]",
        ] {
            assert_eq!(Place::of_address(text), Place::Elsewhere, "{text}");
        }
    }

    #[test]
    fn a_place_comes_back_from_its_text() {
        for text in [
            "elsewhere",
            "local:0",
            "local:4294967295",
            "address:192.0.2.7",
            "address:2001:db8::/64",
        ] {
            assert_eq!(Place::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "elsewhere:",
            "local:",
            "local:-1",
            "local:01",
            "address:x",
            "address:2001:db8::1",
            "ADDRESS:192.0.2.7",
        ] {
            assert_eq!(Place::parse(text), Err(BadPlace), "{text}");
        }
    }
}
