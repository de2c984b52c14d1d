"""Both transports keep one contract: what was sent is never taken for unsent, and connections are used again."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.abc
import httpx
import pytest

from swarm.errors import UsageError
from swarm.models.transport import Proxies, TransportKind, default_tls, open_transport
from tests.provider import Answer, Provider, provider_thread


@pytest.fixture(params=["aiohttp", "httpx"])
def kind(request: pytest.FixtureRequest) -> TransportKind:
    chosen: TransportKind = request.param
    return chosen


@pytest.fixture
async def transport(kind: TransportKind) -> AsyncIterator[httpx.AsyncBaseTransport]:
    async with open_transport(kind, environ={}) as opened:
        yield opened


def post(url: str, *, read_s: float = 10.0, connect_s: float = 10.0) -> httpx.Request:
    timeout = {"connect": connect_s, "read": read_s}
    return httpx.Request("POST", f"{url}/chat/completions", json={"messages": []}, extensions={"timeout": timeout})


async def whole(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> tuple[int, bytes]:
    response = await transport.handle_async_request(request)
    try:
        return response.status_code, await response.aread()
    finally:
        await response.aclose()


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def test_calls_one_after_the_other_share_one_connection(transport: httpx.AsyncBaseTransport) -> None:
    async with Provider() as provider:
        for _ in range(10):
            status, body = await whole(transport, post(provider.url))
            assert status == 200
            assert body.endswith(b"data: [DONE]\n\n")
        assert (len(provider.requests), provider.connections) == (10, 1)


@pytest.mark.parametrize(("server", "connections"), [("llama.cpp", 3), ("another", 1)])
async def test_a_server_that_ends_connections_unsaid_gets_a_new_one_for_each_call(
    server: str, connections: int
) -> None:
    heads_seen: list[anyio.Event] = []

    def answer(_: object) -> Answer:
        heads_seen.append(anyio.Event())
        return Answer(headers={"server": server}, before_piece=heads_seen[-1].wait)

    async with open_transport("aiohttp", environ={}) as transport, Provider(answer) as provider:
        for _ in range(3):
            response = await transport.handle_async_request(post(provider.url))
            heads_seen[-1].set()
            assert (await response.aread()).endswith(b"data: [DONE]\n\n")
            await response.aclose()
        assert provider.connections == connections


async def test_calls_at_once_open_no_more_connections_than_there_are_calls(transport: httpx.AsyncBaseTransport) -> None:
    async with Provider() as provider:
        for _ in range(3):
            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(whole, transport, post(provider.url))
        assert len(provider.requests) == 60
        assert provider.connections <= 20


async def test_a_refused_connection_means_that_nothing_was_sent(transport: httpx.AsyncBaseTransport) -> None:
    with pytest.raises(httpx.ConnectError):
        await whole(transport, post(f"http://127.0.0.1:{closed_port()}"))


async def test_a_name_that_does_not_resolve_means_that_nothing_was_sent(transport: httpx.AsyncBaseTransport) -> None:
    with pytest.raises(httpx.ConnectError):
        await whole(transport, post("http://no-such-host.invalid"))


async def test_a_connection_that_does_not_come_about_in_time_means_that_nothing_was_sent(
    transport: httpx.AsyncBaseTransport,
) -> None:
    with socket.socket() as deaf:  # takes the connection and never answers the handshake
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        with pytest.raises(httpx.ConnectTimeout):
            await whole(transport, post(f"https://127.0.0.1:{deaf.getsockname()[1]}", connect_s=0.1))


@asynccontextmanager
async def answering(said: bytes) -> AsyncGenerator[int, None]:
    """A server that answers whatever comes with `said`; gives its port."""

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(said)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        yield listener.extra(anyio.abc.SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


async def test_a_server_without_tls_means_that_nothing_was_sent(transport: httpx.AsyncBaseTransport) -> None:
    async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        with pytest.raises(httpx.ConnectError):
            await whole(transport, post(f"https://127.0.0.1:{port}"))


@pytest.mark.parametrize("cut_by", ["close", "reset"])
@pytest.mark.parametrize("cut_after", [-1, 0, 2])
async def test_a_connection_lost_after_sending_is_never_taken_for_unsent(
    transport: httpx.AsyncBaseTransport, cut_by: str, cut_after: int
) -> None:
    answer = Answer("some words", cut_after=cut_after, cut_by="reset" if cut_by == "reset" else "close")
    async with Provider(lambda _: answer) as provider:
        with pytest.raises((httpx.NetworkError, httpx.RemoteProtocolError)) as caught:
            await whole(transport, post(provider.url))
        assert not isinstance(caught.value, httpx.ConnectError)
        assert len(provider.requests) == 1, "a request is not sent twice"


async def test_a_kept_connection_that_breaks_under_a_request_is_not_taken_for_unsent_or_asked_again(
    transport: httpx.AsyncBaseTransport,
) -> None:
    answers = iter([Answer(), Answer(cut_after=-1)])
    async with Provider(lambda _: next(answers)) as provider:
        await whole(transport, post(provider.url))
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await whole(transport, post(provider.url))
        assert (len(provider.requests), provider.connections) == (2, 1)


async def test_a_server_that_says_nothing_is_left_in_time_and_counts_as_asked(
    transport: httpx.AsyncBaseTransport,
) -> None:
    never = anyio.Event()
    async with Provider(lambda _: Answer(before_head=never.wait)) as provider:
        with pytest.raises(httpx.ReadTimeout):
            await whole(transport, post(provider.url, read_s=0.1))
        await provider.hung_up.wait()


async def test_an_answer_that_is_not_http_counts_as_asked(transport: httpx.AsyncBaseTransport) -> None:
    async with answering(b"hello, I am no web server\r\n\r\n") as port:
        with pytest.raises(httpx.RemoteProtocolError):
            await whole(transport, post(f"http://127.0.0.1:{port}"))


async def test_a_server_that_hangs_up_at_once_is_not_waited_for(transport: httpx.AsyncBaseTransport) -> None:
    async def hang_up(stream: anyio.abc.SocketStream) -> None:
        await stream.aclose()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, hang_up)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        with anyio.fail_after(5), pytest.raises(httpx.TransportError):
            await whole(transport, post(f"http://127.0.0.1:{port}"))
        tasks.cancel_scope.cancel()


async def test_a_redirect_is_given_back_and_not_followed(transport: httpx.AsyncBaseTransport) -> None:
    async with Provider() as other, Provider(lambda _: Answer(status=307, headers={"location": other.url})) as provider:
        assert (await whole(transport, post(provider.url)))[0] == 307
        assert other.connections == 0


async def test_no_cookie_is_kept(transport: httpx.AsyncBaseTransport) -> None:
    async with Provider(lambda _: Answer(headers={"set-cookie": "a=b; Path=/"})) as provider:
        for _ in range(2):
            await whole(transport, post(provider.url))
        assert "cookie" not in provider.requests[1].headers


async def test_nothing_is_sent_but_the_headers_of_the_request(transport: httpx.AsyncBaseTransport) -> None:
    async with Provider() as provider:
        request = post(provider.url)
        await whole(transport, request)
        assert set(provider.requests[0].headers) <= {*request.headers, "connection"}


async def test_a_proxy_is_asked_for_what_is_not_local(kind: TransportKind) -> None:
    async with Provider() as proxy, Provider() as straight:
        environ = {"HTTP_PROXY": proxy.url.removesuffix("/v1"), "NO_PROXY": "near.example.test"}
        async with open_transport(kind, environ=environ) as transport:
            await whole(transport, post("http://api.example.test/v1"))
            await whole(transport, post(straight.url))
        assert [seen.target for seen in proxy.requests] == ["http://api.example.test/v1/chat/completions"]
        assert [seen.target for seen in straight.requests] == ["/v1/chat/completions"]


async def test_a_proxy_that_refuses_the_tunnel_means_that_nothing_was_sent(kind: TransportKind) -> None:
    async with Provider() as proxy:
        environ = {"https_proxy": proxy.url.removesuffix("/v1").replace("http://", "http://me:secret@")}
        async with open_transport(kind, environ=environ) as transport:
            with pytest.raises((httpx.ProxyError, httpx.ConnectError)) as caught:
                await whole(transport, post("https://api.example.test/v1"))
        assert [(seen.method, seen.target) for seen in proxy.requests] == [("CONNECT", "api.example.test:443")]
        assert "proxy-authorization" in proxy.requests[0].headers
        assert "secret" not in f"{caught.value!r} {caught.value.__cause__!r}"


async def test_a_proxy_that_is_not_there_means_that_nothing_was_sent(kind: TransportKind) -> None:
    async with open_transport(kind, environ={"ALL_PROXY": f"http://127.0.0.1:{closed_port()}"}) as transport:
        for scheme in ("http", "https"):
            await refused(transport, post(f"{scheme}://api.example.test/v1"))


async def test_the_tls_context_is_made_at_the_first_https_request_and_once(kind: TransportKind) -> None:
    made: list[ssl.SSLContext] = []

    def make() -> ssl.SSLContext:
        made.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        return made[-1]

    async with Provider() as provider, open_transport(kind, environ={}, tls=make) as transport:
        await whole(transport, post(provider.url))
        assert made == []
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(refused, transport, post(f"https://127.0.0.1:{closed_port()}"))
        assert len(made) == 1


async def refused(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> None:
    with pytest.raises(httpx.ConnectError):
        await whole(transport, request)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed, and a certificate has to be made")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:api.example.test", "-out", str(cert), "-keyout", str(key)]
    subprocess.run([openssl, *options.split(), *names], check=True, capture_output=True)
    yield cert, key


async def test_tls_works_with_a_certificate_that_the_environment_trusts_and_with_no_other(
    kind: TransportKind, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(*certificate)
    async with Provider(tls=served) as provider:
        async with open_transport(kind, environ={}) as transport:
            with pytest.raises(httpx.ConnectError, match="certificate"):
                await whole(transport, post(provider.url))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        async with open_transport(kind, environ={}) as transport:
            for _ in range(3):
                assert (await whole(transport, post(provider.url)))[0] == 200
        assert len(provider.requests) == 3


@asynccontextmanager
async def tunnelling(to: int) -> AsyncGenerator[int, None]:
    """A proxy that leads every CONNECT to a port of this machine; gives its own port."""

    async def pump(source: anyio.abc.SocketStream, sink: anyio.abc.SocketStream) -> None:
        async for piece in source:
            await sink.send(piece)
        await sink.aclose()

    async def answer(near: anyio.abc.SocketStream) -> None:
        async with near, await anyio.connect_tcp("127.0.0.1", to) as far, anyio.create_task_group() as both:
            assert (await near.receive()).startswith(b"CONNECT api.example.test:443 HTTP/1.1\r\n")
            await near.send(b"HTTP/1.1 200 Connected\r\n\r\n")
            both.start_soon(pump, near, far)
            both.start_soon(pump, far, near)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        yield listener.extra(anyio.abc.SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


async def test_https_goes_through_a_proxy_as_tls_with_the_server_and_the_tunnel_is_used_again(
    kind: TransportKind, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(*certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    async with Provider(tls=served) as provider, tunnelling(httpx.URL(provider.url).port or 0) as port:
        async with open_transport(kind, environ={"HTTPS_PROXY": f"http://127.0.0.1:{port}"}) as transport:
            for _ in range(3):
                assert (await whole(transport, post("https://api.example.test/v1")))[0] == 200
        assert (len(provider.requests), provider.connections) == (3, 1)


async def test_a_certificate_of_another_name_is_refused_behind_a_proxy_too(
    kind: TransportKind, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(*certificate)
    async with Provider(tls=served) as provider, tunnelling(httpx.URL(provider.url).port or 0) as port:
        async with open_transport(kind, environ={"HTTPS_PROXY": f"http://127.0.0.1:{port}"}) as transport:
            with pytest.raises(httpx.ConnectError):
                await whole(transport, post("https://api.example.test/v1"))
        assert provider.requests == []


async def test_a_connection_that_the_server_wants_closed_is_not_used_again(
    transport: httpx.AsyncBaseTransport,
) -> None:
    async with Provider(lambda _: Answer(headers={"connection": "close"})) as provider:
        for _ in range(3):
            assert (await whole(transport, post(provider.url)))[0] == 200
        assert provider.connections == 3


async def test_an_answer_that_is_left_before_its_end_closes_its_connection(
    transport: httpx.AsyncBaseTransport,
) -> None:
    never = anyio.Event()
    async with Provider(lambda _: Answer(before_piece=never.wait)) as provider:
        response = await transport.handle_async_request(post(provider.url))
        await response.aclose()
        await provider.hung_up.wait()
        assert provider.connections == 1


async def test_an_answer_that_is_read_slowly_comes_whole(transport: httpx.AsyncBaseTransport) -> None:
    body = b"0123456789abcdef" * 250_000
    async with Provider(lambda _: Answer(body=body)) as provider:
        response = await transport.handle_async_request(post(provider.url))
        read = bytearray()
        async for piece in response.aiter_raw():
            read += piece
            await anyio.lowlevel.checkpoint()
        await response.aclose()
        assert read == body
        assert (await whole(transport, post(provider.url)))[1] == body
        assert provider.connections == 1


def test_a_system_without_certificates_of_its_own_gets_the_packaged_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert default_tls().cert_store_stats()["x509_ca"] > 50


async def test_an_unknown_transport_is_refused() -> None:
    unknown: TransportKind = "curl"  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    with pytest.raises(UsageError, match="'aiohttp' or 'httpx'"):
        async with open_transport(unknown, environ={}):
            pass


PROXY = "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("environ", "address", "expected"),
    [
        ({}, ("http", "a.test", 80), None),
        ({"HTTP_PROXY": PROXY}, ("http", "a.test", 80), PROXY),
        ({"HTTP_PROXY": PROXY}, ("https", "a.test", 443), None),
        ({"HTTPS_PROXY": "http://no.test:1", "https_proxy": PROXY}, ("https", "a.test", 443), PROXY),
        ({"ALL_PROXY": "proxy.test:3128"}, ("https", "a.test", 443), PROXY),
        ({"ALL_PROXY": PROXY}, ("http", "localhost", 8080), None),
        ({"ALL_PROXY": PROXY}, ("http", "127.0.0.2", 8080), None),
        ({"ALL_PROXY": PROXY}, ("http", "::1", 8080), None),
        ({"ALL_PROXY": PROXY, "NO_PROXY": "*"}, ("http", "a.test", 80), None),
        ({"ALL_PROXY": PROXY, "NO_PROXY": "x, a.test"}, ("http", "a.test", 80), None),
        ({"ALL_PROXY": PROXY, "NO_PROXY": ".a.test"}, ("http", "b.A.test", 80), None),
        ({"ALL_PROXY": PROXY, "NO_PROXY": "a.test"}, ("http", "ba.test", 80), PROXY),
        ({"ALL_PROXY": PROXY, "NO_PROXY": "a.test:81"}, ("http", "a.test", 80), PROXY),
        ({"ALL_PROXY": PROXY, "NO_PROXY": "a.test:80"}, ("http", "a.test", 80), None),
        ({"ALL_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, ("http", "10.1.2.3", 80), None),
        ({"ALL_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8,what/ever"}, ("http", "11.1.2.3", 80), PROXY),
        ({"ALL_PROXY": PROXY, "NO_PROXY": "fd00::1"}, ("http", "fd00::1", 80), None),
    ],
)
def test_the_proxy_variables_mean_what_they_mean_to_other_programs(
    environ: dict[str, str], address: tuple[str, str, int], expected: str | None
) -> None:
    assert Proxies(environ).route(*address) == expected


@pytest.mark.parametrize("proxy", ["socks5://me:secret@proxy.test:1080", "http://"])
def test_a_proxy_that_cannot_be_used_is_refused_by_the_name_of_its_variable(proxy: str) -> None:
    with pytest.raises(UsageError, match="ALL_PROXY") as caught:
        Proxies({"all_proxy": proxy})
    assert "secret" not in str(caught.value)


def test_a_provider_in_a_thread_serves_other_loops_and_processes() -> None:
    with provider_thread(lambda body: Answer(body["say"], stream=False)) as provider:
        answer = httpx.post(f"{provider.url}/chat/completions", json={"say": "hello"}, trust_env=False)
        assert answer.json()["choices"][0]["message"]["content"] == "hello"
        assert [seen.body for seen in provider.requests] == [{"say": "hello"}]
