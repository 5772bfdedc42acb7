"""What a text may mean where it names accounts of an organization.

Law of this module: that of `kinds`.
"""

from __future__ import annotations

import re

from exporter.config.kinds import shaped

role_name = shaped(  # IAM, CreateRole, Path and RoleName
    "a role's name (expected its path, if any, and its name: acm-exporter or audit/acm-exporter)",
    re.compile(r"(?:[\w+=,.@-]+/)*[\w+=,.@-]{1,64}", re.ASCII),
)
account = shaped("an account's id (expected 12 digits)", re.compile(r"[0-9]{12}", re.ASCII))
organizational_unit = shaped(  # Organizations, OrganizationalUnitId
    "an organizational unit (expected its id, for example ou-ab12-cdefgh34)",
    re.compile(r"ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}", re.ASCII),
)
