//! What a request costs: with these layers, without, and with what would be written instead.
//!
//! `bench/README.md` says what the rows are and how to read them.

mod allocations;
mod arguments;
mod by_hand;
mod harness;
mod no_op;
mod ours;
pub mod sections;
mod targets;
mod users;

use std::process::ExitCode;

use tokio::runtime::{self, Runtime};

pub use self::allocations::live_bytes;
use self::arguments::{Arguments, USAGE};
pub use self::harness::{Contender, MakeRequest, Section};
pub use self::no_op::NoOp;
pub use self::sections::{NamedSection, SECTIONS, request};

/// Measures what the command line asks for, out of `sections`.
pub fn run(sections: &[NamedSection]) -> ExitCode {
    let arguments = Arguments::parse(std::env::args().skip(1));
    match arguments.and_then(|arguments| run_with(&arguments, sections)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn run_with(arguments: &Arguments, sections: &[NamedSection]) -> Result<(), String> {
    let known = |name: &String| {
        sections
            .iter()
            .any(|(section, _)| section.starts_with(name.as_str()))
    };
    if !arguments.sections.iter().all(known) {
        let names: Vec<_> = sections.iter().map(|(name, _)| *name).collect();
        return Err(format!("sections: {}\n\n{USAGE}", names.join(", ")));
    }
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    // For layers that start a task when they are made.
    let _context = runtime.enter();
    let mut sections: Vec<Section> = sections
        .iter()
        .filter(|(name, _)| arguments.selects(name))
        .map(|(_, section)| section(&runtime))
        .collect();

    if arguments.list {
        for section in &sections {
            println!("{}", section.title);
            for contender in &section.contenders {
                println!("  {}", contender.name);
            }
        }
        Ok(())
    } else if let Some(row) = &arguments.alone {
        serve_alone(&runtime, &mut sections, row, arguments.requests)
    } else {
        measure(&runtime, &mut sections, arguments)
    }
}

fn measure(
    runtime: &Runtime,
    sections: &mut [Section],
    arguments: &Arguments,
) -> Result<(), String> {
    if cfg!(debug_assertions) {
        println!("Built without optimisation: the times mean nothing. Use `--release`.");
    }
    let mut all = Vec::new();
    for section in sections {
        let rows = section.measure(runtime, arguments.time)?;
        harness::print(section.title, &rows);
        all.push((section.title, rows));
    }
    if targets::print(&all) {
        Ok(())
    } else {
        Err("too many allocations".to_owned())
    }
}

fn serve_alone(
    runtime: &Runtime,
    sections: &mut [Section],
    row: &str,
    requests: usize,
) -> Result<(), String> {
    let served = sections
        .iter_mut()
        .any(|section| section.serve_alone(runtime, row, requests));
    if served {
        Ok(())
    } else {
        Err(format!("no row `{row}`: see --list"))
    }
}
