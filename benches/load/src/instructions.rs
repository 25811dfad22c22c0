//! What a request costs where no clock is involved: instructions in user space, and system calls.
//!
//! Each server is run twice, with a few and with many requests; what the difference cost is what requests cost, without start
//! and end. One connection by default, so that nothing depends on how requests happen to meet: every request then is a batch
//! of its own, the dearest case for the journal.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::requests::Requests;
use crate::subject::{Subject, configure_offhook, free_address};
use crate::{Settings, client, disk};

const FEW: usize = 2000;

/// Prints both figures for offhook and for the bare server. There is no target: the figures of `benches/README.md` are.
pub(crate) fn instructions(settings: &Settings) -> anyhow::Result<bool> {
    disk::demand_a_disk(&settings.scratch)?;
    let many = FEW + settings.requests;
    println!("{} connection(s), {many} requests less {FEW}", settings.connections.unwrap_or(1));
    for name in ["bare", "offhook"] {
        let [few, many] = [FEW, many].map(|requests| retired(settings, name, requests));
        let each = (many? - few?) / settings.requests as f64;
        if each < 1.0 {
            bail!("{name} did nothing under callgrind; a script around the binary is not followed");
        }
        println!("  {name:<8} {:>9.2} k instructions per request (callgrind, user space)", each / 1e3);
    }
    for name in ["bare", "offhook"] {
        let [few, many] = [FEW, many].map(|requests| system_calls(settings, name, requests));
        let (few, many) = (few?, many?);
        let each = |call: &str, calls: u64| {
            (calls as f64 - few.get(call).copied().unwrap_or(0) as f64) / settings.requests as f64
        };
        let mut calls = many.iter().map(|(call, calls)| (each(call, *calls), call)).collect::<Vec<_>>();
        calls.sort_by(|left, right| right.0.total_cmp(&left.0));
        let total = calls.iter().map(|(each, _)| each).sum::<f64>();
        let names = calls.iter().filter(|(each, _)| *each >= 0.01).map(|(each, call)| format!("{call} {each:.2}"));
        println!("  {name:<8} {total:>9.2} system calls per request: {}", names.collect::<Vec<_>>().join(", "));
    }
    Ok(true)
}

/// All instructions that a server retired in user space for so many requests, its start and end included.
fn retired(settings: &Settings, name: &str, requests: usize) -> anyhow::Result<f64> {
    let output = settings.scratch.join("callgrind.out");
    let file = format!("--callgrind-out-file={}", output.display());
    serve_under(settings, name, requests, &["valgrind", "--tool=callgrind", &file])?;
    let text = std::fs::read_to_string(&output).context("callgrind wrote nothing")?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    let total = total.context("callgrind wrote no total")?.trim().parse()?;
    std::fs::remove_file(output)?;
    Ok(total)
}

/// How often a server made each system call for so many requests, its start and end included.
fn system_calls(settings: &Settings, name: &str, requests: usize) -> anyhow::Result<BTreeMap<String, u64>> {
    let output = settings.scratch.join("strace.out");
    let file = output.display().to_string();
    // -D: the server stays our child, and strace is the stranger. It writes its table after the server's end.
    serve_under(settings, name, requests, &["strace", "-D", "-f", "-c", "-o", &file])?;
    let started = Instant::now();
    loop {
        let text = std::fs::read_to_string(&output).unwrap_or_default();
        if text.lines().any(|line| line.ends_with(" total")) {
            std::fs::remove_file(output)?;
            return Ok(text.lines().filter_map(row).filter(|(call, _)| call != "total").collect());
        }
        if started.elapsed() > Duration::from_secs(20) {
            bail!("strace wrote no table:\n{text}");
        }
        sleep(Duration::from_millis(20));
    }
}

/// Of a row of strace's table (share, seconds, per call, calls, errors where there were any, name): the name and the calls.
fn row(line: &str) -> Option<(String, u64)> {
    let fields = line.split_whitespace().collect::<Vec<_>>();
    Some(((*fields.last()?).to_owned(), fields.get(3)?.parse().ok()?))
}

fn serve_under(settings: &Settings, name: &str, requests: usize, tool: &[&str]) -> anyhow::Result<()> {
    let address = free_address()?;
    let home = settings.scratch.join(format!("{name}-{}-{requests}", tool[0]));
    let config = configure_offhook(&home, address, &settings.clock_tolerance)?;
    let (program, arguments) = match name {
        "offhook" => (
            settings.offhook.clone(),
            [Path::new("serve"), Path::new("--config"), &config].map(Path::to_owned).to_vec(),
        ),
        _ => (std::env::current_exe()?.with_file_name(name), vec!["--listen".into(), address.to_string().into()]),
    };
    let mut command = Command::new(tool[0]);
    command.args(&tool[1..]).arg(program).args(arguments);
    let mut subject = Subject::start(command, address, home.join("log"))?;
    let mut made = Requests::make(0, requests);
    let run = client::run(address, &mut made, settings.connections.unwrap_or(1), Duration::from_secs(1200))?;
    if run.wrong > 0 || run.right != requests as u64 {
        bail!("{name}: {} of {requests} answers were right; first wrong: {:?}", run.right, run.first_wrong);
    }
    let status = subject.stop()?;
    if !status.success() {
        bail!("{name} under {} ended with {status}", tool[0]);
    }
    std::fs::remove_dir_all(home)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_table_is_read_with_errors_and_without() {
        assert_eq!(row(" 99.66    2.071352          57     36002           futex"), Some(("futex".to_owned(), 36002)));
        assert_eq!(
            row("  0.20    0.004104           2      2003      2001 recvfrom"),
            Some(("recvfrom".to_owned(), 2003))
        );
        assert_eq!(row("------ ----------- ----------- --------- --------- ----------------"), None);
    }
}
