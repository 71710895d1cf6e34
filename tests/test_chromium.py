"""The browser of the tests: found in the stated order, and able to draw what the app draws."""

import pytest

from tests import chromium


def test_a_browser_that_is_named_comes_before_what_the_system_has(monkeypatch):
    monkeypatch.setenv("BUDGETSCAPE_BROWSER", "my-browser")
    assert chromium.system_browser() == "my-browser"


def test_where_nothing_is_on_the_path_none_is_found(monkeypatch, tmp_path):
    monkeypatch.delenv("BUDGETSCAPE_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "APPLICATIONS", ())
    assert chromium.system_browser() is None


def test_when_one_way_to_install_fails_the_next_is_tried(monkeypatch):
    tried = []

    def said(command):
        tried.append(command[0])
        return command[0] != "apt-get"

    monkeypatch.setattr(chromium, "_said", said)
    monkeypatch.setattr(chromium.shutil, "which", lambda name: name)
    monkeypatch.setattr(chromium.os, "geteuid", lambda: 0)
    assert chromium.install()
    assert tried == ["apt-get", "apt-get", chromium.sys.executable]


@pytest.mark.browser
def test_the_browser_draws_3d(browser):
    page = browser.new_page()
    page.set_content("<canvas></canvas>")
    assert page.evaluate("!!document.querySelector('canvas').getContext('webgl2')")
    page.close()
