"""The variables at the top of the dashboards, and the links between them."""

from __future__ import annotations

from grafana.source.panels import DATASOURCE, Json
from grafana.source.queries import ANY_LABEL, ANY_TAG

TAG = "acm-exporter"  # of all our dashboards, in Grafana's own sense
ON_TIME_RANGE = 2

SOURCE: Json = {
    "name": "datasource",
    "label": "Data source",
    "description": "The Prometheus that scrapes acm-exporter.",
    "type": "datasource",
    "query": "prometheus",
    "regex": "",
    "current": {},
    "hide": 0,
    "includeAll": False,
    "multi": False,
    "refresh": 1,
}


def variable(name: str, label: str, about: str, asks: str, *, many: bool = True, **more: str) -> Json:
    """Make a variable of a query; `many` allows several values and All."""
    every = more.get("every", ".*")
    return {
        "name": name,
        "label": label,
        "description": about,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": asks, "refId": f"variable-{name}"},
        "definition": asks,
        "regex": more.get("regex", ""),
        "current": {"text": "All", "value": "$__all"} if every and (many or "every" in more) else {},
        "hide": 0,
        "includeAll": many or "every" in more,
        "allValue": every or None,
        "multi": many,
        "refresh": ON_TIME_RANGE,
        "sort": 1,
    }


# All jobs are those that have our metrics, not all of Prometheus: `up` would count the others' too.
JOB = variable(
    "job",
    "Job",
    "The scrape job of the exporter.",
    "label_values(acm_exporter_build_info, job)",
    every="",
) | {"current": {"text": "All", "value": "$__all"}}
ACCOUNT = variable(
    "account",
    "Account",
    "The AWS account.",
    'label_values(acm_exporter_source_success{job=~"$job", source="acm"}, account)',
)
REGION = variable(
    "region",
    "Region",
    "The AWS region.",
    'label_values(acm_exporter_source_success{job=~"$job", source="acm", account=~"$account"}, region)',
)
DOMAIN = variable(
    "domain",
    "Domain",
    "The certificate's domain, as ACM calls it.",
    'label_values(acm_certificate_info{job=~"$job", account=~"$account", region=~"$region"}, domain)',
)
NAME = variable(
    "domain",
    "Domain",
    "The domain that is looked at.",
    'label_values(tls_endpoint_reachable{job=~"$job"}, domain)',
)
# Which tags there are is the user's business, so they are read out of whole rows: one row has several.
CERTIFICATE_TAG = variable(
    "tag",
    "Tag",
    "One ACM tag and its value; the tags are those of aws.tags in the exporter's configuration.",
    'query_result(acm_certificate_tags{job=~"$job"})',
    many=False,
    every=ANY_TAG,
    regex='/(tag_\\w+="[^"]+")/g',
)
TAG_KEY = variable(
    "tag_key",
    "Count by tag",
    "The ACM tag by which certificates are counted.",
    'query_result(acm_certificate_tags{job=~"$job"})',
    many=False,
    regex='/(tag_\\w+)="/g',
)
LABEL = variable(
    "label",
    "Label",
    "One label of the configured domains and its value.",
    'query_result(tls_endpoint_labels{job=~"$job"})',
    many=False,
    every=ANY_LABEL,
    regex='/(label_\\w+="[^"]+")/g',
)
CERTIFICATE = variable(
    "certificate",
    "Certificate",
    "The certificate that is shown; the variables to the left shorten the list.",
    'query_result(label_join(acm_certificate_info{job=~"$job", account=~"$account", region=~"$region", '
    'domain=~"$domain"} and on (arn) {__name__=~"acm_certificate_(info|tags)", job=~"$job", ${tag:raw}}, '
    '"name", " · ", "domain", "account", "region"))',
    many=False,
    regex='/arn="(?<value>[^"]+)".*,name="(?<text>[^"]+)"/',
)
INSTANCE = variable(
    "instance",
    "Instance",
    "The exporter's process.",
    'label_values(acm_exporter_build_info{job=~"$job"}, instance)',
)


def link_to(uid: str, **values: str) -> str:
    """Make the address of another dashboard of ours with the same data source and job."""
    chosen = "".join(f"&var-{name}={value}" for name, value in values.items())
    return f"/d/{uid}?${{datasource:queryparam}}&${{job:queryparam}}{chosen}&${{__url_time_range}}"


def dashboard(
    uid: str, title: str, about: str, *, variables: list[Json], panels: list[Json], since: str
) -> Json:
    """Put a dashboard together."""
    return {
        "id": None,
        "uid": uid,
        "title": title,
        "description": about,
        "tags": [TAG],
        "schemaVersion": 39,  # Grafana 11.0; later ones migrate it when they load it
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "5m",
        "time": {"from": since, "to": "now"},
        "timezone": "browser",
        "timepicker": {},
        "annotations": {"list": []},
        "links": [
            {
                "type": "dashboards",
                "title": "acm-exporter",
                "tags": [TAG],
                "asDropdown": False,
                "includeVars": True,
                "keepTime": True,
                "targetBlank": False,
                "icon": "external link",
                "tooltip": "",
                "url": "",
            }
        ],
        "templating": {"list": [SOURCE, JOB, *variables]},
        "panels": panels,
    }
