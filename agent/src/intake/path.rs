//! Unix sockets at a path: bound with the mode and group asked for, gone when the agent stops.

use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Who may send.
pub(super) struct Access {
    pub mode: u32,
    pub group: Option<String>,
}

/// The file of a bound socket; removed when dropped.
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have been quicker.
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(super) fn bind_datagram(path: &Path, access: &Access) -> Result<(UnixDatagram, SocketFile)> {
    bind(path, access, |path| UnixDatagram::bind(path))
}

pub(super) fn bind_stream(path: &Path, access: &Access) -> Result<(UnixListener, SocketFile)> {
    bind(path, access, |path| UnixListener::bind(path))
}

fn bind<T>(path: &Path, access: &Access, open: impl Fn(&Path) -> std::io::Result<T>) -> Result<(T, SocketFile)> {
    if let Some(folder) = path.parent() {
        make_folder(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let socket = match open(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_left_over(path) => {
            std::fs::remove_file(path).with_context(|| format!("removing {}", path.display()))?;
            open(path)
        }
        opened => opened,
    };
    let socket = socket.with_context(|| format!("listening for statsd at {}", path.display()))?;
    let file = SocketFile(path.to_owned());
    if let Some(group) = &access.group {
        chown(path, None, Some(group_id(group)?)).with_context(|| format!("giving {} to {group}", path.display()))?;
    }
    let mode = std::fs::Permissions::from_mode(access.mode);
    std::fs::set_permissions(path, mode).with_context(|| format!("setting the mode of {}", path.display()))?;
    Ok((socket, file))
}

/// Makes a folder that everybody may enter, and those above it: the socket's own mode says who may send.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    folder.parent().map_or(Ok(()), make_folder)?;
    std::fs::create_dir(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
}

/// Whether nobody listens at a socket's file: its agent was killed.
fn is_left_over(path: &Path) -> bool {
    let refused =
        |outcome: std::io::Result<()>| outcome.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
    let datagram = UnixDatagram::unbound().and_then(|socket| socket.connect(path));
    refused(datagram) || refused(std::os::unix::net::UnixStream::connect(path).map(|_| ()))
}

fn group_id(name: &str) -> Result<u32> {
    let groups = std::fs::read_to_string("/etc/group").context("reading /etc/group")?;
    let id = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    });
    match id {
        Some(id) => Ok(id),
        None => bail!("statsd_socket_group {name:?}: /etc/group has no such group"),
    }
}
