//! A network of the benchmark's own: a namespace with nothing but loopback, and a congestion control that is the same for
//! everybody. BBR, where it is the default, doubles the cost of loopback and hides every difference.

use std::fs;

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, unshare};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, recv, sendto, socket};

const CONGESTION_CONTROL: &str = "/proc/sys/net/ipv4/tcp_congestion_control";
const WANTED: &str = "reno";
const LOOPBACK_INDEX: u32 = 1;

/// Moves this process, and all that it starts from now on, into a namespace of its own where it may, and asks for reno.
/// Gives back what the network is, for the report. To be called before there are other threads.
///
/// # Errors
/// There is a namespace, but its loopback does not come up.
pub(crate) fn isolate() -> Result<String> {
    if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
        return Ok(format!("the machine's own namespace (unshare: {error}), {}", congestion_control()));
    }
    bring_loopback_up().context("bring up loopback in the new network namespace")?;
    let refused = fs::write(CONGESTION_CONTROL, WANTED).err();
    let refused = refused.map_or_else(String::new, |error| format!(" ({WANTED}: {error})"));
    Ok(format!("a namespace of its own, {}{refused}", congestion_control()))
}

fn congestion_control() -> String {
    fs::read_to_string(CONGESTION_CONTROL).map_or_else(|error| error.to_string(), |name| name.trim().to_owned())
}

/// `ip link set lo up`, without the program.
fn bring_loopback_up() -> Result<()> {
    // Protocol 0 is NETLINK_ROUTE.
    let netlink = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    sendto(&netlink, &set_link_up(LOOPBACK_INDEX), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0; 256];
    let (_, size) = recv(&netlink, &mut answer[..], RecvFlags::empty())?;
    // An error message: after the 16 bytes of its header, 0 or an errno, negative.
    anyhow::ensure!(size >= 20, "the answer is cut off");
    let code = i32::from_ne_bytes(answer[16..20].try_into()?);
    if code != 0 {
        return Err(std::io::Error::from_raw_os_error(-code).into());
    }
    Ok(())
}

/// An RTM_NEWLINK message that sets IFF_UP and asks for an answer (rtnetlink(7)).
fn set_link_up(index: u32) -> Vec<u8> {
    const RTM_NEWLINK: u16 = 16;
    const NLM_F_REQUEST_AND_ACK: u16 = 1 | 4;
    const IFF_UP: u32 = 1;
    let mut message = Vec::with_capacity(32);
    message.extend(32_u32.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(NLM_F_REQUEST_AND_ACK.to_ne_bytes());
    // Sequence and sender; then family and padding, type, index, flags, and which of the flags are meant.
    message.extend([0; 8]);
    message.extend([0; 4]);
    message.extend(index.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_the_length_that_it_names() {
        let message = set_link_up(1);
        assert_eq!(message.len(), 32);
        assert_eq!(message[..4], 32_u32.to_ne_bytes());
        assert_eq!(message[20..24], 1_u32.to_ne_bytes());
    }
}
