//! Namespaces: whether an unprivileged program gets its own users, processes,
//! network and mounts. Tried with unshare(1), else with bubblewrap; unaware of
//! which programs an administrator lets have them.

use super::{Bench, Facility, Finding};
use crate::process::Command;
use crate::trial::ALLOW_NAMESPACES;

pub(super) const USER: Facility = Facility {
    name: "user namespaces",
    purpose: "a sandbox has a user without rights outside",
    examine: |bench| examine(bench, None),
};

pub(super) const PID: Facility = Facility {
    name: "pid namespaces",
    purpose: "a stop ends every descendant, and none sees the host's processes",
    examine: |bench| examine(bench, Some("pid")),
};

pub(super) const NETWORK: Facility = Facility {
    name: "network namespaces",
    purpose: "a sandbox has no way to the network",
    examine: |bench| examine(bench, Some("net")),
};

pub(super) const MOUNT: Facility = Facility {
    name: "mount namespaces",
    purpose: "a sandbox sees the files that it is shown, and no other",
    examine: |bench| examine(bench, Some("mount")),
};

/// Tries a namespace beside one of users, as a sandbox does.
fn examine(bench: &Bench<'_>, kind: Option<&'static str>) -> Finding {
    let Some((program, args)) = command(bench, kind) else {
        return Finding::missing(
            "neither unshare nor bwrap is on the PATH to try it with",
            "install bubblewrap (Debian: apt-get install bubblewrap)",
        );
    };
    let shown = program.display().to_string();
    match Command::new(&program).args(args).output() {
        Ok(output) if output.exit.is_success() => Finding::enforced(format!("tried with {shown}")),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = crate::printable::line(&said, 200);
            Finding::missing(
                format!("{shown} ended with {}: {said}", output.exit),
                ALLOW_NAMESPACES,
            )
        }
        Err(error) => Finding::missing(format!("{shown}: {error}"), ALLOW_NAMESPACES),
    }
}

fn command(
    bench: &Bench<'_>,
    kind: Option<&'static str>,
) -> Option<(std::path::PathBuf, Vec<String>)> {
    let kind = kind.map(|kind| format!("--{kind}"));
    if let Some(program) = bench.program("unshare") {
        let mut args = vec!["--user".to_owned(), "--map-root-user".to_owned()];
        args.extend(kind.as_deref().map(str::to_owned));
        // The first process of a PID namespace is the one that is forked.
        args.extend((kind.as_deref() == Some("--pid")).then(|| "--fork".to_owned()));
        args.extend(["--".to_owned(), "/usr/bin/true".to_owned()]);
        return Some((program, args));
    }
    let program = bench.program("bwrap")?;
    let mut args: Vec<String> = ["--unshare-user", "--bind", "/", "/"].map(str::to_owned).into();
    // bubblewrap always makes a namespace of mounts.
    let rest = kind.filter(|kind| kind != "--mount");
    args.extend(rest.map(|kind| kind.replacen("--", "--unshare-", 1)));
    args.extend(["--".to_owned(), "/usr/bin/true".to_owned()]);
    Some((program, args))
}
