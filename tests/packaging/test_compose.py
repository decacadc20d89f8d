"""compose.yaml, without a program that composes: what it says of comfygate is as comfygate has it."""
import re
import subprocess

import pytest
import yaml

from conftest import BIN
from debian_root import ROOT

SERVICE_KEYS = {"image", "build", "restart", "volumes", "healthcheck", "deploy", "environment", "ports", "read_only", "tmpfs",
                "cap_drop", "security_opt", "profiles", "entrypoint", "command", "depends_on", "secrets"}
HEALTH_KEYS = {"test", "interval", "timeout", "start_period", "retries"}
OURS = {"gateway": ("comfygate", "serve"), "discord": ("comfygate-discord", "run")}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def environment_names(program, verb):
    """The variables that it takes; a text also as a file."""
    words = [BIN.parent / program, *([verb] if program == "comfygate" else []), "--help"]
    text = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True).stdout
    names = set(re.findall(r"\((COMFYGATE_[A-Z_0-9]+)\)", text))
    assert len(names) > 20
    return names | {f"{name}_FILE" for name in names}


def test_its_parts_are_those_of_the_format(compose):
    assert set(compose) == {"services", "volumes", "secrets"}
    assert set(compose["services"]) == {"comfyui", "gateway", "discord"}
    for name, service in compose["services"].items():
        assert set(service) <= SERVICE_KEYS, name
        assert set(service["healthcheck"]) <= HEALTH_KEYS and service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"
        for volume in service.get("volumes", []):
            source = re.sub(r"^\$\{\w+:-([\w-]+)\}.*", r"\1", volume).split(":")[0]
            assert source in compose["volumes"], volume
        for secret in service.get("secrets", []):
            assert secret in compose["secrets"]
        for needed in service.get("depends_on", {}):
            assert needed in compose["services"]


def test_only_the_loopback_leads_in(compose):
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert ports == {"gateway": ["127.0.0.1:8090:8090"]}


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_one(compose, name):
    known = environment_names(*OURS[name])
    assert set(compose["services"][name]["environment"]) <= known


def test_settings_fit_together(compose):
    services = compose["services"]
    assert services["gateway"]["environment"]["COMFYGATE_BACKENDS"] == "gpu0=http://comfyui:8188"
    assert services["discord"]["environment"]["COMFYGATE_URL"] == "http://gateway:8090"
    secret = services["discord"]["environment"]["COMFYGATE_DISCORD_TOKEN_FILE"]
    assert secret == f"/run/secrets/{services['discord']['secrets'][0]}"
    assert services["discord"]["image"] == services["gateway"]["image"]
    assert [*services["discord"]["entrypoint"], *services["discord"]["command"]] == list(OURS["discord"])
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "VOLUME /data" in dockerfile and services["gateway"]["volumes"] == ["comfygate:/data"]


def test_no_secret_is_in_it(compose):
    assert all(set(secret) == {"file"} for secret in compose["secrets"].values())
    assert "secrets" in (ROOT / ".gitignore").read_text() and "secrets" in (ROOT / ".dockerignore").read_text()


@pytest.mark.parametrize("name", OURS)
def test_ours_may_write_nothing_but_data(compose, name):
    service = compose["services"][name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
