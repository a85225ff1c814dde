//! Addresses of the client and the peer port, from either vocabulary (cluster-and-config 6.3 and 12).

use super::super::address::{
    AddressProblem, ListenAddress, ListenHost, advertised_url, classic_address, classic_bind,
    listen_url,
};
use super::super::catalogue::{
    ADDR, ADVERTISE_CLIENT_URLS, BIND_ADDR, DISCOVERY, Flag, INITIAL_ADVERTISE_PEER_URLS,
    LISTEN_CLIENT_HTTP_URLS, LISTEN_CLIENT_URLS, LISTEN_METRICS_URLS, LISTEN_PEER_URLS, PEER_ADDR,
    PEER_BIND_ADDR,
};
use super::super::error::ConfigError;
use super::super::node::Vocabulary;
use super::super::settings::Settings;

/// Addresses of one port.
pub(super) struct PortAddresses {
    /// Sorted, none twice.
    pub(super) listen: Vec<ListenAddress>,
    /// Sorted, none twice.
    pub(super) advertise: Vec<String>,
}

/// The four options that describe one port.
struct Port {
    listen: &'static Flag,
    advertise: &'static Flag,
    addr: &'static Flag,
    bind: &'static Flag,
}

/// Addresses of the client port.
pub(super) fn client(
    settings: &Settings,
    vocabulary: Vocabulary,
) -> Result<PortAddresses, ConfigError> {
    let advertised = settings
        .filled(&ADVERTISE_CLIENT_URLS)
        .or_else(|| settings.filled(&ADDR))
        .is_some();
    // A node that may turn into a proxy need not say how clients reach it.
    let maybe_proxy = settings.filled(&DISCOVERY).is_some();
    if settings.filled(&LISTEN_CLIENT_URLS).is_some() && !advertised && !maybe_proxy {
        return Err(ConfigError::AdvertiseRequired);
    }
    let port = Port {
        listen: &LISTEN_CLIENT_URLS,
        advertise: &ADVERTISE_CLIENT_URLS,
        addr: &ADDR,
        bind: &BIND_ADDR,
    };
    let mut endpoint = endpoint(settings, vocabulary, &port)?;
    endpoint.listen.extend(each(
        settings,
        &LISTEN_CLIENT_HTTP_URLS,
        &settings.list(&LISTEN_CLIENT_HTTP_URLS),
        listen_url,
    )?);
    endpoint.listen.sort();
    endpoint.listen.dedup();
    Ok(endpoint)
}

/// Addresses of the peer port.
pub(super) fn peer(
    settings: &Settings,
    vocabulary: Vocabulary,
) -> Result<PortAddresses, ConfigError> {
    let port = Port {
        listen: &LISTEN_PEER_URLS,
        advertise: &INITIAL_ADVERTISE_PEER_URLS,
        addr: &PEER_ADDR,
        bind: &PEER_BIND_ADDR,
    };
    endpoint(settings, vocabulary, &port)
}

/// Further addresses for metrics.
pub(super) fn metrics(settings: &Settings) -> Result<Vec<ListenAddress>, ConfigError> {
    each(
        settings,
        &LISTEN_METRICS_URLS,
        &settings.list(&LISTEN_METRICS_URLS),
        listen_url,
    )
}

fn endpoint(
    settings: &Settings,
    vocabulary: Vocabulary,
    port: &Port,
) -> Result<PortAddresses, ConfigError> {
    let classic = settings.text(port.addr).unwrap_or_default();
    let (classic_url, classic_port) = classic_address(&classic)
        .map_err(|problem| refuse(settings, port.addr, &classic, problem))?;
    // A URL option given empty (an unset shell variable, mostly) counts as given and is refused below, not replaced by
    // its default: the node would listen where nobody asked it to.
    let by_urls = settings.given(port.advertise).is_some();
    let by_addr = settings.given(port.addr).is_some() || vocabulary == Vocabulary::Classic;
    let advertise = if by_addr && !by_urls {
        vec![classic_url]
    } else {
        urls(settings, port.advertise, advertised_url)?
    };
    let listen = if settings.given(port.listen).is_some() {
        urls(settings, port.listen, listen_url)?
    } else {
        match classic_listen(settings, vocabulary, port, classic_port)? {
            Some(address) => vec![address],
            None => urls(settings, port.listen, listen_url)?,
        }
    };
    Ok(PortAddresses { listen, advertise })
}

/// Where 0.4's options say to listen, if any of them says so.
fn classic_listen(
    settings: &Settings,
    vocabulary: Vocabulary,
    port: &Port,
    classic_port: u16,
) -> Result<Option<ListenAddress>, ConfigError> {
    if let Some(bind) = settings.text(port.bind) {
        return classic_bind(&bind, classic_port)
            .map(Some)
            .map_err(|problem| refuse(settings, port.bind, &bind, problem));
    }
    // With -addr alone 0.4 bound every interface, whatever its documents said.
    let host = match vocabulary {
        _ if settings.given(port.addr).is_some() => ListenHost::All,
        Vocabulary::Classic => ListenHost::Localhost,
        Vocabulary::Modern => return Ok(None),
    };
    Ok(Some(ListenAddress {
        host,
        port: classic_port,
    }))
}

/// The checked URLs given, else the default's. An option given without any URL is an error, not its default.
fn urls<T: Ord>(
    settings: &Settings,
    flag: &'static Flag,
    read: fn(&str) -> Result<T, AddressProblem>,
) -> Result<Vec<T>, ConfigError> {
    let texts = settings.list(flag);
    if texts.is_empty() {
        return Err(refuse(settings, flag, "", AddressProblem::Missing));
    }
    each(settings, flag, &texts, read)
}

fn each<T: Ord>(
    settings: &Settings,
    flag: &'static Flag,
    texts: &[String],
    read: fn(&str) -> Result<T, AddressProblem>,
) -> Result<Vec<T>, ConfigError> {
    let mut addresses = texts
        .iter()
        .map(|text| read(text).map_err(|problem| refuse(settings, flag, text, problem)))
        .collect::<Result<Vec<T>, ConfigError>>()?;
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}

fn refuse(settings: &Settings, flag: &Flag, text: &str, problem: AddressProblem) -> ConfigError {
    ConfigError::Address {
        origin: settings.origin_of(flag),
        text: without_password(text),
        problem,
    }
}

/// The error goes to logs that more people read than know it.
fn without_password(text: &str) -> String {
    let Some((before, host)) = text.rsplit_once('@') else {
        return text.to_owned();
    };
    let user = before.find("//").map_or(0, |at| at + 2);
    match before[user..].split_once(':') {
        Some((name, _)) => format!("{}{name}:***@{host}", &before[..user]),
        None => text.to_owned(),
    }
}

/// Refuses a port that both sides would need: binding would fail later with a text that names neither option.
pub(super) fn check_clash(client: &PortAddresses, peer: &PortAddresses) -> Result<(), ConfigError> {
    match client
        .listen
        .iter()
        .find(|address| peer.listen.iter().any(|other| other.clashes(address)))
    {
        Some(address) => Err(ConfigError::ListenClash(address.to_string())),
        None => Ok(()),
    }
}

/// Notes advertised URLs that cannot work as written: the wildcard address, and https without anything that speaks it.
pub(super) fn note_unreachable(
    settings: &mut Settings,
    client: &PortAddresses,
    peer: &PortAddresses,
) {
    for url in client.advertise.iter().chain(&peer.advertise) {
        if url.contains("//0.0.0.0:") || url.contains("//[::]:") {
            settings.notice(format!(
                "{url} is given out as an address, and no other machine can connect to it"
            ));
        }
        if url.starts_with("https:") {
            settings.notice(format!(
                "{url} is given out as an address: this release does not speak TLS, so a proxy in front of it must"
            ));
        }
    }
}
