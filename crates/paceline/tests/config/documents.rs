//! Schema, reference and examples are true to the code.

use crate::support::{at, crate_path, same_as_file};
use paceline::config::{Flags, json_schema, reference};
use std::path::PathBuf;

fn root(path: &str) -> PathBuf {
    crate_path("../..").join(path)
}

#[test]
fn the_schema_in_the_repository_is_the_one_of_the_types() {
    let schema = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    same_as_file(&root("paceline.schema.json"), &schema);
}

#[test]
fn the_reference_is_made_from_the_types() {
    let path = root("docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("<!-- reference -->\n").expect("the mark of the reference");
    let (_, after) = rest.split_once("<!-- end of reference -->").expect("the end of the reference");
    let whole = format!("{before}<!-- reference -->\n{}<!-- end of reference -->{after}", reference());
    same_as_file(&path, &whole);
}

#[test]
fn every_setting_is_described() {
    fn walk(schema: &serde_json::Value, path: &str) {
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            assert!(inner["description"].as_str().is_some_and(|text| text.len() > 10), "{path}");
            walk(inner, &path);
        }
        for deeper in ["additionalProperties", "items"] {
            if schema[deeper].is_object() {
                walk(&schema[deeper], path);
            }
        }
        for form in schema["anyOf"].as_array().into_iter().flatten() {
            walk(form, path);
        }
    }
    walk(&json_schema(), "");
}

/// An example's README says in lines `export NAME=…` what its configuration needs.
#[test]
fn every_example_is_valid_with_the_variables_its_readme_sets() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root("examples")).unwrap() {
        let folder = entry.unwrap().path();
        let file = folder.join("paceline.toml");
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
        let exports = readme.lines().filter_map(|line| line.trim().strip_prefix("export ")?.split_once('='));
        let names: Vec<&str> = exports.map(|(name, _)| name).collect();
        let values: Vec<String> =
            (0..names.len()).map(|index| format!("planted-value-long-{index}")).collect();
        let env: Vec<(&str, &str)> =
            names.iter().zip(&values).map(|(name, value)| (*name, value.as_str())).collect();
        let loaded = at(Some((file.as_path(), &text)), &env, Flags::default());
        let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.warnings, [], "{}", file.display());
        seen += 1;
    }
    assert!(seen >= 4, "{seen} examples");
}
