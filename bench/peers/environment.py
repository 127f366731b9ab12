"""The peers' own Python environment: made once from a lock file with hashes and kept in the cache."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from bookmill.errors import UnavailableError

__all__ = ["module_links", "peer_python"]

_LOCK = Path(__file__).with_name("peers.lock")
_ROOT = Path(__file__).parents[2]
_PACKAGES = ("bench", "bookmill", "schemas", "streams", "venues")


def peer_python(cache_dir: Path) -> Path:
    """The interpreter of the environment, installed on first use from the configured package index.

    Raises :class:`UnavailableError` with pip's last line when that fails; nothing half-made is left then.
    """
    digest = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]
    home = cache_dir / f"bench-peers-{sys.version_info.major}.{sys.version_info.minor}-{digest}"
    python = home / "bin" / "python"
    done = home / "installed"
    if done.exists():
        return python
    shutil.rmtree(home, ignore_errors=True)
    try:
        venv.create(home, with_pip=True)
        command = [
            str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--require-hashes", "--only-binary", ":all:", "-r", str(_LOCK),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        shutil.rmtree(home, ignore_errors=True)
        said = (error.stderr or error.stdout or "it said nothing").strip().splitlines()[-1]
        raise UnavailableError(
            f"The environment of the peers cannot be installed: {said}.",
            hint="Leave them out with --only handler,worker,sink,producer.",
        ) from error
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    done.touch()
    return python


def module_links(folder: Path) -> Path:
    """A folder that holds our packages and nothing of our environment, for the peers' ``PYTHONPATH``."""
    links = folder / "packages"
    links.mkdir(exist_ok=True)
    for name in _PACKAGES:
        if not (links / name).exists():
            (links / name).symlink_to(_ROOT / name)
    return links
