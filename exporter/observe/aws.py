"""Sessions and clients of botocore.

Endpoints and credentials are found as botocore finds them (AWS_ENDPOINT_URL, AWS_PROFILE, web identity,
IMDS, …). Everything here blocks and is safe to call from several threads.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC
from functools import partial
from typing import Any

import boto3
from botocore import exceptions as aws
from botocore import xform_name
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.loaders import Loader
from botocore.session import Session
from botocore.utils import parse_timestamp

from exporter.facts import Why
from exporter.observe.aws_errors import Refused, service_of, translate
from exporter.observe.sight import Blind

ATTEMPTS = 3
ROLE_SECONDS = 3600  # below 15 minutes botocore would renew at every call


@dataclass(frozen=True, slots=True)
class Access:
    """How to get at an account; "" for none, and all "" for the ambient credentials."""

    profile: str = ""
    role_arn: str = ""
    external_id: str = field(default="", repr=False)
    use: str = ""  # what for, where the requests are to be counted apart


class Clients:
    """One client for each service, access and region, made when first asked for."""

    def __init__(self, threads: int, timeout: float = 10.0, *, shared: bool = False) -> None:
        """Prepare without touching the network.

        `threads` is how many call at once, `timeout` the seconds that one attempt may wait for an answer.
        `shared`: all roles share one client for each service and region, as hundreds of clients would take
        hundreds of megabytes and sockets; one that is throttled then slows no other down.
        """
        self._config = Config(
            connect_timeout=min(timeout, 5.0),
            read_timeout=timeout,
            retries={"mode": "standard" if shared else "adaptive", "total_max_attempts": ATTEMPTS},
            max_pool_connections=threads,
            user_agent_extra="acm-exporter",
        )
        self._closed = False
        self._loader = Loader()  # service models take 8 MB, so all sessions share them
        self._lock = threading.Lock()  # botocore's clients may be shared by threads; their making may not
        self._sessions: dict[Access, Session] = {}
        self._clients: dict[tuple[str, Access, str], BaseClient] = {}
        self._requests: defaultdict[tuple[Access, str], Counter[tuple[str, str]]] = defaultdict(Counter)
        self._counting = threading.Lock()  # apart, as finding credentials may hold the other for seconds
        self._shared = shared
        self._roles: dict[Access, DeferredRefreshableCredentials] = {}
        self._acting = threading.local()  # as whom this thread calls

    def region(self, access: Access) -> str:
        """Tell the ambient region, "" where none is configured."""
        try:
            configured = self._plain_session(access).get_config_variable("region")
        except aws.BotoCoreError:
            configured = None  # no such profile, say; a call will tell
        # Other SDKs and AWS's own runtimes say AWS_REGION, which botocore does not read.
        return str(configured or os.environ.get("AWS_REGION", ""))

    def call(self, access: Access, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Make one call by its name; Blind with the reason if it fails.

        The service is the one whose operation it is, or stands before it: elbv2:DescribeLoadBalancers.
        """
        service, _, operation = operation.rpartition(":")
        before = getattr(self._acting, "access", access)
        try:
            client = self._client(service or service_of(operation), access, region)
            method = getattr(client, xform_name(operation))
            self._acting.access = access
            return dict(method(**parameters))
        except Blind:
            raise
        except Exception as error:
            blind = translate(error)
            if blind.why is Why.MALFORMED:  # botocore announces no attempt whose answer it cannot parse
                self._count(access, region, operation, type(error).__name__)
            if blind.why in (Why.NO_CREDENTIALS, Why.EXPIRED_TOKEN):
                self._forget(access)
            raise blind from error
        finally:
            self._acting.access = before

    def requests(self, access: Access, region: str) -> dict[tuple[str, str], int]:
        """Count the HTTP attempts so far by (operation, code), code being OK, AWS's or an exception's."""
        with self._counting:
            return dict(self._requests.get((access, region), ()))

    def close(self) -> None:
        """Let go of the connections, and let calls under way end with their present attempt.

        Their threads would outlive us for long otherwise.
        """
        self._closed = True
        for client in tuple(self._clients.values()):
            client.close()

    def _client(self, service: str, access: Access, region: str) -> BaseClient:
        maker = self._maker(access)
        key = (service, maker, region)
        if client := self._clients.get(key):
            return client
        with self._lock:
            if key not in self._clients:
                if maker not in self._sessions:
                    self._sessions[maker] = self._session(maker, region)
                session = self._sessions[maker]
                if not region:
                    raise Blind(Why.AWS_ERROR, "no region is known: set AWS_REGION or aws.accounts[].regions")
                try:
                    client = boto3.Session(botocore_session=session).client(
                        service, region_name=region, config=self._config
                    )
                except ValueError as error:
                    raise Blind(Why.AWS_ERROR, f"{error}; check AWS_ENDPOINT_URL and the region") from error
                client.meta.events.register("before-send", self._may_send)
                client.meta.events.register("response-received", partial(self._received, region))
                if self._shared:
                    client.meta.events.register("before-call", partial(self._act, region))
                self._clients[key] = client
            return self._clients[key]

    def _maker(self, access: Access) -> Access:
        """Tell whose session makes the client."""
        return Access(access.profile) if self._shared else access

    def _act(self, region: str, context: dict[str, Any], **_: Any) -> None:
        """Sign a call of a shared client with the credentials of the role that this thread acts as."""
        access: Access = self._acting.access
        if not access.role_arn:
            return
        with self._counting:
            if access not in self._roles:
                fetch = partial(self._assume, access, region)
                self._roles[access] = DeferredRefreshableCredentials(fetch, "assume-role")
            context.setdefault("signing", {})["request_credentials"] = self._roles[access]

    def _assume(self, access: Access, region: str) -> dict[str, str]:
        try:
            answer = self.call(Access(access.profile), region, "AssumeRole", **_assuming(access))
        except Refused as refused:  # not by the operation that asked for it, which may be done without
            raise Blind(refused.why, refused.detail) from refused
        given = answer["Credentials"]
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }

    def _forget(self, access: Access) -> None:
        """Look for credentials afresh next time: botocore keeps static ones for ever."""
        with self._counting:
            self._roles.pop(access, None)
        if self._shared and access.role_arn:
            return
        maker = self._maker(access)
        with self._lock:
            self._sessions.pop(maker, None)
            for key in [key for key in self._clients if key[1] == maker]:
                del self._clients[key]

    def _session(self, access: Access, region: str) -> Session:
        session = self._plain_session(access)
        credentials = session.get_credentials()
        if credentials is None:
            raise aws.NoCredentialsError
        if not access.role_arn:
            return session
        fetcher = AssumeRoleCredentialFetcher(
            partial(session.create_client, region_name=region, config=self._config),
            credentials,
            access.role_arn,
            extra_args={name: value for name, value in _assuming(access).items() if name != "RoleArn"},
        )
        assumed = self._plain_session(access)
        provider = _Given(DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role"))
        assumed.register_component("credential_provider", provider)
        return assumed

    def _plain_session(self, access: Access) -> Session:
        session = Session(profile=access.profile or None)
        session.register_component("data_loader", self._loader)
        session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
        return session

    def _may_send(self, **_: Any) -> None:
        if self._closed:
            raise Blind(Why.AWS_ERROR, "the exporter is ending")

    def _received(
        self,
        region: str,
        event_name: str,
        parsed_response: dict[str, Any] | None,
        exception: Exception | None,
        **_: Any,
    ) -> None:
        """Count one attempt; botocore announces each, those that it will retry too."""
        answer = parsed_response or {}
        code = type(exception).__name__ if exception else answer.get("Error", {}).get("Code", "OK")
        self._count(self._acting.access, region, event_name.rpartition(".")[2], str(code))

    def _count(self, access: Access, region: str, operation: str, code: str) -> None:
        with self._counting:
            self._requests[access, region][operation, code] += 1


def _assuming(access: Access) -> dict[str, Any]:
    """Write the parameters of AssumeRole."""
    asked = {
        "RoleArn": access.role_arn,
        "RoleSessionName": "acm-exporter",
        "DurationSeconds": ROLE_SECONDS,
    }
    return asked | ({"ExternalId": access.external_id} if access.external_id else {})


@dataclass(frozen=True, slots=True)
class _Given:
    """A provider, as botocore's sessions want one, of credentials that are there already."""

    credentials: DeferredRefreshableCredentials

    def load_credentials(self) -> DeferredRefreshableCredentials:
        return self.credentials


def _moment(value: Any) -> Any:
    """Read a time as aware UTC; what is none is passed on, lest one bad row spoil its whole page."""
    try:
        return parse_timestamp(value).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return value
