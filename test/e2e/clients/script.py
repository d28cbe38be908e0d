"""What a program with the official Python client does; prints what it saw as one JSON object."""

import json
import sys

from kubernetes import client, config, dynamic, watch
from kubernetes.stream import portforward, stream

kubeconfig, namespace = sys.argv[1:]
config.load_kube_config(kubeconfig)
core = client.CoreV1Api()
apps = client.AppsV1Api()
seen = {}

core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
try:
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
except client.ApiException as e:
    seen["twice"] = [e.status, e.reason, json.loads(e.body)["reason"]]

labels = {"app": "py"}
container = client.V1Container(
    name="main",
    image="coxswain/hello:1",
    image_pull_policy="Never",
    ports=[client.V1ContainerPort(container_port=8080)],
)
shell = client.V1Container(
    name="shell",
    image="coxswain/busybox:1",
    image_pull_policy="Never",
    command=["sh", "-c", "echo started; sleep 3600"],
)
pod = client.V1PodTemplateSpec(
    metadata=client.V1ObjectMeta(labels=labels),
    spec=client.V1PodSpec(termination_grace_period_seconds=0, containers=[container, shell]),
)
spec = client.V1DeploymentSpec(replicas=1, selector={"matchLabels": labels}, template=pod)
apps.create_namespaced_deployment(
    namespace, client.V1Deployment(metadata=client.V1ObjectMeta(name="web"), spec=spec)
)

# The client writes booleans as True and False.
watcher = watch.Watch()
seen["types"] = []
name = ""
for event in watcher.stream(core.list_namespaced_pod, namespace, label_selector="app=py", timeout_seconds=120):
    seen["types"].append(event["type"])
    name = event["object"].metadata.name
    statuses = event["object"].status.container_statuses or []
    if len(statuses) == 2 and all(s.ready for s in statuses):
        watcher.stop()

connect = core.connect_get_namespaced_pod_exec
said = ["sh", "-c", "echo out; echo err >&2"]
streams = {"stderr": True, "stdin": False, "stdout": True, "tty": False}
seen["exec"] = sorted(stream(connect, name, namespace, container="shell", command=said, **streams).split())
session = stream(
    connect, name, namespace, container="shell", command=["sh"], _preload_content=False, **{**streams, "stdin": True}
)
session.write_stdin("echo got this\n")
session.write_stdin("exit 3\n")
while session.is_open():
    session.update(timeout=1)
seen["session"] = [session.read_stdout(), session.returncode]
seen["log"] = ""
# The container is ready before it has said anything.
while not seen["log"]:
    seen["log"] = core.read_namespaced_pod_log(name, namespace, container="shell", follow=False, timestamps=False)

forward = portforward(core.connect_get_namespaced_pod_portforward, name, namespace, ports="8080")
socket = forward.socket(8080)
socket.setblocking(True)
socket.sendall(b"GET / HTTP/1.0\r\n\r\n")
answer = b""
# This client does not pass the end of a connection on.
while b"hello from" not in answer:
    answer += socket.recv(4096)
seen["forward"] = answer.split(b"\r\n")[0].decode()

apps.patch_namespaced_deployment("web", namespace, {"spec": {"replicas": 2}})
seen["scale"] = apps.read_namespaced_deployment_scale("web", namespace).spec.replicas
anything = dynamic.DynamicClient(client.ApiClient())
maps = anything.resources.get(api_version="v1", kind="ConfigMap")
made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}}
maps.create(body=made, namespace=namespace)
patch = {"metadata": {"name": "x"}, "data": {"c": "d"}}
merge = "application/merge-patch+json"
seen["merged"] = dict(maps.patch(body=patch, namespace=namespace, content_type=merge).data)
seen["version"] = client.VersionApi().get_code().minor
# Generated clients ask with a slash at the end.
seen["groups"] = "apps" in [g.name for g in client.ApisApi().get_api_versions().groups]
seen["resources"] = "pods" in [r.name for r in core.get_api_resources().resources]
review = client.V1SelfSubjectAccessReview(
    spec=client.V1SelfSubjectAccessReviewSpec(
        resource_attributes=client.V1ResourceAttributes(verb="get", resource="pods")
    )
)
seen["allowed"] = client.AuthorizationV1Api().create_self_subject_access_review(review).status.allowed
core.delete_namespace(namespace)
print(json.dumps(seen))
