"""info: versions, backends, devices and folders."""

import json


def test_info(convfilter):
    """`info --json` names versions, the backend, devices and folders."""
    facts = json.loads(convfilter("info", "--json").out)
    assert facts["backend"] in facts["backends"]
    assert "cpu:0" in facts["devices"]
    assert facts["packages"]["keras"].startswith("3.")
    assert "backends" in convfilter("info").out
