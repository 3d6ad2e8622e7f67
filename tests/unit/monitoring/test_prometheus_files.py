"""What Prometheus is given passes its own checks."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import timedelta

import pytest
import yaml

from almanac.monitoring.configuration import Collection, configuration
from almanac.monitoring.rules import RECORDED, rules

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="Debian's package prometheus has promtool")


def promtool(*arguments: str) -> str:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@needs_promtool
def test_promtool_finds_nothing_wrong_with_the_configuration_and_its_rules(tmp_path):
    token, rule_file, config = tmp_path / "token", tmp_path / "rules.yml", tmp_path / "prometheus.yml"
    token.write_text("x")
    rule_file.write_text(yaml.safe_dump(rules()))
    collection = Collection("http://127.0.0.1:8484", every=timedelta(seconds=2))
    config.write_text(yaml.safe_dump(configuration(collection, str(token), (str(rule_file),))))
    assert f"{len(rules()['groups'][0]['rules']) + len(rules()['groups'][1]['rules'])} rules found" in promtool(
        "check", "config", str(config)
    )


@pytest.mark.parametrize(
    ("endpoint", "calm"),
    [
        ("ui:master", True),
        ("ui:worker-12", True),
        ("notebook:seat-1", True),
        ("ui:connect", False),
        ("node", False),
        ("machine:worker-1", False),
    ],
)
def test_calm_targets_are_read_half_as_often(endpoint, calm):
    told = configuration(Collection("http://127.0.0.1:8484", every=timedelta(seconds=5)), "token", ())
    clusters, _ = told["scrape_configs"]
    (rule,) = clusters["relabel_configs"]
    assert bool(re.fullmatch(rule["regex"], endpoint)) is calm  # Prometheus anchors it, too
    assert (rule["target_label"], rule["replacement"]) == ("__scrape_interval__", "10000ms")


@needs_promtool
def test_alerts_fire_when_they_should_and_only_then(tmp_path):
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules()))
    cluster = 'site="local",project="gaia",booking="b-1",cluster="c-1"'
    series = [
        {"series": f'spark_executor_slots{{{cluster},executor="0"}}', "values": "4x40"},
        {"series": f'spark_executor_slots{{{cluster},executor="driver"}}', "values": "9x40"},
        {"series": f'spark_executor_active_tasks{{{cluster},executor="0"}}', "values": "3x40"},
        {"series": f'spark_executor_busy_seconds_total{{{cluster},executor="0"}}', "values": "0+60x40"},
        {"series": f'spark_executor_gc_seconds_total{{{cluster},executor="0"}}', "values": "0+30x40"},
        {"series": 'up{cluster="c-1",endpoint="ui:worker-1"}', "values": "1x10 0x30"},
    ]
    labels = {"site": "local", "project": "gaia", "booking": "b-1", "cluster": "c-1"}
    check = {
        "interval": "15s",
        "input_series": series,
        "promql_expr_test": [
            {
                "expr": "cluster:slots_busy:ratio",
                "eval_time": "5m",
                "exp_samples": [{"labels": f"cluster:slots_busy:ratio{{{cluster}}}", "value": 0.75}],
            }
        ],
        "alert_rule_test": [
            {"eval_time": "2m", "alertname": "TargetSilent", "exp_alerts": []},
            {
                "eval_time": "6m",
                "alertname": "TargetSilent",
                "exp_alerts": [
                    {
                        "exp_labels": {"cluster": "c-1", "endpoint": "ui:worker-1"},
                        "exp_annotations": {"summary": "ui:worker-1 of c-1 has told no numbers for two minutes."},
                    }
                ],
            },
            {
                "eval_time": "6m",
                "alertname": "GarbageCollection",
                "exp_alerts": [
                    {
                        "exp_labels": labels,
                        "exp_annotations": {
                            "summary": "More than a fifth of the tasks' time goes to garbage collection."
                        },
                    }
                ],
            },
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [check]}))
    assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "test.yml"))


def test_a_target_cant_name_itself_and_every_rule_says_whose_it_is():
    config = configuration(Collection("https://almanac.example.org"), "/token", ())
    for job in config["scrape_configs"]:
        assert job["honor_labels"] is False
        assert job["sample_limit"] > 0
        assert job["scheme"] == "https"
    assert all("booking" in expression for expression in RECORDED.values())
