//! What each command does with the cluster, and how a failure becomes words and an exit status.
//!
//! One file for each family of commands. `session` reaches the cluster, `failure` ends the program, `hint` says what
//! to do next.

mod auth;
mod cluster_health;
mod credential;
mod debug;
mod directory;
mod exec_watch;
mod failure;
mod hint;
mod import;
mod interrupt;
mod member;
mod membership;
mod password;
mod peer_url;
mod read;
mod remove;
mod replace;
mod role;
mod session;
mod user;
mod watch;
mod write;

use std::process::ExitCode;

use crate::completion;
use crate::definition::{CtlCommand, Invocation};
use crate::man;
use crate::output::{Palette, Screen, complain};

use failure::CommandFailure;
use hint::hints;
use session::Session;

/// Runs a command to its end and tells the exit status.
pub(crate) fn run(invocation: Invocation) -> ExitCode {
    let Invocation { global, command } = invocation;
    let screen = Screen::new(Palette::for_stream(global.color, &std::io::stdout()));
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return CommandFailure::text(
                1,
                format!("the asynchronous runtime cannot start: {error}"),
            )
            .end(&[]);
        }
    };
    let mut session = Session::new(global, screen);
    let outcome = runtime.block_on(async {
        dispatch(&mut session, command).await?;
        session.screen.flush().map_err(CommandFailure::from)
    });
    // Connections close with the process; a lookup that hangs in a helper thread must not hold it.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // The failure is what matters now; a closed pipe shows in its own status.
            let _ = session.screen.flush();
            failure.end(&hints(&failure, &session.global))
        }
    }
}

/// Prints a text on each stream and gives the exit status; a reader of standard output that went away has the last word.
pub(crate) fn print(stdout: &str, stderr: &str, code: u8) -> ExitCode {
    let mut screen = Screen::new(Palette::PLAIN);
    let shown = screen.text(stdout).and_then(|()| screen.flush());
    complain(stderr);
    match shown {
        Ok(()) => ExitCode::from(code),
        Err(error) => CommandFailure::from(error).end(&[]),
    }
}

/// A catalogue: one arm for each command, with the words of the command line as the command takes them.
async fn dispatch(session: &mut Session, command: CtlCommand) -> Result<(), CommandFailure> {
    match command {
        CtlCommand::Get { key, sort, read } => read::get(session, &key, sort, read).await,
        CtlCommand::Ls {
            key,
            sort,
            recursive,
            slash,
            tree,
            read,
        } => {
            let shape = read::ListOptions {
                sort,
                recursive,
                slash,
                tree,
            };
            read::ls(session, &key, shape, read).await
        }
        CtlCommand::Set {
            key,
            value,
            ttl,
            swap_with_value,
            swap_with_index,
        } => {
            let condition = write::SwapCondition::new(swap_with_value, swap_with_index);
            write::set(session, &key, value, ttl, condition).await
        }
        CtlCommand::Mk {
            key,
            value,
            in_order,
            ttl,
        } => write::mk(session, &key, value, in_order, ttl).await,
        CtlCommand::Update { key, value, ttl } => write::update(session, &key, value, ttl).await,
        CtlCommand::Mkdir { key, ttl } => directory::mkdir(session, &key, ttl).await,
        CtlCommand::Setdir { key, ttl } => directory::setdir(session, &key, ttl).await,
        CtlCommand::Updatedir { key, ttl } => directory::updatedir(session, &key, ttl).await,
        CtlCommand::Rm {
            key,
            dir,
            recursive,
            with_value,
            with_index,
        } => {
            let condition = write::SwapCondition::new(with_value, with_index);
            remove::rm(session, &key, dir, recursive, condition).await
        }
        CtlCommand::Rmdir { key } => remove::rmdir(session, &key).await,
        CtlCommand::Watch {
            key,
            forever,
            after_index,
            recursive,
            reconnect,
        } => {
            let options = watch::options(recursive, after_index, reconnect);
            watch::watch(session, &key, forever, options).await
        }
        CtlCommand::ExecWatch {
            key,
            after_index,
            recursive,
            reconnect,
            command,
        } => {
            let options = watch::options(recursive, after_index, reconnect);
            exec_watch::exec_watch(session, &key, options, &command).await
        }
        CtlCommand::Member(member) => member::run(session, member).await,
        CtlCommand::ClusterHealth { forever } => cluster_health::run(session, forever).await,
        CtlCommand::User(user) => user::run(session, user).await,
        CtlCommand::Role(role) => role::run(session, role).await,
        CtlCommand::Auth(auth) => auth::run(session, auth).await,
        CtlCommand::Import {
            snap,
            hidden,
            concurrency,
        } => import::run(session, &snap, &hidden, concurrency).await,
        CtlCommand::Completion { shell } => session
            .screen
            .bytes(&completion::script(shell))
            .map_err(CommandFailure::from),
        CtlCommand::Man { directory: None } => session
            .screen
            .text(&man::first().text)
            .map_err(CommandFailure::from),
        CtlCommand::Man {
            directory: Some(directory),
        } => man::write(&directory).map_err(|error| CommandFailure::text(1, error.to_string())),
    }
}
