//! The command line.

use std::time::Duration;

pub(crate) const USAGE: &str = "\
cargo run -p bench --release -- [SECTION]... [OPTION]...

the beginning of a section's name is enough; all of them if none is named

  --quick              a third of a second for each table: shows that it runs, the times say little
  --seconds <SECONDS>  for each table; default 5
  --list               print the names of the rows
  --alone <ROW>        serve with this row of the section named, measure nothing; for a profiler
  --requests <COUNT>   how many requests `--alone` serves; default 100000
";

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) sections: Vec<String>,
    pub(crate) time: Duration,
    pub(crate) list: bool,
    pub(crate) alone: Option<String>,
    pub(crate) requests: usize,
}

impl Arguments {
    /// The error is what to tell the user.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self {
            sections: Vec::new(),
            time: Duration::from_secs(5),
            list: false,
            alone: None,
            requests: 100_000,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => arguments.time = Duration::from_millis(300),
                "--seconds" => {
                    arguments.time = value()?
                        .parse()
                        .ok()
                        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                        .ok_or("--seconds: not a number of seconds")?;
                }
                "--list" => arguments.list = true,
                "--alone" => arguments.alone = Some(value()?),
                "--requests" => {
                    let count = value()?.parse();
                    arguments.requests = count.map_err(|error| format!("--requests: {error}"))?;
                }
                option if option.starts_with('-') => return Err(USAGE.to_owned()),
                _ => arguments.sections.push(word),
            }
        }
        Ok(arguments)
    }

    pub(crate) fn selects(&self, section: &str) -> bool {
        self.sections.is_empty()
            || self
                .sections
                .iter()
                .any(|name| section.starts_with(name.as_str()))
    }
}
