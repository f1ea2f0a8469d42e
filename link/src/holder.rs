//! Who has a port that was wanted: what the kernel tells in `/proc`, as far as this user may read it.

use std::net::SocketAddr;
use std::path::Path;

/// `, which process 12 (weir) has`, if the port is taken and that can be told; else nothing.
pub fn holder(protocol: &str, address: SocketAddr, error: &std::io::Error) -> String {
    if error.kind() != std::io::ErrorKind::AddrInUse {
        return String::new();
    }
    let tables = [format!("/proc/net/{protocol}"), format!("/proc/net/{protocol}6")];
    let inodes = tables.iter().filter_map(|table| std::fs::read_to_string(table).ok());
    let inodes: Vec<String> = inodes.flat_map(|table| bound(&table, protocol, address.port())).collect();
    match owner(&inodes) {
        Some((process, name)) => format!(", which process {process} ({name}) has"),
        None => ", which a process of another user has".to_owned(),
    }
}

/// Inodes of the sockets in a table of the kernel's that are bound to this port, and listen if they are TCP's.
fn bound(table: &str, protocol: &str, port: u16) -> Vec<String> {
    let port = format!("{port:04X}");
    let bound = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let is_bound = local.ends_with(&format!(":{port}")) && (protocol != "tcp" || *state == LISTENS);
        is_bound.then(|| (*inode).to_owned())
    });
    bound.collect()
}

/// The state of a listening TCP socket.
const LISTENS: &str = "0A";

/// The process that has one of these sockets open, and its name.
fn owner(inodes: &[String]) -> Option<(String, String)> {
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let has = |process: &Path| {
        let open = std::fs::read_dir(process.join("fd")).ok()?;
        let mut targets = open.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
        targets.any(|target| links.iter().any(|link| target.as_os_str() == link.as_str())).then_some(())
    };
    // Beside processes there are `self` and `thread-self`, which are this one by another name.
    let is_process = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    let processes = std::fs::read_dir("/proc").ok()?.flatten().filter(|entry| is_process(&entry.file_name()));
    let found = processes.map(|entry| entry.path()).find(|path| path.join("comm").exists() && has(path).is_some())?;
    let name = std::fs::read_to_string(found.join("comm")).unwrap_or_default();
    Some((found.file_name()?.to_string_lossy().into_owned(), name.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_names_its_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let error = std::net::TcpListener::bind(address).unwrap_err();
        let told = holder("tcp", address, &error);
        assert!(told.starts_with(&format!(", which process {} (", std::process::id())), "{told}");
        assert_eq!(holder("tcp", address, &std::io::Error::other("x")), "");
    }
}
