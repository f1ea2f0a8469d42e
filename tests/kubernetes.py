"""Holds the files for Kubernetes to the API's schemas: each folder as `kubectl kustomize` puts it together.

usage: kubernetes.py FOLDER…

Exits 1 with what is wrong. A name that is mounted and defined nowhere is wrong too, unless it is a secret that people bring.
"""

import subprocess
import sys

try:
    import kubernetes_validate
    import yaml
except ImportError:
    sys.exit("there is no kubernetes-validate: run tests/setup, or pip3 install --break-system-packages kubernetes-validate==1.37.0")

VERSIONS = ("1.28", "1.32")


def main(folders):
    wrong = []
    for folder in folders:
        made = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=True).stdout
        objects = [each for each in yaml.safe_load_all(made) if each]
        for each in objects:
            place = f"{folder}: {each['kind']} {each['metadata']['name']}"
            for version in VERSIONS:
                try:
                    kubernetes_validate.validate(each, version, strict=True)
                except Exception as error:
                    wrong.append(f"{place}, {version}: {str(error).splitlines()[0]}")
            wrong += [f"{place}: no ConfigMap {name}" for name in config_maps(each) - names(objects, "ConfigMap")]
            wrong += [f"{place}: no volume {name}" for name in loose_mounts(each)]
        print(f"{folder}: {len(objects)} objects")
    for fault in wrong:
        print(fault, file=sys.stderr)
    return 1 if wrong else 0


def names(objects, kind):
    return {each["metadata"]["name"] for each in objects if each["kind"] == kind}


def pod(each):
    return each.get("spec", {}).get("template", {}).get("spec", {}) if each["kind"] != "ConfigMap" else {}


def config_maps(each):
    return {volume["configMap"]["name"] for volume in pod(each).get("volumes", []) if "configMap" in volume}


def loose_mounts(each):
    claims = {claim["metadata"]["name"] for claim in each.get("spec", {}).get("volumeClaimTemplates", [])}
    volumes = {volume["name"] for volume in pod(each).get("volumes", [])} | claims
    mounts = {mount["name"] for container in pod(each).get("containers", []) for mount in container.get("volumeMounts", [])}
    return mounts - volumes


sys.exit(main(sys.argv[1:]))
