"""The one place of numbers and names that alert rules and dashboards share.

`make grafana` writes grafana/alerts and grafana/dashboards anew from this folder; a test holds them fresh.
"""

from __future__ import annotations

# Share of a certificate's own lifetime that is left: fits 6-, 47-, 100-, 198- and 395-day certificates alike.
# 198 days: warned at 23.8 days, paged at 7.9. ACM renews 198-day certificates from 45 days (22.7 %) on, so a
# healthy renewal is long done by then.
EXPIRING_WARNING = 0.12
EXPIRING_CRITICAL = 0.04
LONGEST_DAYS = 400  # a certificate of ten years is warned of like one of 400 days, not a year ahead

# A broken renewal is a warning while there is time, and pages when less than this share is left: of 198 days
# at 15.8, of 47 at 3.8. Earlier it is not worth anybody's night.
BLOCKED_CRITICAL = 0.08

# How long something has to last before anybody hears of it.
FOR_SERVING = "10m"  # two probe intervals
FOR_RENEWAL = "30m"  # three inventory intervals
FOR_DEPLOY = "2h"  # AWS brings a renewed certificate to its services by and by
FOR_UNKNOWN = "6h"
FOR_SOURCE = "30m"
FOR_EXPORTER = "5m"
FOR_ASIDE = "30m"  # the state file and the webhook: nothing is lost before a restart, or a day
FOR_SHARDS = "15m"  # a StatefulSet that is scaled or rolled restarts its pods one after the other
NEW_SECONDS = 86400  # a certificate requested within a day need not be attached yet
SNAPSHOT_STALE_SECONDS = 300
WEBHOOK_SILENT_SECONDS = 1800

# How far back a series may lie that paused (a restart, a lost scrape).
LOOKBACK = "15m"

RUNBOOKS = "https://github.com/acm-exporter/acm-exporter/blob/main/docs/runbooks"
JOB = "acm-exporter"
