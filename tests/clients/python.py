"""The released Python SDKs, asked by the name of an operation."""

import base64
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fc2
from alibabacloud_fc20230330 import models as fc3_models
from alibabacloud_fc20230330.client import Client as Fc3Client
from alibabacloud_fc_open20210406 import models as open_models
from alibabacloud_fc_open20210406.client import Client as OpenClient
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions as OpenRuntimeOptions
from clients.asked import REGION, Answered, Asked
from darabonba.runtime import RuntimeOptions

INVOKE = "InvokeFunction"
MILLISECONDS = 10_000


def snake(name: str) -> str:
    """``PutLayerACL`` is ``put_layer_acl``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}


class Fc2Python:
    """aliyun-fc2: every field is an argument; code is a directory."""

    def __init__(self, endpoint: str) -> None:
        self._client = fc2.Client(
            endpoint=f"http://{endpoint}", accessKeyID="test", accessKeySecret="test", Timeout=MILLISECONDS // 1000
        )

    def ask(self, asked: Asked) -> Answered:
        with tempfile.TemporaryDirectory() as folder:
            try:
                response = getattr(self._client, snake(asked.call))(**self._arguments(asked, Path(folder)))
            except fc2.FcError as error:
                if error.status_code == 200:
                    return Answered(json.loads(error.message), headers={"x-fc-error-type": "told"})
                return Answered(status=error.status_code, code=error.err_code, message=error.message)
        if response is None:
            return Answered()
        headers, data = lower(response.headers), response.data
        return Answered(text=data.decode(), headers=headers) if isinstance(data, bytes) else Answered(data, "", headers)

    def _arguments(self, asked: Asked, folder: Path) -> dict[str, Any]:
        given = {**asked.path, **asked.query, "headers": dict(asked.headers)}
        if asked.call == INVOKE:
            return given | {"payload": (asked.event or "").encode()}
        if asked.call == "PutFunctionAsyncInvokeConfig":
            return given | {"asyncConfig": dict(asked.body)}
        if asked.call == "CreateTrigger":
            given |= {"sourceArn": None, "invocationRole": None}
        given |= asked.body
        if "code" in given:
            with zipfile.ZipFile(io.BytesIO(base64.b64decode(given.pop("code")["zipFile"]))) as archive:
                archive.extractall(folder)
            given["codeDir"] = str(folder)
        return given

    def close(self) -> None:
        pass


class Tea:
    """The SDKs that are generated: a request has a model that reads FC's names."""

    def __init__(self, client: Any, models: Any, runtime: Any, request: Callable[[Asked], dict[str, Any]]) -> None:
        self._client, self._models, self._runtime, self._request = client, models, runtime, request

    def ask(self, asked: Asked) -> Answered:
        arguments: list[Any] = list(asked.path.values())
        if model := getattr(self._models, f"{asked.call}Request", None):
            request = model()
            request.from_map(self._request(asked))
            if asked.call == INVOKE:
                request.body = (asked.event or "").encode()
            arguments.append(request)
        model = getattr(self._models, f"{asked.call}Headers", None)
        arguments.append(model(common_headers=dict(asked.headers)) if model else dict(asked.headers))
        try:
            response = getattr(self._client, f"{snake(asked.call)}_with_options")(*arguments, self._runtime)
        except (ClientException, ServerException) as error:
            return Answered(status=error.status_code, code=error.code, message=error.message)
        headers, body = lower(response.headers), getattr(response, "body", None)
        if asked.call == INVOKE:
            return Answered(text=(body if isinstance(body, bytes) else body.read()).decode(), headers=headers)
        return Answered(None if body is None else body.to_map(), "", headers, response.status_code)

    def close(self) -> None:
        pass


def config(endpoint: str) -> Config:
    return Config(access_key_id="test", access_key_secret="test", endpoint=endpoint, protocol="http", region_id=REGION)


def written(asked: Asked) -> dict[str, Any]:
    """``triggerConfig`` is a text in the versions of these SDKs."""
    body = dict(asked.body)
    if "triggerConfig" in body:
        body["triggerConfig"] = json.dumps(body["triggerConfig"])
    return body


def in_one(asked: Asked) -> dict[str, Any]:
    """``Code`` of a layer has a capital letter in 2021-04-06."""
    body = written(asked)
    if asked.call == "CreateLayerVersion":
        body["Code"] = body.pop("code")
    return {**asked.query, **body}


def open_python(endpoint: str) -> Tea:
    """alibabacloud-fc-open20210406: query and body in one."""
    runtime = OpenRuntimeOptions(read_timeout=MILLISECONDS, connect_timeout=MILLISECONDS)
    return Tea(OpenClient(config(endpoint)), open_models, runtime, in_one)


def fc3_python(endpoint: str) -> Tea:
    """alibabacloud-fc20230330: the body is a member of the request."""
    runtime = RuntimeOptions(read_timeout=MILLISECONDS, connect_timeout=MILLISECONDS)
    return Tea(Fc3Client(config(endpoint)), fc3_models, runtime, lambda asked: {**asked.query, "body": written(asked)})
