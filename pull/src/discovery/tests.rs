//! Places that are asked by HTTP, against servers that speak their shapes.

use serde_json::json;

use super::fake::{Fake, addresses, follow, until};

#[tokio::test]
async fn an_address_is_asked_again_and_its_groups_stay_when_it_is_silent() {
    let fake = Fake::start().await;
    fake.set("/sd", r#"[{"targets": ["a:1", "b:1"], "labels": {"x": "y"}}]"#);
    let mut running = follow(&format!(
        "http_sd_configs: [{{url: '{}/sd', refresh_interval: 200ms, authorization: {{credentials: sesame}}}}]",
        fake.url()
    ));
    let groups = until(&mut running, "two targets", |said| addresses(said) == ["a:1", "b:1"]).await;
    assert_eq!((groups[0].labels["x"].as_str(), &groups[0].labels["__meta_url"]), ("y", &format!("{}/sd", fake.url())));
    assert!(fake.asked()[0].to_lowercase().contains("authorization: bearer sesame"));
    fake.set("/sd", r#"{"targets": 7}"#);
    until(&mut running, "what is no list", |said| said.fault.as_ref().is_some_and(|fault| fault.contains("no groups")))
        .await;
    fake.unset("/sd");
    let is_missing = |fault: &String| fault.contains("404") && fault.contains("stay");
    until(&mut running, "its absence", |said| said.fault.as_ref().is_some_and(is_missing)).await;
    assert_eq!(addresses(&running.said.borrow()), ["a:1", "b:1"]);
    fake.set("/sd", "[]");
    until(&mut running, "no targets", |said| addresses(said).is_empty() && said.fault.is_none()).await;
}

fn instance(id: &str, address: &str, status: &str) -> serde_json::Value {
    json!({
        "Node": { "Node": "n1", "Address": "10.0.0.1", "Datacenter": "dc1", "Meta": { "rack-no": "7" } },
        "Service": { "ID": id, "Service": "web", "Tags": ["a", "b"], "Address": address, "Port": 80, "Meta": { "v": "2" } },
        "Checks": [{ "Status": "passing" }, { "Status": status }],
    })
}

#[tokio::test]
async fn services_of_consul_come_and_go_as_they_are_registered() {
    let fake = Fake::start().await;
    fake.set("/v1/catalog/services", r#"{"web": ["a", "b"], "db": ["c"]}"#);
    fake.set("/v1/health/service/web", &json!([instance("w1", "", "critical")]).to_string());
    let server = fake.url().replace("http://", "");
    let mut running =
        follow(&format!("consul_sd_configs: [{{server: '{server}', tags: [a], token: t, datacenter: dc1}}]"));
    let groups = until(&mut running, "one instance", |said| addresses(said) == ["10.0.0.1:80"]).await;
    let label = |name: &str| groups[0].labels[&format!("__meta_consul_{name}")].as_str();
    assert_eq!((label("tags"), label("health"), label("metadata_rack_no")), (",a,b,", "critical", "7"));
    assert_eq!((label("service"), label("service_id"), label("service_metadata_v")), ("web", "w1", "2"));
    assert!(fake.asked().iter().all(|head| head.contains("x-consul-token: t") && head.contains("dc=dc1")));
    let two = json!([instance("w1", "", "passing"), instance("w2", "10.0.0.9", "passing")]);
    fake.set("/v1/health/service/web", &two.to_string());
    until(&mut running, "two instances", |said| addresses(said) == ["10.0.0.1:80", "10.0.0.9:80"]).await;
    fake.set("/v1/catalog/services", r#"{"db": ["c"]}"#);
    until(&mut running, "no service with the tag", |said| addresses(said).is_empty()).await;
}

fn pod(name: &str, ip: &str, version: u32) -> serde_json::Value {
    json!({
        "metadata": {
            "name": name, "namespace": "shop", "uid": "u1", "resourceVersion": version.to_string(), "managedFields": [1],
            "labels": { "app.kubernetes.io/name": "web" }, "annotations": { "prometheus.io/scrape": "true" },
            "ownerReferences": [{ "kind": "ReplicaSet", "name": "rs1", "controller": true }],
        },
        "spec": {
            "nodeName": "n1",
            "containers": [{ "name": "c", "image": "i:1", "ports": [{ "name": "http", "containerPort": 8080 }], "env": [1] }],
        },
        "status": {
            "podIP": ip, "hostIP": "10.0.0.1", "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }],
        },
    })
}

fn event(kind: &str, object: serde_json::Value) -> String {
    json!({ "type": kind, "object": object }).to_string()
}

fn list(items: &[serde_json::Value]) -> String {
    json!({ "metadata": { "resourceVersion": "100" }, "items": items }).to_string()
}

/// Until somebody watches there, so that a line is heard.
async fn watched(fake: &Fake, path: &str, times: usize) {
    let count = || fake.asked().iter().filter(|head| head.contains(path) && head.contains("watch=1")).count();
    while count() < times {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn pods_are_targets_as_soon_as_the_watch_tells_them() {
    let (fake, path) = (Fake::start().await, "/api/v1/namespaces/shop/pods");
    fake.set(path, &list(&[pod("a", "10.1.0.1", 7), pod("pending", "", 8)]));
    let mut running = follow(&format!(
        "kubernetes_sd_configs: [{{role: pod, api_server: '{}', namespaces: {{names: [shop]}}, selectors: [{{role: pod, label: x=y}}]}}]",
        fake.url()
    ));
    let groups = until(&mut running, "one pod", |said| addresses(said) == ["10.1.0.1:8080"]).await;
    let label = |name: &str| groups[0].labels[&format!("__meta_kubernetes_{name}")].as_str();
    assert_eq!((label("namespace"), label("pod_name"), label("pod_ready")), ("shop", "a", "true"));
    assert_eq!(label("pod_label_app_kubernetes_io_name"), "web");
    assert_eq!((label("pod_controller_kind"), label("pod_container_port_name")), ("ReplicaSet", "http"));
    assert!(fake.asked()[0].contains("labelSelector=x%3Dy"));

    watched(&fake, path, 1).await;
    fake.line(path, &event("ADDED", pod("b", "10.1.0.2", 101)));
    until(&mut running, "another", |said| addresses(said) == ["10.1.0.1:8080", "10.1.0.2:8080"]).await;
    fake.line(path, &event("DELETED", pod("a", "10.1.0.1", 102)));
    until(&mut running, "one less", |said| addresses(said) == ["10.1.0.2:8080"]).await;
    // Too long ago for the server: what is there now is asked anew.
    fake.set(path, &list(&[pod("c", "10.1.0.3", 200)]));
    fake.line(path, &event("ERROR", json!({ "code": 410, "message": "too old resource version" })));
    until(&mut running, "the new list", |said| addresses(said) == ["10.1.0.3:8080"]).await;
    watched(&fake, path, 2).await;
    assert!(fake.asked().last().unwrap().contains("resourceVersion=100"));
    // A server that is gone leaves what was known.
    fake.unset(path);
    fake.line(path, &event("ERROR", json!({ "code": 500, "message": "etcd is down" })));
    until(&mut running, "the fault", |said| said.fault.as_ref().is_some_and(|fault| fault.contains("stay"))).await;
    assert_eq!(addresses(&running.said.borrow()), ["10.1.0.3:8080"]);
}

#[tokio::test]
async fn slices_endpoints_services_and_nodes_have_prometheus_labels() {
    let fake = Fake::start().await;
    fake.set("/api/v1/pods", &list(&[pod("a", "10.1.0.1", 7)]));
    let service = json!({
        "metadata": { "name": "web", "namespace": "shop", "labels": { "tier": "front" } },
        "spec": { "type": "ClusterIP", "clusterIP": "10.2.0.1", "ports": [{ "name": "http", "port": 80, "protocol": "TCP" }] },
    });
    fake.set("/api/v1/services", &list(&[service]));
    let target = json!({ "kind": "Pod", "name": "a" });
    let slice = json!({
        "metadata": { "name": "web-1", "namespace": "shop", "labels": { "kubernetes.io/service-name": "web" } },
        "addressType": "IPv4", "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
        "endpoints": [{ "addresses": ["10.1.0.1"], "conditions": { "ready": true }, "targetRef": target, "nodeName": "n1" }],
    });
    fake.set("/apis/discovery.k8s.io/v1/endpointslices", &list(&[slice]));
    let endpoints = json!({
        "metadata": { "name": "web", "namespace": "shop" },
        "subsets": [{
            "addresses": [{ "ip": "10.1.0.1", "targetRef": target }], "notReadyAddresses": [{ "ip": "fd00::2" }],
            "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
        }],
    });
    fake.set("/api/v1/endpoints", &list(&[endpoints]));
    let addresses_of_node =
        json!([{ "type": "Hostname", "address": "n1" }, { "type": "InternalIP", "address": "10.0.0.1" }]);
    let node = json!({
        "metadata": { "name": "n1", "labels": { "zone": "z" } },
        "status": { "addresses": addresses_of_node, "daemonEndpoints": { "kubeletEndpoint": { "Port": 10250 } } },
    });
    fake.set("/api/v1/nodes", &list(&[node]));
    let check = async |role: &str, expected: &[&str], labels: &[(&str, &str)]| {
        let mut running = follow(&format!("kubernetes_sd_configs: [{{role: {role}, api_server: '{}'}}]", fake.url()));
        let groups = until(&mut running, role, |said| addresses(said) == expected).await;
        for (name, value) in labels {
            let found = groups[0].labels.get(&format!("__meta_kubernetes_{name}")).map(String::as_str);
            assert_eq!(found, Some(*value), "{role} {name}");
        }
    };
    let of_slice = [
        ("service_label_tier", "front"),
        ("pod_name", "a"),
        ("pod_container_name", "c"),
        ("endpointslice_endpoint_conditions_ready", "true"),
        ("endpointslice_endpoint_node_name", "n1"),
    ];
    check("endpointslice", &["10.1.0.1:8080"], &of_slice).await;
    let of_endpoints = [("endpoint_ready", "true"), ("service_name", "web"), ("pod_ip", "10.1.0.1")];
    check("endpoints", &["10.1.0.1:8080", "[fd00::2]:8080"], &of_endpoints).await;
    check("service", &["web.shop.svc:80"], &[("service_cluster_ip", "10.2.0.1"), ("service_port_name", "http")]).await;
    check(
        "node",
        &["10.0.0.1:10250"],
        &[("node_name", "n1"), ("node_label_zone", "z"), ("node_address_Hostname", "n1")],
    )
    .await;
}

#[tokio::test]
async fn the_file_for_kubernetes_asks_what_says_so_itself() {
    let fake = Fake::start().await;
    let annotated = |name: &str, ip: &str, annotations: serde_json::Value| {
        let mut pod = pod(name, ip, 7);
        pod["metadata"]["annotations"] = annotations;
        pod
    };
    let yes = json!({ "prometheus.io/scrape": "true" });
    let other = json!({
        "prometheus.io/scrape": "true", "prometheus.io/port": "9100", "prometheus.io/path": "/m", "prometheus.io/scheme": "https",
    });
    let mut done = annotated("done", "10.1.0.4", yes.clone());
    done["status"]["phase"] = json!("Succeeded");
    let silent = annotated("silent", "10.1.0.3", json!({}));
    fake.set(
        "/api/v1/pods",
        &list(&[annotated("a", "10.1.0.1", yes.clone()), annotated("b", "10.1.0.2", other), silent, done]),
    );
    let service =
        json!({ "metadata": { "name": "web", "namespace": "shop", "annotations": yes }, "spec": { "ports": [] } });
    fake.set("/api/v1/services", &list(&[service]));
    let slice = json!({
        "metadata": { "name": "web-1", "namespace": "shop", "labels": { "kubernetes.io/service-name": "web" } },
        "addressType": "IPv4", "ports": [{ "name": "http", "port": 80, "protocol": "TCP" }],
        "endpoints": [{ "addresses": ["10.1.0.9"], "conditions": { "ready": true } }],
    });
    fake.set("/apis/discovery.k8s.io/v1/endpointslices", &list(&[slice]));

    let text = include_str!("../../../deploy/kubernetes-collect/scrape.yml");
    let asked = text.replace("- role:", &format!("- api_server: '{}'\n        role:", fake.url()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scrape.yml");
    std::fs::write(&path, asked).unwrap();
    let config = crate::config::Config::load(&path).unwrap();
    assert_eq!(config.without_effect, [] as [String; 0]);
    let discovery = super::Discovery::new(config.jobs.into_iter().map(Into::into).collect());
    let found = || {
        let of = |target: &crate::target::Target, name: &str| target.labels.get(name).cloned().unwrap_or_default();
        let targets = discovery.targets().targets;
        let told = targets.values().map(|one| format!("{} {} {}", one.uri, of(one, "pod"), of(one, "service")));
        let mut all: Vec<_> = told.collect();
        all.sort();
        all
    };
    let expected = ["http://10.1.0.1:8080/metrics a ", "http://10.1.0.9:80/metrics  web", "https://10.1.0.2:9100/m b "];
    let wait = async {
        while found() != expected {
            discovery.changed().await;
        }
    };
    assert!(tokio::time::timeout(std::time::Duration::from_secs(20), wait).await.is_ok(), "{:?}", found());
}
