//! The story that most tests tell: two tasks of an agent, one of them with a
//! gate that the first attempt does not pass, and a command that needs both.
//!
//! Unaware of the tests.

use super::Project;

/// The spec of the story.
pub(crate) const SPEC: &str = r#"edition 1

pipeline story {
  goal = "A tested greeting"
  base = "main"
  budget { wall <= 10 min, parallel <= 2 }
}

agent builder is codex { cli = "0.169.0", model = "gpt-5.5", network = none }

gate unit is tests {
  run    = ["python3", "tests/check.py"]
  report = junit("report.xml")
  require { pass_rate >= 85%, tests >= 3 }
}

task greet by builder {
  prompt = "Write hello/greet.py with greet(name)."
  writes = ["hello/**"]
  gates  = [unit]
  budget { attempts <= 2 }
}

task readme by builder {
  prompt = "Write NOTES.md about hello."
  writes = ["NOTES.md"]
}

command smoke {
  needs = [greet, readme]
  run   = ["python3", "-c", "from hello.greet import greet; assert greet('') == 'Hello, world!'"]
}
"#;

/// The replies of the story's model; doing one twice does no harm.
pub(crate) const CASSETTE: &str = r##"format = 1
model = "gpt-5.5"

[[node.greet]]
expect = "Write hello/greet.py"
shell = '''printf 'def greet(name):\n    return f"Hello, {name}!"\n' > hello/greet.py'''
usage = { input = 100, cached = 10, output = 20, reasoning = 5 }

[[node.greet]]
say = "Done."
usage = { input = 100, cached = 10, output = 20, reasoning = 5 }

[[node.greet]]
expect = "did not pass"
patch = '''
*** Begin Patch
*** Add File: hello/greet.py
+def greet(name):
+    return f"Hello, {name or 'world'}!"
*** End Patch
'''

[[node.greet]]
say = "Repaired."

[[node.readme]]
shell = "echo '# hello' > NOTES.md"

[[node.readme]]
say = "Done."
"##;

/// Counts its cases by itself, so that the tests need no test runner.
const CHECK: &str = r#"import os, sys
sys.path.insert(0, os.getcwd())
from hello.greet import greet
cases = []
for name, want in [("Ada", "Hello, Ada!"), ("Bob", "Hello, Bob!"), ("", "Hello, world!")]:
    bad = "" if greet(name) == want else f'<failure message="{greet(name)}"/>'
    cases.append(f'<testcase classname="check" name="greets {name}">{bad}</testcase>')
    if bad:
        print(f"greet({name!r}) is not {want!r}")
with open("report.xml", "w") as report:
    report.write("<testsuite>" + "".join(cases) + "</testsuite>")
sys.exit(any("failure" in case for case in cases))
"#;

/// Makes the story's project; its spec is compiled.
#[track_caller]
pub(crate) fn demo() -> Project {
    let files = [("hello/__init__.py", ""), ("tests/check.py", CHECK), ("README.md", "# demo\n")];
    let files = [&files[..], &[(".gitignore", "__pycache__/\nreport.xml\n")]].concat();
    let project = Project::new(&files);
    project.write("spec.eufm", SPEC);
    project.write("cassette.toml", CASSETTE);
    project.compile().expect(0);
    project
}
