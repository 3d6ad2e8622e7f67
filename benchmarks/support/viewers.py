"""What people who look at one booking's metrics cost: one viewer against many, on the page's own rhythm.

Each viewer is a thread of another process that asks for what the page's script asks for, every three seconds, beginning at
a moment of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psutil
from benchmarks.support.overhead import PROFILE, until
from benchmarks.support.served import BenchmarkError, Served, tell

from almanac.client import book

EVERY_S = 3.0
"""As ``portal/static/metrics.js`` has it."""
_PASSWORD = "only for a benchmark, on loopback"
_COUNTED = "almanac_prometheus_questions_total "
_VIEWERS = """\
import json, random, sys, threading, time, httpx2
url, cookies, count, seconds, every = json.loads(sys.stdin.readline())
took, failed = [], []
def look(until):
    with httpx2.Client(cookies=cookies, timeout=30, trust_env=False) as browser:
        time.sleep(random.uniform(0, every))
        while time.monotonic() < until:
            began = time.perf_counter()
            answer = browser.get(url, headers={"Accept": "application/json"})
            took.append(time.perf_counter() - began)
            if answer.status_code != 200 or not answer.json()["panels"]["slots"]["names"]:
                failed.append(answer.status_code)
            time.sleep(every)
threads = [threading.Thread(target=look, args=(time.monotonic() + seconds,)) for _ in range(count)]
for thread in threads: thread.start()
for thread in threads: thread.join()
took.sort()
print(json.dumps({"looks": len(took), "failed": len(failed), "p95_ms": round(1000 * took[int(.95 * len(took))], 1)}))
"""


def viewers(served: Served, most: int, seconds: float) -> dict[str, Any]:
    """One viewer and many, for so many seconds each.

    Returns:
        ``viewers``: by their number, questions to Prometheus per second, processors that the server used, looks and their
        95th percentile in ms; and ``viewers_questions_ratio`` of many to one.
    """
    platform = book(PROFILE, hours=1, client=served.client)
    try:
        url = f"{served.url}/bookings/{platform.id}/metrics/data"
        browser = _signed_in(served)
        until(lambda: httpx2.get(url, cookies=browser).json().get("panels", {}).get("slots", {}).get("names"))
        _look(served, url, browser, 1, EVERY_S)
        found = {count: _look(served, url, browser, count, seconds) for count in (1, most)}
    finally:
        platform.release()
    one, many = (found[count]["questions_per_s"] for count in (1, most))
    return {"viewers": found, "viewers_questions_ratio": round(many / one, 2)}


def _look(served: Served, url: str, browser: dict[str, str], count: int, seconds: float) -> dict[str, Any]:
    """So many viewers for so long."""
    server = psutil.Process(served.pid)
    asked, used, began = _asked(served), sum(server.cpu_times()[:2]), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _VIEWERS],
        input=json.dumps([url, browser, count, seconds, EVERY_S]),
        capture_output=True,
        text=True,
        check=True,
    )
    wall = time.perf_counter() - began
    told = json.loads(done.stdout)
    if told["failed"]:
        raise BenchmarkError(f"{told['failed']} of {told['looks']} looks failed.")
    found = {
        "questions_per_s": round((_asked(served) - asked) / wall, 2),
        "server_cores": round((sum(server.cpu_times()[:2]) - used) / wall, 3),
        **told,
    }
    tell(f"{count} viewers: {found}")
    return found


def _asked(served: Served) -> float:
    """Questions to Prometheus so far, as the server counts them."""
    answer = httpx2.get(
        f"{served.url}/api/v1/monitoring/metrics", headers={"Authorization": f"Bearer {served.token}"}
    ).raise_for_status()
    (line,) = (line for line in answer.text.splitlines() if line.startswith(_COUNTED))
    return float(line.removeprefix(_COUNTED))


def _signed_in(served: Served) -> dict[str, str]:
    """The cookies of a browser that has used the link which ``almanac up`` shows."""
    token = urlsplit(served.browser_link).fragment.rpartition("=")[2]
    with httpx2.Client(headers={"Origin": served.url}) as browser:
        sent = {"one_time_token": token, "password": _PASSWORD, "again": _PASSWORD}
        answer = browser.post(f"{served.url}/sign-in/link", data=sent)
        if answer.status_code != 303:
            raise BenchmarkError(f"Signing in by link was answered with {answer.status_code}.")
        return dict(browser.cookies)
