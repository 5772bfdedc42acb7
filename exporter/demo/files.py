"""Certificates in files, as people put them there by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from exporter.demo.pki import Issued
from exporter.demo.stage import Filed, Scene

PASSWORD = "changeit"  # noqa: S105 - Java's usual one


def lay(folder: Path, scenes: Iterable[Scene], issued: Callable[[Scene], Issued]) -> Iterator[str]:
    """Write the files of the scenes, and yield the lines of the configuration that name them."""
    folder.mkdir()
    (folder / "password").write_text(f"{PASSWORD}\n")
    for scene in scenes:
        match scene.filed:
            case Filed.PEM:
                file = folder / f"{scene.key}.pem"
                file.write_bytes(issued(scene).chain_pem)
                yield f"  # {scene.title}"
                yield f'  - "{file}"'
            case Filed.PKCS12:
                file, one = folder / f"{scene.key}.p12", issued(scene)
                lock = BestAvailableEncryption(PASSWORD.encode())
                name = scene.key.encode()
                file.write_bytes(
                    pkcs12.serialize_key_and_certificates(name, one.key, one.certificate, one.chain, lock)
                )
                yield f"  # {scene.title}"
                yield f'  - {{path: "{file}", password_file: "{folder}/password"}}'
            case Filed.NOWHERE:
                pass
    yield "  # Not installed yet"
    yield f'  - "{folder}/later.pem"'
