//! Socket addresses between Rust's form and the system's.
#![allow(unsafe_code)]

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use libc::{AF_INET, AF_INET6, sockaddr_in, sockaddr_in6, sockaddr_storage};

/// The system's form of an address, large enough for either family.
#[derive(Clone, Copy)]
pub(crate) struct RawAddr(pub(crate) sockaddr_storage);

impl RawAddr {
    pub(crate) fn empty() -> Self {
        // SAFETY: a C struct of integers, for which all zeros is a value (family "unspecified").
        Self(unsafe { std::mem::zeroed() })
    }

    /// The address and its length, as `sendmmsg` wants them.
    pub(crate) fn new(address: SocketAddr) -> (Self, u32) {
        let mut raw = Self::empty();
        match address {
            SocketAddr::V4(v4) => {
                // SAFETY: sockaddr_storage is at least as large and as aligned as every family's struct.
                let fields = unsafe { &mut *(&raw mut raw.0).cast::<sockaddr_in>() };
                fields.sin_family = AF_INET as u16;
                fields.sin_port = v4.port().to_be();
                fields.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
                (raw, size_of::<sockaddr_in>() as u32)
            }
            SocketAddr::V6(v6) => {
                // SAFETY: as above.
                let fields = unsafe { &mut *(&raw mut raw.0).cast::<sockaddr_in6>() };
                fields.sin6_family = AF_INET6 as u16;
                fields.sin6_port = v6.port().to_be();
                fields.sin6_addr.s6_addr = v6.ip().octets();
                fields.sin6_flowinfo = v6.flowinfo();
                fields.sin6_scope_id = v6.scope_id();
                (raw, size_of::<sockaddr_in6>() as u32)
            }
        }
    }

    /// The address that the kernel wrote; `None` if it wrote none of a family known here.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match i32::from(self.0.ss_family) {
            AF_INET => {
                // SAFETY: the family says which struct the storage holds, and every field of it is an integer.
                let fields = unsafe { &*(&raw const self.0).cast::<sockaddr_in>() };
                let ip = Ipv4Addr::from(fields.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddrV4::new(ip, u16::from_be(fields.sin_port)).into())
            }
            AF_INET6 => {
                // SAFETY: as above.
                let fields = unsafe { &*(&raw const self.0).cast::<sockaddr_in6>() };
                let ip = Ipv6Addr::from(fields.sin6_addr.s6_addr);
                let port = u16::from_be(fields.sin6_port);
                Some(SocketAddrV6::new(ip, port, fields.sin6_flowinfo, fields.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back() {
        let check = |text: &str| {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(RawAddr::new(address).0.address(), Some(address));
        };
        check("127.0.0.1:8640");
        check("[2001:db8::1]:65535");
        check("[fe80::1%3]:1");
        assert_eq!(RawAddr::empty().address(), None);
    }
}
