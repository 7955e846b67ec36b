//! Environments of real toolchains, prepared without a network: what was built
//! before any node is there for each of them, and stays as it was.

use std::path::Path;

use crate::support::Project;

/// The folder of the toolchain that runs these tests.
fn sysroot() -> String {
    let cargo = std::env::var_os("CARGO").expect("cargo names itself to what it runs");
    let bin = Path::new(&cargo).parent().expect("cargo lies in a folder");
    bin.parent().expect("the folder of programs lies in another").display().to_string()
}

#[test]
fn what_cargo_has_built_before_is_fresh_for_every_node() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\ndep = \"0.1\"\n",
        ),
        ("src/lib.rs", "pub fn two() -> u32 {\n    dep::one() + 1\n}\n"),
        (
            ".cargo/config.toml",
            "[source.crates-io]\nreplace-with = \"vendored\"\n\n[source.vendored]\ndirectory = \"vendor\"\n",
        ),
        (
            "vendor/dep/Cargo.toml",
            "[package]\nname = \"dep\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        ),
        ("vendor/dep/src/lib.rs", "pub fn one() -> u32 {\n    1\n}\n"),
        ("vendor/dep/.cargo-checksum.json", "{\"files\":{}}\n"),
    ]);
    let spec = r#"edition 1
pipeline small { base = "main" }
environment rust {
  tools   = ["SYSROOT"]
  prepare = ["cargo", "build", "--offline"]
  key     = ["**/Cargo.toml"]
  keep    = ["target"]
}
gate builds is command { run = ["sh", "-c", "cargo build --offline -v 2>&1 | tee target/said && grep -q 'Fresh dep' target/said"] }
command first {
  run    = ["sh", "-c", "cargo build --offline -v 2> log && rm -r target/debug"]
  writes = ["Cargo.lock", "log"]
  env    = [rust]
  gates  = [builds]
}
command second {
  needs  = [first]
  run    = ["sh", "-c", "cargo build --offline -v 2> log && echo '// more' >> src/lib.rs"]
  writes = ["log", "src/**"]
  env    = [rust]
  gates  = [builds]
}
"#;
    project.write("spec.eufm", spec.replace("SYSROOT", &sysroot()));
    project.compile().expect(0);
    project.exec().run().expect(0);
    let log = project.merged("log");
    assert!(log.contains("Fresh dep v0.1.0") && log.contains("Compiling demo"), "{log}");
    let files = project.git(&["ls-tree", "-r", "--name-only", &project.branch()]);
    assert!(!files.contains("target/"), "{files}");
    project.nothing_is_left();
}

#[test]
fn a_virtual_environment_of_python_serves_nodes_and_gates() {
    let prepare = "set -e\npython3 -m venv --without-pip .venv\n\
        site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))')\n\
        cp lib.txt \"$site/wanted.py\"\n";
    let project = Project::new(&[("prepare.sh", prepare), ("lib.txt", "answer = 42\n")]);
    project.write(
        "spec.eufm",
        r#"edition 1
pipeline small { base = "main" }
environment venv {
  prepare = ["sh", "prepare.sh"]
  key     = ["lib.txt"]
  keep    = [".venv"]
}
gate right is command { run = [".venv/bin/python", "-c", "import wanted; assert wanted.answer == 42"] }
command first {
  run    = ["sh", "-c", ".venv/bin/python -c 'import wanted; print(wanted.answer)' > a; rm -r .venv/lib"]
  writes = ["a"]
  env    = [venv]
  gates  = [right]
}
command second {
  needs  = [first]
  run    = [".venv/bin/python", "-c", "import wanted; print(wanted.answer)"]
  stdout = "b"
  writes = ["b"]
  env    = [venv]
  gates  = [right]
}
"#,
    );
    project.compile().expect(0);
    project.exec().run().expect(0);
    assert_eq!((project.merged("a"), project.merged("b")), ("42".to_owned(), "42".to_owned()));
    project.nothing_is_left();
}
