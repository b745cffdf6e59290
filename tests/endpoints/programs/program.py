"""Hosts written down, standard library only."""

import urllib.request

PATH = "1234567890123456.cn-shanghai.fc.aliyuncs.com/2023-03-30/functions/hello/invocations"

for scheme in ("http", "https"):
    with urllib.request.urlopen(f"{scheme}://{PATH}", f"python by {scheme}".encode()) as answer:
        print(answer.read().decode())
