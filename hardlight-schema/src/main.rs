//! The program `hardlight-schema`: shows exports of services, and compares them.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use hardlight_schema::{Change, Schema, compare};

const EXPORTING: &str = "\
A program exports its service with the feature `schema` of the crate `hardlight`:

    hardlight::schema::to_json(counter::schema())

Keep one export for each release whose clients are still in use, and check the
present one against each in CI:

    hardlight-schema check schemas/1.4.json schemas/current.json";

const CHECKING: &str = "\
What breaks, for a client of OLD at a server of NEW:

  methods       gone, of other types, or needing a feature that they did not
  events        the same
  state fields  the same; also another name at the same index. With another type
                or name the client refuses to connect
  the service   another revision of the protocol

What is added breaks nothing, and the order of methods and events means nothing.
Swap the two files for a newer client at an older server.

Exit code: 0 if nothing breaks, 1 if something does, 2 if a file cannot be read
or is no schema.";

/// Shows the schemas of HardLight services, and finds what breaks older clients
#[derive(Parser)]
#[command(version, after_help = EXPORTING)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints every change from OLD to NEW, and fails if one breaks clients of OLD
    #[command(after_help = CHECKING)]
    Check {
        /// The schema that clients in use were built with: a file, or - for standard input
        old: PathBuf,
        /// The schema of the server that they are to work with: a file, or - for standard input
        new: PathBuf,
    },
    /// Prints a schema for people to read
    Show {
        /// The schema: a file, or - for standard input
        file: PathBuf,
    },
    /// Prints declarations for TypeScript, of the module that is made of the service for JavaScript
    Typescript {
        /// The schema: a file, or - for standard input
        file: PathBuf,
    },
}

/// What is printed, and whether something breaks.
struct Report {
    text: String,
    breaks: bool,
}

fn main() -> ExitCode {
    let report = match Args::parse().command {
        Command::Check { old, new } => check(&old, &new),
        Command::Show { file } => {
            read(&file).map(|schema| Report { text: format!("{schema}\n"), breaks: false })
        }
        Command::Typescript { file } => typescript(&file),
    };
    match report.and_then(|report| print(&report.text).map(|()| report.breaks)) {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn typescript(file: &Path) -> Result<Report, String> {
    let declarations = read(file)?.to_typescript();
    let malformed = |error| format!("{} cannot be declared: {error}", named(file));
    declarations.map_err(malformed).map(|text| Report { text, breaks: false })
}

fn check(old: &Path, new: &Path) -> Result<Report, String> {
    if is_stdin(old) && is_stdin(new) {
        return Err("standard input is one schema only".to_owned());
    }
    let changes = compare(&read(old)?, &read(new)?);
    let (breaking, harmless): (Vec<_>, Vec<_>) = changes.iter().partition(|c| c.is_breaking());
    let mut text = String::new();
    list(&mut text, "breaking", &breaking);
    list(&mut text, "harmless", &harmless);
    text.push_str(&match (breaking.len(), harmless.len()) {
        (0, 0) => "nothing has changed\n".to_owned(),
        (0, _) => "nothing breaks\n".to_owned(),
        (1, _) => "1 change breaks older clients\n".to_owned(),
        (many, _) => format!("{many} changes break older clients\n"),
    });
    Ok(Report { text, breaks: !breaking.is_empty() })
}

fn list(text: &mut String, heading: &str, changes: &[&Change]) {
    for change in changes {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{heading}: {change}");
    }
}

fn read(path: &Path) -> Result<Schema, String> {
    let json = if is_stdin(path) {
        let mut json = String::new();
        io::stdin().read_to_string(&mut json).map(|_| json)
    } else {
        fs::read_to_string(path)
    };
    let json = json.map_err(|error| format!("{} cannot be read: {error}", named(path)))?;
    Schema::from_json(&json).map_err(|error| format!("{} is no schema: {error}", named(path)))
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn named(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}

/// Whoever reads it may stop early, which is no failure.
fn print(text: &str) -> Result<(), String> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("the report cannot be written: {error}"))
        }
        _ => Ok(()),
    }
}
