//! The layered graph as a spec: each node has an agent, a gate and globs of its own.
//!
//! Unaware of what is measured.

use crate::graph::needs;

/// Returns the spec of so many nodes.
pub(crate) fn spec(nodes: usize) -> String {
    let mut text = HEAD.to_owned();
    for node in 0..nodes {
        let needs = needs(node, nodes).join(", ");
        let task = format!(
            "\ntask n{node} by builder {{\n  prompt = \"\"\"\n    \
             Write part {node} of the system: read parts/{node}/README.md first, then change\n    \
             only what it names. Keep the functions short, say in a comment why, and add\n    \
             a test that fails without the change.\n    \"\"\"\n  needs  = [{needs}]\n  \
             writes = [\"parts/{node}/**\"]\n  gates  = [unit]\n  \
             budget {{ wall <= 15 min, attempts <= 2 }}\n}}\n"
        );
        text.push_str(&task);
    }
    text
}

const HEAD: &str = r#"edition 1

pipeline bench {
  goal = "A layered graph"
  base = "main"
  budget { wall <= 6 h, parallel <= 4 }
}

agent builder is codex {
  cli     = "0.169.0"
  model   = "gpt-5.5"
  network = none
}

gate unit is tests {
  run     = ["python3", "-m", "pytest", "-q", "--junitxml=report.xml"]
  report  = junit("report.xml")
  require { pass_rate >= 85%, tests >= 1 }
}
"#;
