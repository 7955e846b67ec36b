//! Binds and reaches Unix sockets whose paths may be longer than the 107 bytes
//! an address has room for: the folder is named by an open descriptor instead.
//!
//! Unaware of what is spoken over the socket.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Binds a socket that its owner alone may reach. A socket that a killed run
/// left at the path is replaced; anything else there is an error.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => fs::remove_file(path)?,
        Ok(_) => {
            let message = "something that is no socket is in its place";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let (_folder, short) = shorten(path)?;
    let listener = UnixListener::bind(short)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to a socket.
pub(super) fn connect(path: &Path) -> io::Result<UnixStream> {
    let (_folder, short) = shorten(path)?;
    UnixStream::connect(short)
}

/// Names a socket through its folder's descriptor, which must stay open while
/// the name is used.
fn shorten(path: &Path) -> io::Result<(File, PathBuf)> {
    let Some(name) = path.file_name() else {
        let message = "the path names no file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?,
        _ => File::open(".")?,
    };
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    Ok((folder, short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_longer_than_an_address_can_be_bound_and_reached() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a".repeat(120));
        fs::create_dir(&deep).unwrap();
        let path = deep.join("gateway.sock");
        let listener = bind(&path).unwrap();
        let _stream = connect(&path).unwrap();
        listener.accept().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_socket_left_by_a_killed_run_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.sock");
        drop(bind(&path).unwrap());
        assert!(connect(&path).is_err());
        let _listener = bind(&path).unwrap();
        connect(&path).unwrap();
    }

    #[test]
    fn a_file_in_the_place_of_a_socket_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.sock");
        fs::write(&path, "precious").unwrap();
        assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }
}
