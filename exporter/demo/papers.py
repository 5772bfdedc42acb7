"""What a user of the demo would have written: the configuration and the environment."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from exporter.demo.stage import STAGING, TOKYO, VIRGINIA

ROLE = f"arn:aws:iam::{STAGING}:role/acm-exporter"
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"  # AWS's own example, as is the secret
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105


def environment(url: str, folder: Path) -> dict[str, str]:
    """Send the AWS clients of this process to the stand-in, whatever the user's own settings are."""
    settings = folder / "aws-config"
    settings.write_text("[default]\n")
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": VIRGINIA,
        "AWS_DEFAULT_REGION": VIRGINIA,
        "AWS_PROFILE": "default",
        "AWS_CONFIG_FILE": str(settings),
        "AWS_SHARED_CREDENTIALS_FILE": str(settings),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


CONFIGURATION = dedent(
    f"""\
    # The configuration of the demo: as a user would write it, but for the short intervals.
    aws:
      interval: {{pause}}s
      accounts:
        - name: production
          regions: [{VIRGINIA}, {TOKYO}]
        - name: staging
          regions: [{TOKYO}]
          role_arn: {ROLE}
      tags: [service]
      resources: [elasticloadbalancing, cloudfront, apigateway]
      requests_per_second: 50

    probe:
      interval: {{pause}}s
      timeout: 2s
      certificate_names: true
      ca_file: "{{ca_file}}"  # the roots of the demo's authorities
      ocsp: true
      chain: true
      resources: true

    dns:
      interval: {{pause}}s
      timeout: 2s
      nameservers: ["{{nameserver}}"]

    renewal:
      rules: current  # try classic: the five conditions of old decide

    # The demo may not listen on port 443, so every name has its port here.
    domains:
    {{domains}}

    # Certificates that were exported and installed by hand.
    files:
    {{files}}
    """
)
