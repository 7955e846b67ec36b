//! Drops all rights of a process: no capability now, and none by a program that
//! it runs. Unaware of what the rights would have been good for.

use std::io;

use rustix::thread::{CapabilitySet, CapabilitySets};

/// Drops every capability of this thread, for good.
pub(super) fn drop_all() -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    // Root would get them back with the next program, but from this set.
    if rustix::process::geteuid().is_root() {
        drop_bounding()?;
    }
    rustix::thread::clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

fn drop_bounding() -> io::Result<()> {
    for number in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << number);
        // A number that the kernel does not know ends the list.
        if rustix::thread::capability_is_in_bounding_set(one).unwrap_or(false) {
            rustix::thread::remove_capability_from_bounding_set(one)?;
        }
    }
    Ok(())
}
