//! The plan as a graph in Graphviz's language.
//!
//! Unaware of what is drawn.

use eufm_plan::Plan;

use super::drawing::{Arrow, Drawing, Shape};

/// Makes the graph.
pub(super) fn emit(plan: &Plan) -> String {
    let drawing = Drawing::of(plan);
    let mut out = format!("digraph \"{}\" {{\n", escaped(&plan.pipeline));
    out.push_str(
        "  // The critical path by the nodes' caps on time is red, the order of writers dashed.\n",
    );
    out.push_str("  rankdir=TB; compound=true;\n");
    for (at, drawn) in drawing.boxes.iter().enumerate() {
        let label = escaped(&drawn.label);
        let colour = if drawn.is_critical { ", color=\"#cc0000\", penwidth=3" } else { "" };
        let shape = shape(drawn.shape);
        out.push_str(&format!("  n{at} [label=\"{label}\", shape={shape}{colour}];\n"));
    }
    // Graphviz takes a box into each group that names it, so the outer ones name
    // those of the inner ones too.
    for (at, group) in drawing.groups.iter().enumerate() {
        if group.group.is_none() {
            cluster(&mut out, &drawing, at, 1);
        }
    }
    for Arrow { from, to, is_critical, is_order } in &drawing.arrows {
        let mut marks = Vec::new();
        if *is_critical {
            marks.push("color=\"#cc0000\", penwidth=3");
        }
        if *is_order {
            marks.push("style=dashed");
        }
        let marks =
            if marks.is_empty() { String::new() } else { format!(" [{}]", marks.join(", ")) };
        out.push_str(&format!("  n{from} -> n{to}{marks};\n"));
    }
    out.push_str("}\n");
    out
}

/// Draws a group with those in it; one of a small plan, so not deep.
fn cluster(out: &mut String, drawing: &Drawing, at: usize, depth: usize) {
    let (indent, label) = ("  ".repeat(depth), escaped(&drawing.groups[at].label));
    out.push_str(&format!("{indent}subgraph cluster_{at} {{ label=\"{label}\";\n"));
    let own = drawing.boxes.iter().enumerate().filter(|(_, drawn)| drawn.group == Some(at));
    let own: Vec<String> = own.map(|(own, _)| format!("n{own};")).collect();
    if !own.is_empty() {
        out.push_str(&format!("{indent}  {}\n", own.join(" ")));
    }
    for (inner, group) in drawing.groups.iter().enumerate() {
        if group.group == Some(at) {
            cluster(out, drawing, inner, depth + 1);
        }
    }
    out.push_str(&format!("{indent}}}\n"));
}

fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Agent => "box",
        Shape::Command => "ellipse",
        Shape::Approval => "diamond",
        Shape::Verify => "component",
        Shape::Deploy => "hexagon",
        Shape::Several => "box3d",
    }
}

fn escaped(label: &str) -> String {
    let hidden = eufm_runner::printable::is_hidden;
    label.replace('\\', "\\\\").replace('"', "\\\"").chars().filter(|&c| !hidden(c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::views::example::everything;

    #[test]
    fn kinds_have_shapes_and_the_critical_path_is_red() {
        let graph = emit(&everything());
        for line in [
            "digraph \"night\" {\n",
            "  n0 [label=\"schema\", shape=box, color=\"#cc0000\", penwidth=3];\n",
            "  n6 [label=\"tidy\", shape=ellipse];\n",
            "[label=\"release\", shape=diamond, color",
            "[label=\"verify\", shape=component, color",
            "[label=\"ship\", shape=hexagon, color",
            "  subgraph cluster_0 { label=\"telemetry\";\n    n1; n2;\n  }\n",
            "label=\"story[\\\"search\\\"]\"",
            "  n0 -> n1 [color=\"#cc0000\", penwidth=3];\n",
            "  n0 -> n2;\n",
            "  n2 -> n3 [color=\"#cc0000\", penwidth=3, style=dashed];\n",
        ] {
            assert!(graph.contains(line), "{line:?}:\n{graph}");
        }
        assert_eq!(graph.matches('{').count(), graph.matches('}').count());
    }
}
