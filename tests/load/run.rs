//! One scenario against one server: start, data, a calm, the load, and what is left of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use super::findings::Findings;
use super::ground::{ANSWERS, Ground};
use super::memory::{self, Part, mib};
use super::others::{Met, Others, READ};
use super::plan::Plan;
use super::process::{self, Figures};
use super::sampler::{MOST_MEMORY, Sampler};
use super::scenario::Scenario;
use super::support::http::Request;
use super::support::server::{self, Kind, Server};
use super::table::Row;

/// Runs it. Whatever happens, there is a row: a server that dies or a client that panics is a complaint in it.
pub(crate) fn run(scenario: &dyn Scenario, kind: Kind, plan: &Plan) -> Row {
    let begun = Instant::now();
    let mut row = Row::new(scenario.name(), scenario.size(), kind);
    let findings = Findings::default();
    let done = catch_unwind(AssertUnwindSafe(|| {
        stages(scenario, plan, &findings, &mut row)
    }));
    let trouble = match done {
        Ok(Ok(())) => None,
        Ok(Err(reason)) => Some(reason),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(text.unwrap_or_else(|| "a panic without a word".to_owned()))
        }
    };
    if let Some(trouble) = trouble {
        // What follows is the end of a log, which was printed already.
        findings.complain(trouble.lines().next().unwrap_or("no word"));
    }
    row.findings = findings;
    row.took = begun.elapsed();
    row
}

fn stages(
    scenario: &dyn Scenario,
    plan: &Plan,
    findings: &Findings,
    row: &mut Row,
) -> Result<(), String> {
    let launch = match row.kind {
        Kind::Ours => scenario.ours(server::ours()),
        Kind::Debian => server::debian(),
    };
    let mut server = launch.start();
    let result = prepared(scenario, plan, &mut server, findings)
        .and_then(|()| measured(scenario, plan, &server, findings, row));
    if server.pid().is_some()
        && let Some(status) = server.poll_exit()
    {
        findings.complain(format!("the server has ended: {status}"));
    }
    if row.kind == Kind::Ours {
        match &result {
            Ok(()) if server.pid().is_some() => scenario.end(&mut server, findings),
            _ => println!("{}", server.log_tail()),
        }
    }
    result
}

fn prepared(
    scenario: &dyn Scenario,
    plan: &Plan,
    server: &mut Server,
    findings: &Findings,
) -> Result<(), String> {
    scenario.prepare(&Ground::new(server, findings, plan))?;
    if scenario.restarts() {
        server.restart();
    }
    Ok(())
}

fn measured(
    scenario: &dyn Scenario,
    plan: &Plan,
    server: &Server,
    findings: &Findings,
    row: &mut Row,
) -> Result<(), String> {
    let mut ground = Ground::new(server, findings, plan);
    ground.server.exchange(&Request::put(
        &format!("/v2/keys{READ}"),
        "value=a+small+one",
    ));
    let pid = ground.pid();
    let begun = process::sockets(pid).ok_or("the server has ended")?;
    let watchers = ground.watchers()?;

    let others = Others::start(ground.addr());
    others.wait_for(ANSWERS, ground.patience);
    row.calm = others.stop();
    complain_for_others("before the load", &row.calm, findings);
    row.before = process::figures(pid).ok_or("the server has ended")?;
    // Now the clients that brought the data have gone for certain, at the first count those of the calm had not come.
    let sockets = process::sockets(pid).map_or(begun, |now| now.min(begun));

    let sampler = Sampler::start(pid);
    let armed = scenario.arm(&ground);
    ground.others = Some(Others::start(ground.addr()));
    let loaded = armed.and_then(|()| scenario.load(&ground));
    row.loaded = ground.others.take().map(Others::stop).unwrap_or_default();
    let left = loaded.and_then(|()| quiet(scenario, plan, &ground, sockets, watchers));
    let seen = sampler.stop();
    row.peak = seen.peak;
    if seen.ended {
        findings.complain(format!("ended when it took {} MiB", mib(MOST_MEMORY)));
    }
    row.after = process::figures(pid).unwrap_or_default();
    complain_for_others("under the load", &row.loaded, findings);
    within(
        "at its peak",
        row.peak,
        row.before,
        &scenario.takes(),
        findings,
    );
    findings.expect(
        row.peak.threads <= row.before.threads + scenario.threads(),
        || {
            let (before, peak) = (row.before.threads, row.peak.threads);
            format!("{peak} threads, {before} before the load")
        },
    );
    left?;
    comes_back(scenario, &ground, row)
}

/// The load has ended: clients and watchers are gone, and the server answers.
fn quiet(
    scenario: &dyn Scenario,
    plan: &Plan,
    ground: &Ground<'_>,
    sockets: u64,
    watchers: u64,
) -> Result<(), String> {
    let pid = ground.pid();
    ground.expect_watchers(watchers, "after the load");
    let gone = ground.until(|| process::sockets(pid).is_none_or(|now| now <= sockets));
    ground.findings.expect(gone, || {
        let now = process::sockets(pid);
        format!("{now:?} sockets after the load, {sockets} before")
    });
    scenario.afterwards(ground)?;
    // Not a wait for anything: what is looked at is what is left after so long.
    thread::sleep(plan.quiet());
    let health = ground.connect()?.exchange(&Request::get("/health"));
    let health = health.map_err(|error| format!("no answer to /health: {error}"))?;
    ground.findings.expect(
        health.status() == 200 && health.text().contains("true"),
        || format!("unhealthy after the load: {}", health.dump()),
    );
    Ok(())
}

fn complain_for_others(when: &str, met: &Met, findings: &Findings) {
    if met.failed > 0 {
        let reasons = met.reasons.join("; ");
        findings.complain(format!(
            "{} requests of others failed {when}: {reasons}",
            met.failed
        ));
    }
}

fn within(when: &str, now: Figures, before: Figures, parts: &[Part], findings: &Findings) {
    let more = now.resident.saturating_sub(before.resident);
    findings.expect(more <= memory::sum(parts), || {
        let bound = memory::show(parts);
        format!("{} MiB more {when}, the limits allow {bound}", mib(more))
    });
}

/// What the row shows is the memory some seconds after the load; what counts is that it comes back at all.
fn comes_back(scenario: &dyn Scenario, ground: &Ground<'_>, row: &Row) -> Result<(), String> {
    const LONGEST: Duration = Duration::from_secs(30);
    const LOOK: Duration = Duration::from_millis(100);
    if !ground.is_ours() {
        return Ok(());
    }
    let keeps = scenario.keeps();
    let most = row.before.resident + memory::sum(&keeps);
    let deadline = Instant::now() + LONGEST.min(ground.patience);
    loop {
        let now = process::figures(ground.pid()).ok_or("the server has ended")?;
        if now.resident <= most {
            return Ok(());
        }
        if Instant::now() > deadline {
            within("after the load", now, row.before, &keeps, ground.findings);
            return Ok(());
        }
        thread::sleep(LOOK);
    }
}
