//! `weir kafka`: topics are made, and looked at.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use weir_files::say;
use weir_queue::kafka::{ClusterConfig, Growth, PartitionStatus, Setup, Shape, grow, plan_growth, setup, status};
use weir_sample::Timestamp;

use crate::clock::{duration, now};
use crate::config::Config;

#[derive(Subcommand)]
pub(crate) enum KafkaCommand {
    /// Make the topics that are not there; run it once before the first gateway
    Setup(SetupArgs),
    /// How far a group of sinks is, partition by partition
    Status(StatusArgs),
    /// More partitions for topics in use: says what is to be done, and does it with --apply
    Grow(GrowArgs),
}

#[derive(Args)]
pub(crate) struct SetupArgs {
    /// Configuration file with `[queue.kafka]`
    #[arg(long)]
    config: PathBuf,
    /// Partitions: as many as there will ever be sinks; more cost brokers and gateways
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    partitions: i32,
    /// Copies of each record on different brokers
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=15))]
    replicas: i32,
    /// How long records are kept: longer than a sink is ever away
    #[arg(long, default_value = "24h", value_parser = duration)]
    retention: Duration,
}

#[derive(Args)]
pub(crate) struct StatusArgs {
    /// Configuration file with `[queue.kafka]`
    #[arg(long)]
    config: PathBuf,
    /// Group of sinks; default: the file's
    #[arg(long)]
    group: Option<String>,
}

#[derive(Args)]
pub(crate) struct GrowArgs {
    /// Configuration file with `[queue.kafka]`
    #[arg(long)]
    config: PathBuf,
    /// Partitions that there are to be: a multiple of what there are
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    partitions: i32,
    /// Do it
    #[arg(long)]
    apply: bool,
}

pub(crate) fn main(command: KafkaCommand) -> Result<()> {
    match command {
        KafkaCommand::Setup(SetupArgs { config, partitions, replicas, retention }) => {
            let (cluster, _) = cluster(&config)?;
            for Setup { topic, is_new, partitions } in setup(&cluster, Shape { partitions, replicas, retention })? {
                say!("{topic}: {}, {partitions} partitions", if is_new { "made" } else { "was there" });
            }
            Ok(())
        }
        KafkaCommand::Grow(GrowArgs { config, partitions, apply }) => {
            let (cluster, _) = cluster(&config)?;
            let growth = plan_growth(&cluster, partitions)?;
            say!("{}", plan(&growth).trim_end());
            if apply {
                grow(&cluster, &growth)?;
                say!("done: now restart sinks, then gateways");
            } else {
                say!("nothing was done: give --apply to do it");
            }
            Ok(())
        }
        KafkaCommand::Status(StatusArgs { config, group }) => {
            let (cluster, usual) = cluster(&config)?;
            let group = group.unwrap_or(usual);
            let partitions = status(&cluster, &group)?;
            say!("{}", table(&partitions, now()).trim_end());
            match partitions.iter().filter(|partition| is_losing(partition)).count() {
                0 => Ok(()),
                lost => bail!("{lost} partitions have forgotten records that group {group} had not read"),
            }
        }
    }
}

fn plan(growth: &Growth) -> String {
    let mut out = String::new();
    for (topic, now) in &growth.topics {
        out += &format!("{topic}: from {now} to {} partitions\n", growth.to);
    }
    for (group, sinks) in &growth.groups {
        let each = growth.to / *sinks as i32;
        out += &format!(
            "group {group}: {sinks} sinks keep their senders, and read {each} partitions each when started again\n"
        );
    }
    out += "order: partitions are made, sinks are restarted one after the other, then gateways. A gateway that starts before the sinks\n\
            fills partitions that these read after their restart: later, not twice\n";
    out
}

fn cluster(path: &std::path::Path) -> Result<(ClusterConfig, String)> {
    let config = Config::read(path)?;
    let kafka = config.queue.kafka.with_context(|| format!("{} has no [queue.kafka]", path.display()))?;
    Ok((kafka.cluster()?, kafka.group))
}

/// Records that were not read are gone.
fn is_losing(partition: &PartitionStatus) -> bool {
    partition.next.is_some_and(|next| next < partition.first)
}

fn table(partitions: &[PartitionStatus], now: Timestamp) -> String {
    let mut out =
        String::from("PARTITION       FIRST        NEXT         END         LAG   BEHIND  EPOCH      OWNER\n");
    for partition in partitions {
        let PartitionStatus { first, end, .. } = partition;
        let text = |number: Option<i64>| number.map_or_else(|| "-".into(), |number| number.to_string());
        let behind = match (partition.next, partition.oldest_unread) {
            (None, _) => "-".into(),
            (_, None) => "0s".into(),
            (_, Some(received)) => format!("{}s", now.since(received).as_secs()),
        };
        let lag = partition.next.map(|next| (end - next).max(0));
        let owner = partition.owner.as_deref().unwrap_or("-");
        let note = if is_losing(partition) { "  LOSES RECORDS" } else { "" };
        out += &format!(
            "{:>9} {first:>11} {:>11} {end:>11} {:>11} {behind:>8}  {:<9}  {owner}{note}\n",
            partition.partition,
            text(partition.next),
            text(lag),
            text(partition.epoch),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_and_what_nobody_reads_is_told() {
        let partition = |next| PartitionStatus {
            partition: 3,
            first: 100,
            end: 250,
            next,
            oldest_unread: next.map(|_| Timestamp::from_secs(1_000)),
            owner: next.map(|_| "host/7/ab".to_owned()),
            epoch: next,
            share: None,
        };
        let all = [partition(None), partition(Some(200)), partition(Some(99))];
        let text = table(&all, Timestamp::from_secs(1_012));
        let lines: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["3", "100", "-", "250", "-", "-", "-", "-"]);
        assert_eq!(lines[1], ["3", "100", "200", "250", "50", "12s", "200", "host/7/ab"]);
        assert_eq!(lines[2][8..], ["LOSES", "RECORDS"]);
    }
}
