//! The launcher of sandboxes without namespaces: keeps a program, or closes
//! files and system calls to itself and becomes it.

use std::ffi::OsString;

use eufm_runner::confine::{self, Closed, Confinement};

use crate::args::{ConfineArgs, Open};
use crate::exit::{ExitStatus, Failure};

/// Keeps a program to its end, or becomes it.
///
/// # Errors
/// Fails when something cannot be closed; the program does not run then.
pub(crate) fn run(args: &ConfineArgs) -> Result<ExitStatus, Failure> {
    let failed = |error: confine::ConfineError| Failure::new(ExitStatus::HOST, error.to_string());
    let confinement = Confinement {
        worktree: args.worktree.clone(),
        private: args.private.clone(),
        cwd: args.cwd.clone(),
        git: args.git.clone(),
        readable: args.read.clone(),
        writable: args.write.clone(),
        vars: args.var.clone(),
        closed: Closed {
            files: !args.open.contains(&Open::Files),
            calls: !args.open.contains(&Open::Calls),
        },
    };
    if args.enter {
        return Err(failed(confine::enter(&confinement, &args.run)));
    }
    let launcher = crate::host::own_program()?;
    // The same words again, for the process that becomes the program.
    let mut words: Vec<OsString> = std::env::args_os().skip(1).collect();
    words.insert(1, "--enter".into());
    let exit = confine::keep(&confinement, &launcher, &words).map_err(failed)?;
    Ok(ExitStatus::passed_on(exit))
}
