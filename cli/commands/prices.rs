//! `eufm prices import`: a public price table to a file of `prices` items.

use std::path::Path;

use crate::args::{PricesArgs, PricesCommand, PricesImportArgs};
use crate::exit::{ExitStatus, Failure};
use crate::litellm::{self, Imported, Origin, Wanted};
use crate::{commands, price_table, render, sources};

/// How near a word must be to be suggested: a third of it may be mistyped.
const NEAR: usize = 3;

/// Does what is asked for with prices.
///
/// # Errors
/// Fails when a file cannot be read, written or understood, or gives nothing that
/// was asked for.
pub(crate) fn run(args: &PricesArgs) -> Result<ExitStatus, Failure> {
    match &args.command {
        PricesCommand::Import(args) => import(args),
    }
}

fn import(args: &PricesImportArgs) -> Result<ExitStatus, Failure> {
    let shown = args.file.display();
    let bytes = sources::read(&args.file)
        .map_err(|reason| usage(format!("cannot read {shown}: {reason}")))?;
    let origin = Origin { date: args.date.clone(), source: source(args)? };
    let wanted = Wanted { providers: args.providers.clone(), models: args.models.clone() };
    let imported = litellm::read(&bytes, &wanted, &origin).map_err(|error| {
        usage(format!(
            "{shown} is no price table: {error}\n  help: give LiteLLM's \
             model_prices_and_context_window.json, a JSON object with an object a model"
        ))
    })?;
    refuse_missing(args, &imported)?;
    render::prices::told(&imported);
    if imported.prices.is_empty() {
        return Err(usage(format!(
            "no price of {shown} can be taken over, so nothing was written"
        )));
    }
    let text = price_table::text(&imported.prices, &origin.source).ok_or_else(|| {
        usage("the prices cannot be spelled; this is a bug, please report it".to_owned())
    })?;
    match &args.output {
        None => render::spec(&text)
            .map_err(|error| usage(format!("cannot write standard output: {error}")))?,
        Some(output) => {
            refuse_others(output)?;
            commands::compile::write(output, &text)?;
            render::prices::wrote(output, imported.prices.len());
        }
    }
    Ok(ExitStatus::DONE)
}

fn usage(message: String) -> Failure {
    Failure::new(ExitStatus::USAGE, message)
}

/// Returns who says what the prices are: what was given, else the file's name.
fn source(args: &PricesImportArgs) -> Result<String, Failure> {
    let name = || args.file.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let source = args.source.clone().or_else(name).filter(|source| !source.trim().is_empty());
    source.ok_or_else(|| usage("the source has no name; give one with --source".to_owned()))
}

/// Fails when a model or provider that was asked for is not in the table, or has
/// no price that can be taken over.
fn refuse_missing(args: &PricesImportArgs, imported: &Imported) -> Result<(), Failure> {
    let (known, shown) = (&imported.known, args.file.display());
    for provider in &args.providers {
        if !known.values().any(|it| it == provider) {
            let near = nearest(provider, known.values().map(String::as_str));
            return Err(usage(format!("{shown} has no model of provider `{provider}`{near}")));
        }
    }
    for model in &args.models {
        let Some(provider) = known.get(model) else {
            let near = nearest(model, known.keys().map(String::as_str));
            return Err(usage(format!("{shown} has no model `{model}`{near}")));
        };
        if !args.providers.is_empty() && !args.providers.contains(provider) {
            return Err(usage(format!("model `{model}` is one of provider `{provider}`")));
        }
        let found = imported.left_out.iter().find(|(_, models)| models.contains(model));
        if let Some((reason, _)) = found {
            return Err(usage(format!("model `{model}` {reason}")));
        }
    }
    Ok(())
}

/// Returns a line with the word that was probably meant.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known
        .map(|it| (strsim::osa_distance(word, it), it))
        .filter(|(distance, it)| *distance <= it.chars().count().div_ceil(NEAR))
        .min();
    near.map(|(_, it)| format!("\n  help: did you mean `{it}`?")).unwrap_or_default()
}

/// Fails where something else than an imported table would be written over.
fn refuse_others(output: &Path) -> Result<(), Failure> {
    let shown = output.display();
    match std::fs::read(output) {
        Ok(bytes) if bytes.starts_with(price_table::MARK.as_bytes()) || bytes.is_empty() => Ok(()),
        Ok(_) => Err(usage(format!(
            "{shown} was not made by `eufm prices import`\n  help: name another file, or remove it"
        ))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(usage(format!("cannot write {shown}: {}", sources::reason(&error)))),
    }
}
