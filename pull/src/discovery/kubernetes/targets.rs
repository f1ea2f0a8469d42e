//! Objects made into targets, with Prometheus' labels.

use std::collections::BTreeMap;

use serde_json::Value;
use weir_sample::legal_label_name;

use super::objects::All;
use crate::config::{Group, Role};
use crate::relabel::LabelSet;

/// Labels of a target in the making.
#[derive(Clone, Default)]
struct Meta(LabelSet);

/// All targets of a kind.
pub(super) fn groups(role: Role, all: &All<'_>) -> Vec<Group> {
    let each: fn(&Value, &All<'_>) -> Vec<Group> = match role {
        Role::Node => |node, _| node_targets(node).into_iter().collect(),
        Role::Service => |service, _| service_targets(service),
        Role::Pod => |pod, _| pod_targets(pod),
        Role::Endpoints => endpoints_targets,
        Role::EndpointSlice => slice_targets,
    };
    all.of(role).flat_map(|object| each(object, all)).collect()
}

fn node_targets(node: &Value) -> Option<Group> {
    let mut meta = Meta::default();
    meta.put("node_name", text(&node["metadata"]["name"]));
    meta.put("node_provider_id", text(&node["spec"]["providerID"]));
    meta.object("node", node);
    let addresses: BTreeMap<&str, &str> =
        array(&node["status"]["addresses"]).map(|one| (text(&one["type"]), text(&one["address"]))).rev().collect();
    for (kind, address) in &addresses {
        meta.put(&format!("node_address_{kind}"), address);
    }
    let kinds = ["InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"];
    let host = kinds.into_iter().find_map(|kind| addresses.get(kind))?;
    let port = number(&node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"]);
    meta.0.insert("instance".into(), text(&node["metadata"]["name"]).into());
    Some(meta.at(host, if port.is_empty() { "10250" } else { &port }))
}

fn service_targets(service: &Value) -> Vec<Group> {
    let (mut meta, spec) = (Meta::default(), &service["spec"]);
    let (name, namespace) = (text(&service["metadata"]["name"]), text(&service["metadata"]["namespace"]));
    meta.put("namespace", namespace);
    meta.service(service);
    match text(&spec["type"]) {
        "ExternalName" => meta.put("service_external_name", text(&spec["externalName"])),
        _ => meta.put("service_cluster_ip", text(&spec["clusterIP"])),
    }
    meta.put("service_type", text(&spec["type"]));
    meta.put("service_loadbalancer_ip", text(&spec["loadBalancerIP"]));
    let of_port = |port: &Value| {
        let mut meta = meta.clone();
        let number = number(&port["port"]);
        meta.put("service_port_name", text(&port["name"]));
        meta.put("service_port_number", &number);
        meta.put("service_port_protocol", text(&port["protocol"]));
        meta.at(&format!("{name}.{namespace}.svc"), &number)
    };
    array(&spec["ports"]).map(of_port).collect()
}

fn pod_targets(pod: &Value) -> Vec<Group> {
    let ip = text(&pod["status"]["podIP"]);
    // One that has no address yet is no target yet.
    if ip.is_empty() {
        return Vec::new();
    }
    let mut meta = Meta::default();
    meta.put("namespace", text(&pod["metadata"]["namespace"]));
    meta.pod(pod);
    let mut groups = Vec::new();
    for (place, is_init) in [("initContainers", true), ("containers", false)] {
        for container in array(&pod["spec"][place]) {
            let mut ports: Vec<_> = array(&container["ports"]).map(Some).collect();
            if ports.is_empty() {
                ports.push(None);
            }
            for port in ports {
                let mut meta = meta.clone();
                meta.container(container, port, is_init);
                let port = port.map(|port| number(&port["containerPort"])).unwrap_or_default();
                groups.push(meta.at(ip, &port));
            }
        }
    }
    groups
}

fn endpoints_targets(endpoints: &Value, all: &All<'_>) -> Vec<Group> {
    let (name, namespace) = (text(&endpoints["metadata"]["name"]), text(&endpoints["metadata"]["namespace"]));
    let mut meta = Meta::default();
    meta.put("namespace", namespace);
    meta.put("endpoints_name", name);
    meta.object("endpoints", endpoints);
    if let Some(service) = all.named(Role::Service, namespace, name) {
        meta.service(service);
    }
    let mut groups = Vec::new();
    for subset in array(&endpoints["subsets"]) {
        for (place, ready) in [("addresses", "true"), ("notReadyAddresses", "false")] {
            for (address, port) in
                array(&subset[place]).flat_map(|one| array(&subset["ports"]).map(move |port| (one, port)))
            {
                let mut meta = meta.clone();
                meta.put("endpoint_port_name", text(&port["name"]));
                meta.put("endpoint_port_protocol", text(&port["protocol"]));
                meta.put("endpoint_ready", ready);
                meta.put("endpoint_hostname", text(&address["hostname"]));
                meta.put("endpoint_node_name", text(&address["nodeName"]));
                let port = number(&port["port"]);
                meta.target_ref("endpoint", &address["targetRef"], namespace, &port, all);
                groups.push(meta.at(text(&address["ip"]), &port));
            }
        }
    }
    groups
}

fn slice_targets(slice: &Value, all: &All<'_>) -> Vec<Group> {
    let namespace = text(&slice["metadata"]["namespace"]);
    let mut meta = Meta::default();
    meta.put("namespace", namespace);
    meta.put("endpointslice_name", text(&slice["metadata"]["name"]));
    meta.put("endpointslice_address_type", text(&slice["addressType"]));
    meta.object("endpointslice", slice);
    let service = text(&slice["metadata"]["labels"]["kubernetes.io/service-name"]);
    if let Some(service) = all.named(Role::Service, namespace, service) {
        meta.service(service);
    }
    let mut groups = Vec::new();
    for (endpoint, port) in
        array(&slice["endpoints"]).flat_map(|one| array(&slice["ports"]).map(move |port| (one, port)))
    {
        for address in array(&endpoint["addresses"]) {
            let mut meta = meta.clone();
            let (number, conditions) = (number(&port["port"]), &endpoint["conditions"]);
            meta.put("endpointslice_port", &number);
            meta.put("endpointslice_port_name", text(&port["name"]));
            meta.put("endpointslice_port_protocol", text(&port["protocol"]));
            meta.put("endpointslice_port_app_protocol", text(&port["appProtocol"]));
            for name in ["ready", "serving", "terminating"] {
                if let Some(value) = conditions[name].as_bool() {
                    meta.put(
                        &format!("endpointslice_endpoint_conditions_{name}"),
                        if value { "true" } else { "false" },
                    );
                }
            }
            meta.put("endpointslice_endpoint_hostname", text(&endpoint["hostname"]));
            meta.put("endpointslice_endpoint_node_name", text(&endpoint["nodeName"]));
            meta.put("endpointslice_endpoint_zone", text(&endpoint["zone"]));
            meta.target_ref("endpointslice", &endpoint["targetRef"], namespace, &number, all);
            groups.push(meta.at(text(address), &number));
        }
    }
    groups
}

impl Meta {
    /// Sets a label, if it has a value.
    fn put(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0.insert(format!("__meta_kubernetes_{name}"), value.to_owned());
        }
    }

    /// Labels and annotations of an object.
    fn object(&mut self, prefix: &str, object: &Value) {
        for (place, kind) in [("labels", "label"), ("annotations", "annotation")] {
            for (name, value) in object["metadata"][place].as_object().into_iter().flatten() {
                let name = legal_label_name(name);
                self.0.insert(format!("__meta_kubernetes_{prefix}_{kind}_{name}"), text(value).to_owned());
                self.put(&format!("{prefix}_{kind}present_{name}"), "true");
            }
        }
    }

    fn service(&mut self, service: &Value) {
        self.put("service_name", text(&service["metadata"]["name"]));
        self.object("service", service);
    }

    fn pod(&mut self, pod: &Value) {
        let (metadata, status) = (&pod["metadata"], &pod["status"]);
        self.put("pod_name", text(&metadata["name"]));
        self.put("pod_uid", text(&metadata["uid"]));
        self.put("pod_ip", text(&status["podIP"]));
        self.put("pod_host_ip", text(&status["hostIP"]));
        self.put("pod_phase", text(&status["phase"]));
        self.put("pod_node_name", text(&pod["spec"]["nodeName"]));
        let ready = array(&status["conditions"]).find(|condition| condition["type"] == "Ready");
        self.put("pod_ready", &ready.map_or("unknown".to_owned(), |ready| text(&ready["status"]).to_lowercase()));
        if let Some(owner) = array(&metadata["ownerReferences"]).find(|owner| owner["controller"] == true) {
            self.put("pod_controller_kind", text(&owner["kind"]));
            self.put("pod_controller_name", text(&owner["name"]));
        }
        self.object("pod", pod);
    }

    fn container(&mut self, container: &Value, port: Option<&Value>, is_init: bool) {
        self.put("pod_container_name", text(&container["name"]));
        self.put("pod_container_image", text(&container["image"]));
        self.put("pod_container_init", if is_init { "true" } else { "false" });
        if let Some(port) = port {
            self.put("pod_container_port_name", text(&port["name"]));
            self.put("pod_container_port_number", &number(&port["containerPort"]));
            let protocol = text(&port["protocol"]);
            self.put("pod_container_port_protocol", if protocol.is_empty() { "TCP" } else { protocol });
        }
    }

    /// Whom an endpoint stands for, with the labels of a pod.
    fn target_ref(&mut self, prefix: &str, target: &Value, namespace: &str, port: &str, all: &All<'_>) {
        let (kind, name) = (text(&target["kind"]), text(&target["name"]));
        self.put(&format!("{prefix}_address_target_kind"), kind);
        self.put(&format!("{prefix}_address_target_name"), name);
        let Some(pod) = Some(name).filter(|_| kind == "Pod").and_then(|name| all.named(Role::Pod, namespace, name))
        else {
            return;
        };
        self.pod(pod);
        let containers = array(&pod["spec"]["containers"]);
        let mut ports = containers.flat_map(|one| array(&one["ports"]).map(move |port| (one, port)));
        if let Some((container, port)) = ports.find(|(_, one)| number(&one["containerPort"]) == port) {
            self.container(container, Some(port), false);
        }
    }

    fn at(self, host: &str, port: &str) -> Group {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let address = if port.is_empty() { host } else { format!("{host}:{port}") };
        Group { targets: vec![address], labels: self.0 }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A number as text; empty if there is none.
fn number(value: &Value) -> String {
    value.as_u64().map(|number| number.to_string()).unwrap_or_default()
}

fn array(value: &Value) -> std::slice::Iter<'_, Value> {
    value.as_array().map_or(&[][..], |array| array).iter()
}
