"""ACM fails in every way at once, region by region, under a real exporter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from exporter.demo.acm import ANSWER, DROP, GARBAGE, HANG, Fault
from tests.end_to_end.faulty import Rows, configure, exporter, scene, source, world

SEARCH = "SearchCertificates"
HEALTHY = "us-east-1"
SWEEPS = {  # region -> what happens to its sweeps
    "us-east-2": Fault("ThrottlingException"),
    "us-west-1": Fault("AccessDeniedException"),
    "us-west-2": Fault("InternalFailure", status=500),
    "eu-west-1": Fault(DROP),
    "eu-west-2": Fault(HANG),
    "eu-west-3": Fault(GARBAGE),
    "eu-north-1": Fault(DROP, SEARCH, later=True),
    "eu-south-1": Fault(ANSWER, SEARCH, later=True),  # a page without rows
    "ap-south-1": Fault("ExpiredTokenException", later=True),
    "sa-east-1": Fault("UnrecognizedClientException"),
}
DETAILS = {  # region -> what happens to descriptions there, which a renewal under way asks for at each sweep
    "ap-east-1": Fault("ThrottlingException", "DescribeCertificate"),
    "ap-east-2": Fault("AccessDeniedException", "DescribeCertificate"),
    "ap-northeast-1": Fault(DROP, "DescribeCertificate"),
    "ap-northeast-2": Fault(HANG, "DescribeCertificate"),
    "ap-northeast-3": Fault(GARBAGE, "DescribeCertificate"),
}
REGIONS = (HEALTHY, *SWEEPS, *DETAILS)


async def test_acm_fails_in_every_way_and_recovers(tmp_path: Path) -> None:
    """Only the failing region's source says so; every fact and every condition of all regions stays."""
    scenes = [scene(f"{n}.{region}.example.com", region) for region in REGIONS for n in "abc"]
    scenes = [replace(one, renewal="PENDING_VALIDATION") if one.region in DETAILS else one for one in scenes]
    async with world(tmp_path, scenes) as around:
        around.acm.rows = 2  # so that each region has two pages
        async with exporter(around, configure(around)) as one:
            before = await one.ready()
            files, threads = one.size()
            around.acm.faults += [replace(f, region=r) for r, f in (SWEEPS | DETAILS).items()]
            expected = {row for region in SWEEPS for row in source("acm", region)}
            failing = await one.settles(before, expected)
            described = around.acm.requests.total()
            await one.until(lambda _: around.acm.requests.total() > described + 100)
            during = await one.settles(before, expected)
            around.acm.faults.clear()
            await one.settles(before, [], within=20)
            assert one.seen(before) == expected
            assert advanced(failing, during) == {*REGIONS} - {*SWEEPS}
            after_files, after_threads = one.size()
            assert (after_files <= files + 100, after_threads <= threads + 64) == (True, True)


def advanced(before: Rows, after: Rows) -> set[str]:
    """Tell in which regions ACM was read in between."""
    row = 'acm_exporter_source_last_success_timestamp_seconds{{region="{}",source="acm"}}'
    return {region for region in REGIONS if after[row.format(region)] > before[row.format(region)]}
