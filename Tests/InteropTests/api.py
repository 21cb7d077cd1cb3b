"""The OpenAPI document of a node: what validators that are not ours make of it, and of the answers that it promises."""

import json
import time

import jsonschema
from openapi_spec_validator import validate

from mesh import expect, run, wait_until


def check_openapi(mesh):
    """A public validator accepts /control/openapi.json, and each answer of a node is what its schema says."""
    mesh.issue("documented")
    peer = mesh.nodes[0]
    node = mesh.start("documented", [f"127.0.0.1:{peer.mesh_port}"], control={"loopbackScopes": "mesh.operate"})
    url = f"http://127.0.0.1:{node.control_port}"
    document = json.loads(curl(f"{url}/control/openapi.json")[2])
    validate(document)
    for field in ("Host: elsewhere", "Origin: http://localhost:1"):
        answer = curl("--request", "POST", "--header", field, f"{url}/v1/node/drain")
        expect(answer[0] == "403", field, answer)
        expect_promised(document, "post", "/v1/node/drain", *answer)
    health = f"/v1/members/{peer.name}/health"
    wait_until(lambda: curl(url + health)[0] == "200", "the answer of a member over the mesh")
    expect("SERVING in" in run([mesh.meshkit, "mesh", "peers", "ping", peer.name, "--url", url]), "what ping says", "")
    for path, method, body in [
        (health, "get", None), ("/v1/members/nobody/health", "get", None),
        ("/v1/members/documented/health", "get", None),
        ("/control/peers", "get", None), ("/v1/members?pageSize=1", "get", None),
        ("/v1/members?limit=1", "get", None), ("/healthz", "get", None), ("/readyz", "get", None),
        ("/omnirelay/control/logging", "get", None), ("/omnirelay/control/logging", "post", {"level": "Loud"}),
        ("/omnirelay/control/logging", "post", {"level": "Warning"}), ("/omnirelay/control/logging", "get", None),
        ("/omnirelay/control/tracing", "get", None), ("/omnirelay/control/tracing", "post", {"probability": 2}),
        ("/omnirelay/control/tracing", "post", {"probability": 0.1}), ("/omnirelay/control/tracing", "get", None),
        ("/v1/node/drain", "post", None), ("/v1/node/resume", "post", None), ("/v1/members/nobody", "delete", None),
        ("/v1/node/leave", "post", None),
    ]:
        more = [] if body is None else ["--json", json.dumps(body)]
        expect_promised(document, method, path, *curl("--request", method.upper(), *more, url + path))
    expect_known_page(f"http://127.0.0.1:{peer.control_port}/v1/members")


def expect_promised(document, method, path, status, kind, text):
    """The answer is one of those that the document promises for the request."""
    path = path.split("?")[0]
    template = path
    if path.startswith("/v1/members/"):
        template = "/v1/members/{id}" + ("/health" if path.endswith("/health") else "")
    promised = document["paths"][template][method]["responses"].get(status)
    expect(promised is not None, f"{method} {path} answers what it promises", (status, text))
    contents = promised.get("content", {})
    expect(kind in contents or not contents and not text, f"the type of {method} {path}", (status, kind, text))
    if "schema" in contents.get(kind, {}):
        schema = {**contents[kind]["schema"], "components": document["components"]}
        jsonschema.validate(json.loads(text), schema, cls=jsonschema.Draft202012Validator)


def expect_known_page(url):
    """Whoever has the page of a linked node gets no second copy, however often its links are probed meanwhile."""
    def is_known():
        tag = run(["curl", "--silent", "--output", "/dev/null", "--write-out", "%header{etag}", url])
        time.sleep(2.5)
        return curl("--header", f"If-None-Match: {tag}", url)[0] == "304"
    wait_until(is_known, "an answer 304")


def curl(*words):
    """The status, the media type and the body."""
    form = "\n%{http_code} %{content_type}"
    body, told = run(["curl", "--silent", "--show-error", "--max-time", "20", "--write-out", form, *words]).rsplit("\n", 1)
    status, kind = told.split(" ", 1)
    return status, kind.split(";")[0], body
