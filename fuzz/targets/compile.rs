//! Any bytes are compiled as a spec: there are findings in their form, or a plan
//! that plan.lock keeps whole.

#![no_main]

use std::sync::LazyLock;

use eufm_compiler::{check, compile};
use eufm_fuzz::project::Project;
use eufm_fuzz::{findings, on_one_thread};
use eufm_plan::Plan;
use eufm_plan::lockfile::{read, write};
use eufm_plan::schema::{Catalog, KindSchema};
use eufm_runner::agents::AGENTS;
use eufm_runner::gates::GATES;
use eufm_runner::rules::RULES;
use libfuzzer_sys::fuzz_target;

/// The kinds that the program knows: gates, agents and rules.
static KINDS: LazyLock<[Vec<&'static KindSchema>; 3]> = LazyLock::new(|| {
    [
        GATES.iter().map(|kind| kind.schema()).collect(),
        AGENTS.iter().map(|kind| kind.schema()).collect(),
        RULES.iter().map(|kind| kind.schema()).collect(),
    ]
});

fn assert_kept(plan: &Plan) {
    let lock = write(plan);
    match read(&lock) {
        Ok(locked) => assert_eq!(*locked.plan, *plan, "plan.lock says another plan:\n{lock}"),
        Err(error) => panic!("plan.lock is refused: {error}\n{lock}"),
    }
}

fuzz_target!(init: on_one_thread(), |bytes: &[u8]| {
    let [gates, agents, rules] = &*KINDS;
    let catalog = Catalog { gates, agents, rules };
    let project = Project { spec: bytes };
    let request = project.request();
    match compile(&project, &request, &catalog) {
        Ok(compiled) => {
            findings::assert_form(&compiled.diagnostics, &compiled.sources);
            assert!(!compiled.diagnostics.has_errors());
            assert_kept(&compiled.plan.expect("a spec without errors has a plan"));
        }
        Err(rejected) => {
            findings::assert_form(&rejected.diagnostics, &rejected.sources);
            assert!(rejected.diagnostics.has_errors());
            // What has no pipeline may be there to be used by others.
            if !rejected.sources.iter().any(|file| file.text().contains("pipeline")) {
                match check(&project, &request, &catalog) {
                    Ok(checked) => findings::assert_form(&checked.diagnostics, &checked.sources),
                    Err(bad) => findings::assert_form(&bad.diagnostics, &bad.sources),
                }
            }
        }
    }
});
