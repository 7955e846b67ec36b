//! The plan as a flowchart of Mermaid, which code hosts draw in Markdown.
//!
//! Unaware of what is drawn.

use eufm_plan::Plan;
use eufm_runner::printable;

use super::drawing::{Arrow, Drawing, Shape};

/// Makes the flowchart.
pub(super) fn emit(plan: &Plan) -> String {
    let drawing = Drawing::of(plan);
    let mut out = String::from("flowchart TD\n");
    let name = printable::line(&plan.pipeline, 200);
    out.push_str(&format!(
        "  %% {name}: {}; the critical path by the nodes' caps on time is thick, the order of writers dashed\n",
        crate::render::count(plan.nodes.len(), "node")
    ));
    scope(&mut out, &drawing);
    for Arrow { from, to, is_critical, is_order } in &drawing.arrows {
        let arrow = match (is_order, is_critical) {
            (true, _) => "-.->",
            (false, true) => "==>",
            (false, false) => "-->",
        };
        out.push_str(&format!("  n{from} {arrow} n{to}\n"));
    }
    let critical = drawing.boxes.iter().enumerate().filter(|(_, drawn)| drawn.is_critical);
    let critical: Vec<String> = critical.map(|(at, _)| format!("n{at}")).collect();
    if !critical.is_empty() {
        out.push_str("  classDef critical stroke:#c00,stroke-width:3px\n");
        out.push_str(&format!("  class {} critical\n", critical.join(",")));
    }
    out
}

/// Draws all boxes, those of a group within it.
fn scope(out: &mut String, drawing: &Drawing) {
    /// What is to be drawn next, and how deep.
    enum Open {
        Scope(Option<usize>, usize),
        End(usize),
    }
    let (mut boxes, mut groups) = (vec![Vec::new(); drawing.groups.len() + 1], Vec::new());
    groups.resize(drawing.groups.len() + 1, Vec::new());
    let place = |group: Option<usize>| group.map_or(0, |group| group + 1);
    for (at, drawn) in drawing.boxes.iter().enumerate() {
        boxes[place(drawn.group)].push(at);
    }
    for (at, group) in drawing.groups.iter().enumerate() {
        groups[place(group.group)].push(at);
    }
    let mut open = vec![Open::Scope(None, 1)];
    while let Some(next) = open.pop() {
        match next {
            Open::End(depth) => out.push_str(&format!("{}end\n", "  ".repeat(depth))),
            Open::Scope(group, depth) => {
                let mut depth = depth;
                if let Some(at) = group {
                    let label = escaped(&drawing.groups[at].label);
                    out.push_str(&format!("{}subgraph g{at}[\"{label}\"]\n", "  ".repeat(depth)));
                    open.push(Open::End(depth));
                    depth += 1;
                }
                for at in &boxes[place(group)] {
                    let drawn = &drawing.boxes[*at];
                    let (before, after) = shape(drawn.shape);
                    let label = escaped(&drawn.label);
                    let indent = "  ".repeat(depth);
                    out.push_str(&format!("{indent}n{at}{before}\"{label}\"{after}\n"));
                }
                let inner = groups[place(group)].iter().rev();
                open.extend(inner.map(|inner| Open::Scope(Some(*inner), depth)));
            }
        }
    }
}

fn shape(shape: Shape) -> (&'static str, &'static str) {
    match shape {
        Shape::Agent => ("[", "]"),
        Shape::Command => ("(", ")"),
        Shape::Approval => ("{", "}"),
        Shape::Verify => ("[[", "]]"),
        Shape::Deploy => ("{{", "}}"),
        Shape::Several => ("([", "])"),
    }
}

/// Writes what could end a label, format it or make a link as the number of its sign.
fn escaped(label: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || " _-./:,".contains(c);
    let mut text = String::new();
    for c in label.chars() {
        if is_plain(c) {
            text.push(c);
        } else {
            text.push_str(&format!("#{};", u32::from(c)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::views::example::everything;

    #[test]
    fn kinds_have_shapes_and_the_critical_path_is_thick() {
        let mut plan = everything();
        let chart = emit(&plan);
        for line in [
            "flowchart TD\n",
            "  n0[\"schema\"]\n",
            "  subgraph g0[\"telemetry\"]\n    n1[\"collector#91;#34;felix#34;#93;\"]\n",
            "  end\n",
            "  n6(\"tidy\")\n",
            "{\"release\"}\n",
            "  subgraph g2[\"ship\"]\n    n9[[\"verify\"]]\n",
            "{{\"ship\"}}\n",
            "  n0 ==> n1\n",
            "  n0 --> n2\n",
            "  n2 -.-> n3\n",
            "  class n0,n1,n2,n3,n4,n5,n8",
        ] {
            assert!(chart.contains(line), "{line:?}:\n{chart}");
        }
        assert_eq!(chart.matches("subgraph").count(), chart.matches("  end\n").count());
        "a\"] --> evil; `x`".clone_into(&mut plan.nodes[0].name);
        assert!(emit(&plan).contains("[\"a#34;#93; --#62; evil#59; #96;x#96;\"]"));
    }
}
