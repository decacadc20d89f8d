"""Keys for tests: made by the command line as an operator makes them, and a caller who has one.

    gateway = gateways(auth_mode="keys")
    anna = Caller(gateway, make_key(gateway.data_dir, "anna", role="user"))
    assert anna.request("GET", "/v1/jobs").status == 200
"""
import subprocess

import databases
import gateway as gateway_module


def keys_command(data_dir, *words, **settings):
    """`comfygate keys ...` on that data folder: (exit code, standard output, standard error)."""
    command = [str(gateway_module.BIN), "keys", *words, f"--data-dir={data_dir}"]
    command += [f"--{name.replace('_', '-')}={value}" for name, value in {**databases.settings_for(data_dir), **settings}.items()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False,
                          env=gateway_module.Gateway._environment())
    return done.returncode, done.stdout, done.stderr


def make_key(data_dir, name, role=None, scopes=(), expires=None):
    words = ["create", name] + ([f"--role={role}"] if role else []) + [f"--scope={scope}" for scope in scopes]
    code, out, err = keys_command(data_dir, *words, *([f"--expires={expires}"] if expires else []))
    assert code == 0, err
    return out.strip()


class Caller:
    """Who asks with a key, or, without one, with nothing."""

    def __init__(self, gateway, key=None):
        self.gateway = gateway
        self.key = key

    def request(self, method, path, headers=None, **what):
        own = {"Authorization": f"Bearer {self.key}"} if self.key is not None else {}
        return self.gateway.request(method, path, headers={**own, **(headers or {})}, **what)

    def json(self, method, path, **what):
        answer = self.request(method, path, **what)
        assert 200 <= answer.status < 300, answer
        return answer.json()

    def submit(self, template="test-pattern", **members):
        return self.json("POST", "/v1/jobs", json={"template": template, "input": {"width": 128, "height": 128}, **members})

    def finish(self, job):
        done = self.json("GET", f"/v1/jobs/{job['id']}?wait=30")
        assert done["status"] == "succeeded", done
        return done

    def make(self):
        """A job that has succeeded."""
        return self.finish(self.submit())

    def bring(self, content, name="picture.png"):
        return self.json("POST", f"/v1/assets?name={name}", body=content, headers={"Content-Type": "image/png"})
