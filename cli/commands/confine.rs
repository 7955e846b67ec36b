//! The launcher of sandboxes without namespaces: keeps a program, or closes
//! files and system calls to itself and becomes it; and what goes before programs
//! inside other sandboxes: the filter of system calls, and their secrets.

use std::ffi::OsString;

use eufm_runner::confine::{self, Closed, ConfineError, Confinement};

use crate::args::{ConfineArgs, FilterArgs, Open};
use crate::exit::{ExitStatus, Failure};
use crate::secrets::SecretsArgs;

/// Keeps a program to its end, or becomes it.
///
/// # Errors
/// Fails when something cannot be closed; the program does not run then.
pub(crate) fn run(args: &ConfineArgs) -> Result<ExitStatus, Failure> {
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
        return Err(failed(&confine::enter(&confinement, &args.run)));
    }
    let launcher = crate::host::own_program()?;
    // The same words again, for the process that becomes the program.
    let mut words: Vec<OsString> = std::env::args_os().skip(1).collect();
    words.insert(1, "--enter".into());
    let exit = confine::keep(&confinement, &launcher, &words).map_err(|error| failed(&error))?;
    Ok(ExitStatus::passed_on(exit))
}

/// Closes dangerous system calls and becomes the program.
///
/// # Errors
/// Fails when they cannot be closed, or the program cannot be started.
pub(crate) fn filter(args: &FilterArgs) -> Result<ExitStatus, Failure> {
    Err(failed(&confine::filter(&args.run, &args.var)))
}

/// Puts the secrets of the standard input into files and becomes the program.
///
/// # Errors
/// Fails when they cannot be put there, or the program cannot be started.
pub(crate) fn secrets(args: &SecretsArgs) -> Result<ExitStatus, Failure> {
    let error = eufm_runner::secrets::place(&args.run);
    Err(Failure::new(ExitStatus::not_started(&error), error.to_string()))
}

fn failed(error: &ConfineError) -> Failure {
    let status = match error {
        ConfineError::Program(error) => ExitStatus::not_started(error),
        _ => ExitStatus::HOST,
    };
    Failure::new(status, error.to_string())
}
