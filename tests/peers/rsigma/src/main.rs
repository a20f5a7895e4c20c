//! What rsigma's evaluator says: `rsigma-answers LIST EVENTS` prints a line `number <tab> rule id` for
//! each match. LIST names rule files, one a line; EVENTS holds JSON objects, one a line. An event's
//! logsource is its own product, category and service; with none of them every rule is for it.
//! Refused rules go to stderr, with how long the events took, their parsing included.
use rsigma_eval::{Engine, JsonEvent};
use rsigma_parser::{LogSource, parse_sigma_yaml};
use std::io::{BufRead, BufReader, BufWriter, Write};

fn part(event: &serde_json::Value, name: &str) -> Option<String> {
    event.get(name).and_then(|value| value.as_str()).map(str::to_owned)
}

fn engine_load(list: &str) -> Engine {
    let mut rules = Vec::new();
    for path in list.lines() {
        let text = std::fs::read_to_string(path).expect("a rule file");
        match parse_sigma_yaml(&text) {
            Ok(parsed) => rules.extend(parsed.rules),
            Err(error) => eprintln!("{path}: refused: {error}"),
        }
    }
    let mut engine = Engine::new();
    for (at, error) in engine.add_rules(&rules) {
        let line = error.to_string().replace('\n', " ");
        eprintln!("{}: refused: {line}", rules[at].title);
    }
    engine
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let engine = engine_load(&std::fs::read_to_string(&arguments[1]).expect("LIST"));
    let events = BufReader::new(std::fs::File::open(&arguments[2]).expect("EVENTS"));
    let mut out = BufWriter::new(std::io::stdout());
    let mut count = 0u64;
    let start = std::time::Instant::now();
    for (at, line) in events.lines().enumerate() {
        let Ok(event) = serde_json::from_str::<serde_json::Value>(&line.expect("a line")) else {
            continue;
        };
        let source = LogSource {
            product: part(&event, "product"),
            category: part(&event, "category"),
            service: part(&event, "service"),
            ..LogSource::default()
        };
        let has_source =
            source.product.is_some() || source.category.is_some() || source.service.is_some();
        let seen = JsonEvent::borrow(&event);
        let found = if has_source {
            engine.evaluate_with_logsource(&seen, &source)
        } else {
            engine.evaluate(&seen)
        };
        for result in found {
            let id = result.header.rule_id.unwrap_or_default();
            writeln!(out, "{}\t{id}", at + 1).expect("standard output");
        }
        count += 1;
    }
    eprintln!("{} rules, {count} events, {:.3} s", engine.rule_count(), start.elapsed().as_secs_f64());
}
