//! Members by leases in Redis: each writes its name with the time into one sorted set, and those that did so lately live. The time is
//! Redis' own, so that clocks of collectors do not matter.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use weir_fetch::Secret;

use super::view::{PROBE_EVERY, View, tell};

/// Where the set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leases {
    address: String,
    password: Option<Secret>,
    database: u32,
    /// Its key: collectors with the same one share targets.
    key: String,
}

/// A member whose lease was not renewed for so long is none.
const LEASE_MS: u64 = 5_000;
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of one text of an answer, and texts of one answer.
const MOST_TEXT: usize = 4 << 10;
const MOST_TEXTS: usize = 10_000;

impl Leases {
    /// `redis://[:PASSWORD@]HOST[:PORT][/DATABASE]`, and the name of the group of collectors.
    ///
    /// # Errors
    /// It is no such address, in words.
    pub fn new(url: &str, group: &str) -> Result<Self, String> {
        let fault = || format!("{url:?} is no address such as redis://127.0.0.1:6379/0");
        let rest = url.strip_prefix("redis://").ok_or_else(fault)?;
        let (rest, database) = rest.split_once('/').unwrap_or((rest, ""));
        let database = if database.is_empty() { 0 } else { database.parse().map_err(|_| fault())? };
        let (password, address) = match rest.rsplit_once('@') {
            Some((secret, address)) => (Some(Secret(secret.trim_start_matches(':').to_owned())), address),
            None => (None, rest),
        };
        let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address = if has_port { address.to_owned() } else { format!("{address}:6379") };
        if address.starts_with(':') {
            return Err(fault());
        }
        Ok(Self { address, password, database, key: format!("weir:collectors:{group}") })
    }
}

/// Renews this one's lease and looks at the others', for ever; gives it back when this one leaves.
pub(super) async fn watch_leases(
    me: String,
    leases: Leases,
    leaving: impl AsRef<AtomicBool>,
    view: watch::Sender<Option<View>>,
) {
    let mut connection = None;
    loop {
        let is_leaving = leaving.as_ref().load(Relaxed);
        let looked = timeout(PATIENCE, renewed(&leases, &me, is_leaving, &mut connection)).await;
        let looked = looked.unwrap_or_else(|_| Err(format!("does not answer within {PATIENCE:?}")));
        match looked {
            Ok(mut live) => {
                live.push(me.clone());
                live.sort();
                live.dedup();
                tell(&view, View { me: me.clone(), live, fault: None });
            }
            Err(fault) => {
                connection = None;
                // Who was there still counts; alone from the start, all is asked.
                let before = view.borrow().clone().unwrap_or_else(|| View::alone(me.clone()));
                let fault = format!("Redis at {} {fault}; the members of before stay", leases.address);
                tell(&view, View { fault: Some(fault), ..before });
            }
        }
        tokio::time::sleep(PROBE_EVERY).await;
    }
}

async fn renewed(
    leases: &Leases,
    me: &str,
    is_leaving: bool,
    kept: &mut Option<Connection>,
) -> Result<Vec<String>, String> {
    let connection = match kept.take() {
        Some(connection) => kept.insert(connection),
        None => kept.insert(Connection::open(leases).await?),
    };
    let time = connection.ask(&["TIME"]).await?;
    let [seconds, micros] = &time[..] else { return Err("tells no time".into()) };
    let number = |text: &str| text.parse::<u64>().map_err(|_| "tells no time".to_owned());
    let now = number(seconds)? * 1_000 + number(micros)? / 1_000;
    let (now, over) = (now.to_string(), now.saturating_sub(LEASE_MS).to_string());
    match is_leaving {
        true => connection.ask(&["ZREM", &leases.key, me]).await?,
        false => connection.ask(&["ZADD", &leases.key, &now, me]).await?,
    };
    connection.ask(&["ZREMRANGEBYSCORE", &leases.key, "-inf", &over]).await?;
    connection.ask(&["ZRANGE", &leases.key, "0", "-1"]).await
}

/// A connection that speaks RESP 2.
struct Connection(BufStream<TcpStream>);

impl Connection {
    async fn open(leases: &Leases) -> Result<Self, String> {
        let stream =
            TcpStream::connect(&leases.address).await.map_err(|error| format!("cannot be reached: {error}"))?;
        let _ = stream.set_nodelay(true);
        let mut connection = Self(BufStream::new(stream));
        if let Some(Secret(password)) = &leases.password {
            connection.ask(&["AUTH", password]).await?;
        }
        if leases.database > 0 {
            connection.ask(&["SELECT", &leases.database.to_string()]).await?;
        }
        Ok(connection)
    }

    /// The texts of an answer; a number or a status is one.
    async fn ask(&mut self, words: &[&str]) -> Result<Vec<String>, String> {
        let mut request = format!("*{}\r\n", words.len());
        words.iter().for_each(|word| request.push_str(&format!("${}\r\n{word}\r\n", word.len())));
        self.0.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        self.0.flush().await.map_err(|error| error.to_string())?;
        let head = self.line().await?;
        if let Some(count) = head.strip_prefix('*') {
            let count = count.parse::<usize>().ok().filter(|count| *count <= MOST_TEXTS).ok_or("answers too much")?;
            let mut texts = Vec::new();
            for _ in 0..count {
                let head = self.line().await?;
                texts.push(self.text(&head).await?);
            }
            return Ok(texts);
        }
        self.text(&head).await.map(|text| vec![text])
    }

    async fn text(&mut self, head: &str) -> Result<String, String> {
        match head.split_at_checked(1) {
            Some(("$", length)) => {
                let length =
                    length.parse::<usize>().ok().filter(|length| *length <= MOST_TEXT).ok_or("answers nothing")?;
                let mut bytes = vec![0; length + 2];
                self.0.read_exact(&mut bytes).await.map_err(|error| error.to_string())?;
                bytes.truncate(length);
                String::from_utf8(bytes).map_err(|_| "answers with what is no text".into())
            }
            Some((":" | "+", text)) => Ok(text.to_owned()),
            Some(("-", error)) => Err(format!("refuses: {error}")),
            _ => Err("does not speak as Redis does".into()),
        }
    }

    async fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        let mut limited = (&mut self.0).take(MOST_TEXT as u64);
        limited.read_line(&mut line).await.map_err(|error| error.to_string())?;
        line.strip_suffix("\r\n").map(str::to_owned).ok_or_else(|| "ended the connection".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_redis_are_read() {
        let check = |url: &str, address: &str, password: Option<&str>, database: u32| {
            let leases = Leases::new(url, "g").unwrap();
            assert_eq!(
                (&*leases.address, leases.password, leases.database),
                (address, password.map(|text| Secret(text.into())), database)
            );
        };
        check("redis://db", "db:6379", None, 0);
        check("redis://:sesame@db:7000/3", "db:7000", Some("sesame"), 3);
        check("redis://[::1]:7000", "[::1]:7000", None, 0);
        for url in ["db:6379", "redis://", "redis://db/x", "rediss://db"] {
            assert!(Leases::new(url, "g").is_err(), "{url}");
        }
    }
}
