//! Questions to name servers, one after the other.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use weir_discovery::dns::{Answer, Question, Record, Resolver};

const PATIENCE: Duration = Duration::from_secs(2);

/// What the first server that can says of a name: never that it could not. `id` is what nobody else knows beforehand.
///
/// # Errors
/// This cannot be a name, or no server answers.
pub async fn ask_names(resolver: &Resolver, id: [u8; 2], name: &str, record: Record) -> Result<Answer> {
    let Some(question) = Question::new(id, name, record) else {
        return Err(Error::new(ErrorKind::InvalidInput, "this cannot be a name"));
    };
    let mut last = Error::new(ErrorKind::TimedOut, "no name server answers");
    for server in resolver.attempts() {
        match timeout(PATIENCE, ask_one(server, &question)).await {
            Ok(Ok(Answer::Failed | Answer::Truncated)) => {
                last = Error::other(format!("name server {server} could not answer"));
            }
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => last = error,
            Err(_) => {}
        }
    }
    Err(last)
}

async fn ask_one(server: SocketAddr, asked: &Question) -> Result<Answer> {
    let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    // The kernel then passes on only what this server sends to this port.
    socket.connect(server).await?;
    socket.send(asked.bytes()).await?;
    let mut bytes = [0; 1_500];
    loop {
        let size = socket.recv(&mut bytes).await?;
        match asked.answer(&bytes[..size]) {
            // A service of many hosts does not fit a datagram.
            Some(Answer::Truncated) => return ask_by_stream(server, asked).await,
            Some(answer) => return Ok(answer),
            // Not an answer to this question; the right one may be on its way.
            None => {}
        }
    }
}

async fn ask_by_stream(server: SocketAddr, asked: &Question) -> Result<Answer> {
    let mut stream = TcpStream::connect(server).await?;
    let length = asked.bytes().len() as u16;
    stream.write_all(&[&length.to_be_bytes(), asked.bytes()].concat()).await?;
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    asked.answer(&bytes).ok_or_else(|| Error::new(ErrorKind::InvalidData, "a name server's answer is not right"))
}
