"""The rules that CI relies on."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def same_rules(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "source",
    [
        "import pytest\ndef test_one(): pytest.skip('no such package')",
        "import pytest\npytest.importorskip('no_such_package')\ndef test_one(): pass",
        "import pytest\n@pytest.mark.skipif(True, reason='not here')\ndef test_one(): pass",
    ],
    ids=["in the test", "of the module", "by a mark"],
)
def test_a_skipped_test_fails_the_run_when_skips_are_failures(
    pytester: pytest.Pytester, source: str
) -> None:
    pytester.makepyfile(source)
    assert pytester.runpytest("-p", "no:cacheprovider").ret in {
        pytest.ExitCode.OK,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    }
    result = pytester.runpytest("-p", "no:cacheprovider", "--fail-on-skip")
    assert result.ret not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    result.stdout.fnmatch_lines(["*skipped, and --fail-on-skip was given*"])


def test_an_expected_failure_is_not_a_skipped_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.xfail\ndef test_one(): assert False")
    result = pytester.runpytest("-p", "no:cacheprovider", "--fail-on-skip")
    result.assert_outcomes(xfailed=1)
    assert result.ret == pytest.ExitCode.OK


def test_settings_of_the_person_who_runs_the_tests_do_not_reach_them(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPTIONER_LISTEN", "10.1.2.3:1")
    monkeypatch.setenv("CAPTIONER_MODELS_DIR", "/models")
    pytester.makepyfile(
        "import os\n"
        "def test_one():\n"
        "    names = [name for name in os.environ if name.startswith('CAPTIONER_')]\n"
        "    assert names == ['CAPTIONER_MODELS_DIR']\n"
    )
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1)
