"""The OpenAPI document of a node: what validators that are not ours make of it, and of the answers that it promises."""

import json
import subprocess

import jsonschema
from openapi_spec_validator import validate

from mesh import expect, run


def check_openapi(mesh):
    """A public validator accepts /control/openapi.json, and each answer of a node is what its schema says."""
    mesh.issue("documented")
    node = mesh.start("documented", control={"loopbackScopes": "mesh.operate"})
    url = f"http://127.0.0.1:{node.control_port}"
    document = json.loads(curl(f"{url}/control/openapi.json")[1])
    validate(document)
    for path, method, body in [
        ("/control/peers", "get", None), ("/healthz", "get", None), ("/readyz", "get", None),
        ("/omnirelay/control/logging", "get", None), ("/omnirelay/control/logging", "post", {"level": "Loud"}),
        ("/omnirelay/control/logging", "post", {"level": "Warning"}), ("/omnirelay/control/logging", "get", None),
        ("/v1/node/drain", "post", None), ("/v1/node/resume", "post", None), ("/v1/members/nobody", "delete", None),
        ("/v1/node/leave", "post", None),
    ]:
        template = "/v1/members/{id}" if path.startswith("/v1/members/") else path
        operation = document["paths"][template][method]
        more = [] if body is None else ["--json", json.dumps(body)]
        status, text = curl("--request", method.upper(), *more, url + path)
        promised = operation["responses"].get(status)
        expect(promised is not None, f"{method} {path} answers what it promises", (status, text))
        for kind, content in promised.get("content", {}).items():
            if "schema" in content and "json" in kind:
                schema = {**content["schema"], "components": document["components"]}
                jsonschema.validate(json.loads(text), schema, cls=jsonschema.Draft202012Validator)


def curl(*words):
    """The status and the body."""
    text = run(["curl", "--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}", *words])
    body, status = text.rsplit("\n", 1)
    return status, body
