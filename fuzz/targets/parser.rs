//! Any bytes are read as a spec: there is a tree, and findings in their form.

#![no_main]

use eufm_fuzz::{findings, on_one_thread};
use eufm_grammar::{Diagnostics, SourceMap, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: on_one_thread(), |bytes: &[u8]| {
    let (sources, mut found) = (SourceMap::new(), Diagnostics::new());
    if let Some(file) = sources.add("fuzzed.eufm", bytes.to_vec(), &mut found) {
        let spec = parse(&sources, file, &mut found);
        let text = sources.file(file).expect("it was added").text();
        assert_eq!(spec.span.range(), 0..text.len(), "the spec is the whole text");
    } else {
        assert!(found.has_errors(), "what cannot be read is reported");
    }
    findings::assert_form(&found, &sources);
});
