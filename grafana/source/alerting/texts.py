"""Parts of annotations that several alerts share, in Prometheus' template language."""

from __future__ import annotations

from exporter.judge.verdict import RULES
from grafana.source.alerting.rule import APART

WHO = "{{ $labels.domain }} ({{ $labels.arn }}, account {{ $labels.account }}, {{ $labels.region }})"

LEFT = (
    '{{ with query (printf "acm:certificate:days_left{arn=%q}" $labels.arn) }}'
    '{{ . | first | value | printf "%.1f" }} days left{{ else }}no end known{{ end }}'
)

# Each condition in the words of the exporter's own rules.
ABOUT = (
    "".join(
        f'{{{{ {"if" if number == 0 else "else if"} eq $labels.condition "{one.code}" }}}}'
        f"Should be: {one.text.removesuffix('.')}.\nFirst: {one.remedy}."
        for number, one in enumerate(rule for rule in RULES if rule.code not in APART)
    )
    + "{{ end }} acm-exporter check {{ $labels.domain }} names the part that breaks.\n"
)

RECORDS = (
    '{{ if eq $labels.condition "validation_records" }}{{ range '
    'query (printf "topk(3, max by (name) (acm_certificate_validation_record{arn=%q}) == 0)" $labels.arn)'
    ' | sortByLabel "name" }}Missing or wrong: {{ .Labels.name }}\n{{ end }}{{ end }}'
)

SERVED = (
    '{{ range query (printf "bottomk(3, '
    "max by (domain, port, address, serial, issuer) (tls_endpoint_info) "
    "* on (domain, port, address) group_left () tls:endpoint:days_left "
    'and on (domain, port, address) (tls_endpoint_serial_match{arn=%q} == 0))" $labels.arn)'
    ' | sortByLabel "address" | sortByLabel "domain" }}'
    "{{ .Labels.domain }}:{{ .Labels.port }} at {{ .Labels.address }} serves serial {{ .Labels.serial }} "
    'issued by {{ .Labels.issuer }} ({{ .Value | printf "%.1f" }} days left).\n{{ end }}'
)

IN_FILES = (
    '{{ range query (printf "bottomk(3, '
    "max by (instance, path, serial, issuer) (certificate_file_info) "
    "* on (instance, path) group_left () certificate:file:days_left "
    'and on (instance, path) (certificate_file_serial_match{arn=%q} == 0))" $labels.arn)'
    ' | sortByLabel "path" }}'
    "The file {{ .Labels.path }} at {{ .Labels.instance }} holds serial {{ .Labels.serial }} "
    'issued by {{ .Labels.issuer }} ({{ .Value | printf "%.1f" }} days left).\n{{ end }}'
)
FILE_LEFT = (
    '{{ with query (printf "certificate:file:days_left{instance=%q, path=%q}" '
    "$labels.instance $labels.path) }}"
    '{{ . | first | value | printf "%.1f" }} days left{{ end }}'
)

FAILURE = (
    "{{ .Labels.domain }}:{{ .Labels.port }}{{ with .Labels.address }} at {{ . }}{{ end }}: "
    "{{ .Labels.reason }}.\n"
)
FAILING = (
    '{{ range query (printf "topk(3, max by (domain, port, address, reason) ('
    "tls_endpoint_failure{domain=%q} or "
    "(tls_endpoint_failure and on (domain, port, address) tls_endpoint_serial_match{arn=%q})))"
    '" $labels.domain $labels.arn) | sortByLabel "address" | sortByLabel "domain" }}'
    f"{FAILURE}{{{{ end }}}}"
)

BLIND = (
    '{{ range query (printf "max by (condition, reason) (acm_certificate_condition_unknown{arn=%q})"'
    ' $labels.arn) | sortByLabel "condition" }}{{ .Labels.condition }}: {{ .Labels.reason }}.\n{{ end }}'
)

AGE = (
    '{{ with query (printf "max(acm_certificate_validation_age_days{arn=%q})" $labels.arn) }}'
    '{{ . | first | value | printf "%.0f" }} days ago{{ else }}long ago{{ end }}'
)

PLACE = "{{ $labels.domain }}:{{ $labels.port }}"
PLACE_LEFT = (
    '{{ with query (printf "min(tls:endpoint:days_left{domain=%q, port=%q})" $labels.domain $labels.port) }}'
    '{{ . | first | value | printf "%.1f" }} days left{{ end }}'
)
PLACE_FAILING = (
    '{{ range query (printf "topk(3, max by (domain, port, address, reason) '
    '(tls_endpoint_failure{domain=%q, port=%q}))" $labels.domain $labels.port) | sortByLabel "address" }}'
    f"{FAILURE}{{{{ end }}}}"
)


def _where_zero(metric: str) -> str:
    """Ask what is served at the addresses of a place that a metric says no of."""
    return (
        'query (printf "topk(3, max by (domain, port, address, serial, issuer) (tls_endpoint_info) '
        f"and on (domain, port, address) ({metric}{{domain=%q, port=%q}} == 0))"
        '" $labels.domain $labels.port)'
    )


def _each(query: str, words: str) -> str:
    return (
        f'{{{{ range {query} | sortByLabel "address" }}}}{PLACE} at {{{{ .Labels.address }}}} {words}: '
        "serial {{ .Labels.serial }} issued by {{ .Labels.issuer }}.\n{{ end }}"
    )


OTHER_NAME = _where_zero("tls_endpoint_name_match")
PLACE_REFUSED = _each(OTHER_NAME, "serves a certificate for another name") + _each(
    _where_zero("tls_endpoint_chain_trusted"), "serves a chain that leads to no root that the exporter trusts"
)

TOTALS = (
    '{{ range query (printf "topk(3, max by (instance) (acm_exporter_total_shards{job=%q}))'
    ' or bottomk(3, max by (instance) (acm_exporter_total_shards{job=%q}))" $labels.job $labels.job)'
    ' | sortByLabel "instance" }}{{ .Labels.instance }} is one of {{ .Value }}.\n{{ end }}'
)
ORDINALS = (
    '{{ range query (printf "count by (shard_ordinal) (acm_exporter_shard_ordinal{job=%q})" $labels.job)'
    ' | sortByLabel "shard_ordinal" }} {{ .Labels.shard_ordinal }}{{ end }}'
)

SOURCE = (
    "{{ $labels.source }}"
    "{{ if $labels.account }} (account {{ $labels.account }}"
    "{{ if $labels.region }}, {{ $labels.region }}{{ end }}){{ end }}"
)
