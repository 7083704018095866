"""Elastic Transcoder's own API, in an environment with the last botocore that has its client."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from shift_media.testing import TranscoderContract
from tests.parts import ROOT
from tests.servers import old_botocore

SUITE = ROOT / "tests" / "transcoding" / "elastic" / "suite_of_the_service.py"

_SECONDS = 600


@pytest.mark.acceptance(55, 57)
@pytest.mark.s3
@pytest.mark.long
@pytest.mark.needs("ffmpeg", "seaweedfs", "old-botocore")
def test_suite_of_service_passes_with_last_botocore_that_has_its_client(
    needs: Callable[[str], Path], tmp_path: Path
) -> None:
    command = [str(needs("old-botocore")), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-rfE", f"--basetemp={tmp_path / 'suite'}", str(SUITE)]
    ran = subprocess.run(
        command,
        cwd=ROOT,
        env=old_botocore.environment(),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    wanted = len(re.findall(r"^def test_", SUITE.read_text(), re.MULTILINE))
    wanted += sum(name.startswith("test_") for name in vars(TranscoderContract))
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed
    assert int(passed[1]) >= wanted
    assert "skipped" not in ran.stdout
