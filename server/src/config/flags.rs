//! The flags of a server, which stand over the file.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::listen::Switched;

#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct UpArgs {
    /// Configuration file
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Folder of keys, queue and store
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Address of the console and the HTTP API
    #[arg(long)]
    pub http: Option<SocketAddr>,
    /// Address for sealed batches
    #[arg(long)]
    pub batch: Option<SocketAddr>,
    /// Address for StatsD, or "off"
    #[arg(long)]
    pub statsd: Option<Switched>,
    /// Address for OTLP over gRPC, or "off"
    #[arg(long)]
    pub otlp_grpc: Option<Switched>,
    /// Folder of the queue, where it is not in the data folder
    #[arg(long)]
    pub queue: Option<PathBuf>,
    /// Name of this gateway's log in the queue; each gateway has its own
    #[arg(long)]
    pub writer: Option<String>,
    /// Group that this sink reads for, where the queue is Kafka's
    #[arg(long)]
    pub group: Option<String>,
    /// Share of the partitions that this sink reads, such as 1/4, where the queue is Kafka's
    #[arg(long)]
    pub share: Option<String>,
    /// Where other processes find this one while it leads alerting, where the queue is Kafka's
    #[arg(long)]
    pub advertise: Option<String>,
    /// File of the fleet keys, where it is not in the data folder
    #[arg(long)]
    pub keys: Option<PathBuf>,
}
