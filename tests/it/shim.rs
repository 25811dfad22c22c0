//! The layer below the database that loses what was never synced, slows syncs, counts them and breaks them.
//!
//! What it promises is written at the head of `tests/shim/unsynced.c`; this file compiles it, puts it under a process, and
//! shows with the bundled SQLite that it loses what it should and keeps what it should. It knows nothing of offhook.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test that called it")]

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// The compiled library; `None`, said aloud, where no C compiler is. Under `CI` that is a failure.
fn unsynced() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| compile("unsynced")).clone()
}

/// The same with the clock in it.
fn clock() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| compile("clock")).clone()
}

fn compile(name: &str) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/shim/{name}.c"));
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.so"));
    // Moved into place when it is whole: tests of other binaries may be loading it now.
    let fresh = library.with_extension(std::process::id().to_string());
    let arguments = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"];
    match Command::new("cc").args(arguments).arg(&fresh).arg(&source).args(["-ldl", "-pthread"]).output() {
        Ok(output) if output.status.success() => {
            std::fs::rename(&fresh, &library).unwrap();
            Some(library)
        }
        Ok(output) => panic!("{} does not compile: {}", source.display(), String::from_utf8_lossy(&output.stderr)),
        Err(error) if std::env::var_os("CI").is_some() => panic!("no C compiler, and CI may not skip: {error}"),
        Err(error) => {
            // Past the harness's capture, so that it is seen in a run that passes.
            let mut aloud = std::io::stderr();
            writeln!(aloud, "SKIPPED: no C compiler ({error}): nothing is proven about faults of the disk").unwrap();
            None
        }
    }
}

/// What the library shall do to one process.
#[derive(Debug, Clone)]
pub(crate) struct Shim {
    variables: Vec<(&'static str, OsString)>,
}

impl Shim {
    /// Watches everything below `directory`, which is made by then or whose parent is. `None`, said aloud, where no C
    /// compiler is; under `CI` that is a failure.
    pub(crate) fn over(directory: &Path) -> Option<Self> {
        let preload = ("LD_PRELOAD", unsynced()?.into_os_string());
        Some(Self { variables: vec![preload, ("OFFHOOK_SHIM_DIR", directory.into())] })
    }

    /// Keeps in `survivors` (absent or empty) what a power cut at any moment would have left of the directory.
    pub(crate) fn survivors(self, survivors: &Path) -> Self {
        self.with("OFFHOOK_SHIM_DURABLE", survivors)
    }

    /// Adds `delay` to each sync.
    pub(crate) fn delay(self, delay: Duration) -> Self {
        self.with("OFFHOOK_SHIM_DELAY_US", delay.as_micros().to_string())
    }

    /// Counts syncs into `file`; [`Counts::read`] reads it, also while the process runs and after it was killed.
    pub(crate) fn count(self, file: &Path) -> Self {
        self.with("OFFHOOK_SHIM_COUNT", file)
    }

    /// Every sync after the first `syncs` fails with EIO.
    pub(crate) fn fail_after(self, syncs: u64) -> Self {
        self.with("OFFHOOK_SHIM_FAIL_AFTER", syncs.to_string())
    }

    /// While `file` exists every sync fails with EIO.
    pub(crate) fn fail_while(self, file: &Path) -> Self {
        self.with("OFFHOOK_SHIM_FAIL_FILE", file)
    }

    /// While `file` exists every sync says that it worked and keeps nothing, as if nobody had asked for one.
    pub(crate) fn lie_while(self, file: &Path) -> Self {
        self.with("OFFHOOK_SHIM_LIE_FILE", file)
    }

    /// While `file` exists every sync says that it worked, and what it covers is kept by the next one only, as if somebody
    /// had answered before the sync was through.
    pub(crate) fn late_while(self, file: &Path) -> Self {
        self.with("OFFHOOK_SHIM_LATE_FILE", file)
    }

    /// The time of day is set forward by the seconds in `file`, a native `i64`, also while the process runs.
    pub(crate) fn clock(mut self, file: &Path) -> Self {
        if let (Some(library), Some((_, preload))) = (clock(), self.variables.first_mut()) {
            preload.push(":");
            preload.push(library);
        }
        self.with("OFFHOOK_CLOCK", file)
    }

    /// While `file` exists no sync returns.
    pub(crate) fn stall_while(self, file: &Path) -> Self {
        self.with("OFFHOOK_SHIM_STALL_FILE", file)
    }

    /// While `file` exists every write below the directory fails with ENOSPC.
    pub(crate) fn full_while(self, file: &Path) -> Self {
        self.with("OFFHOOK_SHIM_FULL_FILE", file)
    }

    /// Puts it under `command`, which must be the process itself and not a shell around it.
    pub(crate) fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.variables.iter().cloned())
    }

    fn with(mut self, variable: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((variable, value.into()));
        self
    }
}

/// How many syncs were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Of files.
    pub(crate) files: u64,
    /// Of files named `*-wal`, which are among `files`.
    pub(crate) wal: u64,
    /// Of directories.
    pub(crate) directories: u64,
    /// Those that failed on purpose, which are among `files` and `directories`.
    pub(crate) failed: u64,
}

impl Counts {
    /// Reads the count file.
    pub(crate) fn read(file: &Path) -> std::io::Result<Self> {
        let bytes = std::fs::read(file)?;
        let at = |index: usize| {
            let number = bytes.get(index * 8..index * 8 + 8).ok_or(std::io::ErrorKind::UnexpectedEof)?;
            Ok::<_, std::io::Error>(u64::from_ne_bytes(number.try_into().unwrap_or_default()))
        };
        Ok(Self { files: at(0)?, wal: at(1)?, directories: at(2)?, failed: at(3)? })
    }
}

/// The process that is killed: commits numbered rows for ever and prints each number once its commit has returned.
///
/// An error is printed in place of a number, and then it goes on. Inert unless another test starts it.
#[test]
#[ignore = "started by the tests below, as the process to be killed"]
fn the_process_to_be_killed() {
    let Some(directory) = std::env::var_os("GUINEA_PIG_DIR") else { return };
    let synchronous = std::env::var_os("GUINEA_PIG_SYNCHRONOUS").unwrap_or_default();
    let database = rusqlite::Connection::open(Path::new(&directory).join("rows.db")).unwrap();
    database.pragma_update(None, "journal_mode", "WAL").unwrap();
    database.pragma_update(None, "synchronous", synchronous.to_str()).unwrap();
    database.pragma_update(None, "wal_autocheckpoint", 40).unwrap();
    database.execute_batch("CREATE TABLE rows (number INTEGER PRIMARY KEY, bytes BLOB)").unwrap();
    let mut said = std::io::stdout();
    for number in 1_i64.. {
        match database.execute("INSERT INTO rows VALUES (?1, randomblob(700))", [number]) {
            Ok(_) => writeln!(said, "\ncommitted {number}").unwrap(),
            Err(error) => writeln!(said, "\nrefused {number}: {error}").unwrap(),
        }
    }
}

struct GuineaPig {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl GuineaPig {
    fn start(shim: &Shim, directory: &Path, synchronous: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let which = concat!(module_path!(), "::the_process_to_be_killed").split_once("::").map_or("", |(_, rest)| rest);
        command.args(["--ignored", "--exact", "--nocapture", which]).stdout(Stdio::piped());
        command.env("GUINEA_PIG_DIR", directory).env("GUINEA_PIG_SYNCHRONOUS", synchronous);
        let mut process = shim.apply(&mut command).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next line that tells of a row: its number, and whether it was committed.
    fn next(&mut self) -> (bool, i64) {
        loop {
            let line = self.lines.next().expect("the process ended by itself").unwrap();
            let words = line.split([' ', ':']).collect::<Vec<_>>();
            match words[..] {
                ["committed", number] => return (true, number.parse().unwrap()),
                ["refused", number, ..] => return (false, number.parse().unwrap()),
                _ => {}
            }
        }
    }

    /// Lets it commit `rows` more rows and kills it; the numbers of all that it said it had committed, the last words too.
    fn kill_after(mut self, rows: usize) -> Vec<i64> {
        let mut committed = Vec::new();
        while committed.len() < rows {
            let (true, number) = self.next() else { panic!("a row was refused") };
            committed.push(number);
        }
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let last_words = self
            .lines
            .by_ref()
            .map_while(Result::ok)
            .filter_map(|line| Some(line.strip_prefix("committed ")?.to_owned()));
        committed.extend(last_words.filter_map(|number| number.parse::<i64>().ok()));
        committed
    }
}

/// The numbers that a database holds, in order; empty where there is not even a table.
fn rows(directory: &Path) -> Vec<i64> {
    let database = rusqlite::Connection::open(directory.join("rows.db")).unwrap();
    let Ok(mut statement) = database.prepare("SELECT number FROM rows ORDER BY number") else { return Vec::new() };
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// What was said to be committed, and what was there after the power cut.
fn cut_the_power(synchronous: &str) -> Option<(Vec<i64>, Vec<i64>)> {
    let scratch = tempfile::tempdir().unwrap();
    let (directory, survivors) = (scratch.path().join("real"), scratch.path().join("survivors"));
    std::fs::create_dir(&directory).unwrap();
    let shim = Shim::over(&directory)?.survivors(&survivors);
    let committed = GuineaPig::start(&shim, &directory, synchronous).kill_after(300);
    assert!(rows(&directory).len() >= committed.len(), "kill -9 alone lost rows, which it cannot");
    Some((committed, rows(&survivors)))
}

#[test]
fn what_was_synced_survives_the_power_cut() {
    let Some((committed, survived)) = cut_the_power("FULL") else { return };
    // A row may be durable though its "committed" was not printed any more, never the other way round.
    assert_eq!(committed, survived[..committed.len()], "a committed row was lost");
    assert!(survived.len() <= committed.len() + 1, "{} rows of {} committed ones", survived.len(), committed.len());
}

#[test]
fn what_was_not_synced_is_lost_in_the_power_cut() {
    let Some((committed, survived)) = cut_the_power("OFF") else { return };
    assert!(survived.len() < committed.len(), "all {} rows survived though nothing was ever synced", committed.len());
}

#[test]
fn syncs_are_counted_and_delayed() {
    let scratch = tempfile::tempdir().unwrap();
    let (counts, delay) = (scratch.path().join("counts"), Duration::from_millis(2));
    let Some(shim) = Shim::over(scratch.path()) else { return };
    let started = std::time::Instant::now();
    let committed = GuineaPig::start(&shim.count(&counts).delay(delay), scratch.path(), "FULL").kill_after(50);
    let (took, counts) = (started.elapsed(), Counts::read(&counts).unwrap());
    assert!(counts.wal >= committed.len() as u64, "{counts:?} for {} commits", committed.len());
    assert!(counts.files >= counts.wal && counts.directories >= 1 && counts.failed == 0, "{counts:?}");
    assert!(took >= delay * 50, "50 commits took {took:?}");
}

#[test]
fn a_disk_that_fails_or_is_full_refuses_until_it_recovers() {
    for fault in ["fails", "full"] {
        let scratch = tempfile::tempdir().unwrap();
        let (directory, switch) = (scratch.path().join("real"), scratch.path().join(fault));
        std::fs::create_dir(&directory).unwrap();
        let Some(shim) = Shim::over(&directory) else { return };
        let shim = shim.survivors(&scratch.path().join("survivors"));
        let shim = if fault == "full" { shim.full_while(&switch) } else { shim.fail_while(&switch) };
        let mut pig = GuineaPig::start(&shim, &directory, "FULL");
        assert!(pig.next().0, "{fault}: the first row was refused");
        std::fs::write(&switch, "").unwrap();
        while pig.next().0 {}
        std::fs::remove_file(&switch).unwrap();
        let first = loop {
            if let (true, number) = pig.next() {
                break number;
            }
        };
        let committed = pig.kill_after(50);
        let survived = rows(&scratch.path().join("survivors"));
        assert!(survived.contains(&first), "{fault}: row {first} was committed after the recovery and lost");
        assert!(committed.iter().all(|number| survived.contains(number)), "{fault}: {committed:?} of {survived:?}");
    }
}

#[test]
fn syncs_fail_from_a_given_one_on() {
    let scratch = tempfile::tempdir().unwrap();
    let counts = scratch.path().join("counts");
    let Some(shim) = Shim::over(scratch.path()) else { return };
    let mut pig = GuineaPig::start(&shim.fail_after(25).count(&counts), scratch.path(), "FULL");
    let committed = std::iter::from_fn(|| pig.next().0.then_some(())).count();
    assert!((1..=25).contains(&committed), "{committed} rows with 25 syncs");
    pig.kill_after(0);
    assert!(Counts::read(&counts).unwrap().failed >= 1);
}
