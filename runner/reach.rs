//! Gives a sandbox its way to the hosts that the plan names for it.
//!
//! Outside there is a passage of the proxy, for this process alone; inside the
//! forwarder makes it a port of loopback, and variables tell programs of it. A
//! process for which the plan names no host gets none of this. Unaware of what
//! the process is for.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::gateway::forward;
use crate::proxy::{Passage, Proxy, SOCKET, own_hosts};
use crate::sandbox::{Confined, LAUNCHER, Mount};

/// Where the folder with the passage's socket is seen inside.
const DOOR: &str = "/run/eufm/proxy";

/// The variables by which programs find a proxy. Some read the large letters,
/// some the small ones.
const VARIABLES: &[&str] = &["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/// A way to hosts, open until it is closed or dropped.
#[derive(Debug)]
pub(crate) struct Reach {
    way: Option<Way>,
}

#[derive(Debug)]
struct Way {
    passage: Passage,
    folder: PathBuf,
    launcher: PathBuf,
    variables: Vec<(String, String)>,
}

impl Reach {
    /// Opens the way to these hosts; for none there is none. `folder` is made
    /// for the socket, `record` is the file that notes what goes over it, and
    /// `launcher` is this program.
    ///
    /// # Errors
    /// Fails when folder, socket or record cannot be made.
    pub(crate) fn open(
        proxy: Option<&Proxy>,
        hosts: &[String],
        folder: &Path,
        record: &Path,
        launcher: &Path,
    ) -> io::Result<Self> {
        if hosts.is_empty() {
            return Ok(Self { way: None });
        }
        let proxy = proxy.ok_or_else(|| io::Error::other("no proxy runs"))?;
        std::fs::create_dir_all(folder)?;
        let passage = proxy.open(folder, hosts, record)?;
        let (folder, launcher) = (folder.to_owned(), launcher.to_owned());
        Ok(Self { way: Some(Way { passage, folder, launcher, variables: variables(hosts) }) })
    }

    /// Puts a process behind the forwarder.
    #[must_use]
    pub(crate) fn confine(&self, mut confined: Confined) -> Confined {
        let Some(way) = &self.way else { return confined };
        confined.mounts.push(Mount::read_only(&way.launcher, LAUNCHER));
        confined.mounts.push(Mount::read_only(&way.folder, DOOR));
        confined.env.extend(way.variables.iter().cloned());
        let socket = Path::new(DOOR).join(SOCKET);
        let mut run: Vec<OsString> =
            vec![LAUNCHER.into(), forward::SUBCOMMAND.into(), socket.into(), "--".into()];
        run.append(&mut confined.run);
        Confined { run, ..confined }
    }

    /// Closes the way; returns what was refused on it, for a reason.
    ///
    /// # Errors
    /// Fails when the record could not be written.
    pub(crate) fn close(self) -> io::Result<Option<String>> {
        match self.way {
            Some(way) => Ok(way.passage.close()?.remark()),
            None => Ok(None),
        }
    }
}

fn variables(hosts: &[String]) -> Vec<(String, String)> {
    let address = format!("http://127.0.0.1:{}", forward::PORT);
    let proxies = VARIABLES.iter().map(|name| (*name, address.clone()));
    let all = proxies.chain([("NO_PROXY", own_hosts(hosts))]);
    all.flat_map(|(name, value)| {
        [(name.to_owned(), value.clone()), (name.to_ascii_lowercase(), value)]
    })
    .collect()
}
