//! HardLight beside what users would take instead, on the same work: see the README.

mod client;
mod compare;
mod dialogue;
mod load;
mod machine;
mod measure;
mod proxy;
mod report;
mod results;
mod run;
mod server;
mod stats;
mod systems;
mod targets;
mod work;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    load::{Load, Order},
    results::{Error, Results, Settings},
    run::Plan,
    systems::{Subject, Target},
};

#[derive(Debug, Parser)]
#[command(
    name = "bench",
    about = "HardLight beside what users would take instead, on the same work"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure, print tables, and write them with plots and all figures into a folder
    Run(Run),
    /// Say what loads and systems there are
    List,
    /// Print what has changed from one run to another
    Compare { before: PathBuf, after: PathBuf },
    /// Print the tables of a run once more, and draw its plots
    Show { results: PathBuf },
    #[command(hide = true)]
    Serve {
        #[arg(value_parser = subject)]
        system: &'static Subject,
    },
    #[command(hide = true)]
    Client(Client),
    #[command(hide = true, name = hardlight_fanout::COMMAND)]
    Fanout { arguments: Vec<String> },
}

#[derive(Debug, Args)]
struct Run {
    /// Loads to run [default: all]
    #[arg(long, value_delimiter = ',', value_parser = load)]
    loads: Vec<&'static Load>,
    /// Systems to measure [default: all]
    #[arg(long, value_delimiter = ',', value_parser = subject)]
    systems: Vec<&'static Subject>,
    /// Rounds, each of all systems on all loads; 9 are needed for intervals of 95 % that leave out a round at either end
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Milliseconds that are measured in each round
    #[arg(long, default_value_t = 1000)]
    measured: u64,
    /// Milliseconds that systems run before
    #[arg(long, default_value_t = 300)]
    warm_up: u64,
    /// Milliseconds that connections are idle before their memory is looked at
    #[arg(long, default_value_t = 500)]
    idle: u64,
    /// One short round of little work, to see that everything works; its figures mean nothing
    #[arg(long, conflicts_with_all = ["rounds", "measured", "warm_up", "idle"])]
    quick: bool,
    /// Folder for results.json, tables.md and plots
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/results"), hide_default_value = true)]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct Client {
    #[arg(value_parser = subject)]
    system: &'static Subject,
    #[arg(value_parser = load)]
    load: &'static Load,
    #[arg(long)]
    warm_up: u64,
    #[arg(long)]
    measured: u64,
    #[arg(long)]
    idle: u64,
    #[arg(long)]
    quick: bool,
    #[arg(long)]
    target: Option<Target>,
}

fn load(name: &str) -> Result<&'static Load, String> {
    let names = || {
        load::ALL
            .iter()
            .map(|load| load.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    load::find(name).ok_or_else(|| format!("there are {}", names()))
}

fn subject(name: &str) -> Result<&'static Subject, String> {
    let names = || {
        systems::ALL
            .iter()
            .map(|subject| subject.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    systems::find(name).ok_or_else(|| format!("there are {}", names()))
}

fn main() -> ExitCode {
    match act(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn act(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Run(run) => return run.act(),
        Command::List => list(),
        Command::Compare { before, after } => {
            print!(
                "{}",
                compare::compare(&Results::read(&before)?, &Results::read(&after)?)
            );
        }
        Command::Show { results } => {
            let folder = results.parent().unwrap_or(Path::new("")).to_owned();
            show(&Results::read(&results)?, &folder)?;
        }
        Command::Serve { system } => (system.serve)(),
        Command::Client(client) => client.act()?,
        Command::Fanout { arguments } => {
            hardlight_fanout::run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Run {
    /// Fails if one of the systems has.
    fn act(self) -> Result<ExitCode, Error> {
        fs::create_dir_all(&self.out)?;
        let path = self.out.join("results.json");
        let results = self.plan().run(|results| results.write(&path))?;
        show(&results, &self.out)?;
        let failed = results.cells.iter().any(|cell| cell.rounds.contains(&None));
        Ok(if failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    fn plan(&self) -> Plan {
        let (rounds, warm_up_ms, measured_ms, idle_ms) = if self.quick {
            (1, 20, 100, 50)
        } else {
            (self.rounds.into(), self.warm_up, self.measured, self.idle)
        };
        Plan {
            loads: or_all(&self.loads, load::ALL),
            systems: or_all(&self.systems, systems::ALL),
            settings: Settings {
                rounds,
                warm_up_ms,
                measured_ms,
                idle_ms,
                quick: self.quick,
                workers: systems::WORKERS.to_owned(),
            },
        }
    }
}

fn or_all<T>(some: &[&'static T], all: &'static [T]) -> Vec<&'static T> {
    if some.is_empty() {
        all.iter().collect()
    } else {
        some.to_vec()
    }
}

fn show(results: &Results, folder: &Path) -> Result<(), Error> {
    let tables = report::tables(results);
    print!("{tables}");
    fs::write(folder.join("tables.md"), tables)?;
    report::plots(results, folder)
}

fn list() {
    println!("loads:");
    for load in load::ALL {
        println!("  {:<24} {}", load.name, load.about);
    }
    println!("systems:");
    for subject in systems::ALL {
        println!("  {:<24} {}", subject.name, subject.about);
    }
}

impl Client {
    fn act(self) -> Result<(), Error> {
        let order = Order {
            kind: self.load.kind(self.quick),
            warm_up: Duration::from_millis(self.warm_up),
            measured: Duration::from_millis(self.measured),
            idle: Duration::from_millis(self.idle),
        };
        let sample = (self.system.measure)(&order, self.target);
        dialogue::say(&serde_json::to_string(&sample)?);
        Ok(())
    }
}
