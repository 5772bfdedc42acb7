# Two stages over any Debian 12 with Python 3.11:
#   docker build -t acm-exporter .      or      buildah bud --build-arg BASE=my-base -t acm-exporter .
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
RUN python3 -m venv /opt/acm-exporter \
 && /opt/acm-exporter/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN /opt/acm-exporter/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/acm-exporter/bin/pip uninstall --yes hatchling pip

FROM ${BASE}
LABEL org.opencontainers.image.title="acm-exporter" \
      org.opencontainers.image.description="Will ACM renew this certificate, and will visitors get it?" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/acm-exporter /opt/acm-exporter
USER 65534:65534
EXPOSE 9795
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s CMD ["/opt/acm-exporter/bin/python", "-c", \
  "import urllib.request as u; u.urlopen('http://127.0.0.1:9795/-/healthy', timeout=2)"]
ENTRYPOINT ["/opt/acm-exporter/bin/acm-exporter"]
CMD ["run"]
