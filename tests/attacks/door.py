#!/usr/bin/env python3
"""Who may come in, under attack, for minutes: MG=target/release/meridian-gateway tests/attacks/door.py [SECONDS]

Against a gateway of its own on loopback, from addresses 127.0.0.x: handshakes that are held open, pages that ask for pictures, wrong and
revoked tokens, unfinished messages, empty frames. Beside each, a display with a token tries again and again to come in. Says how
often it did, how long it took, and the gateway's memory; ends with 1 where a display was kept out or memory grew."""
import asyncio, base64, os, pathlib, signal, socket, struct, subprocess, sys, tempfile, time

GATEWAY = os.path.abspath(os.environ.get("MG", "target/release/meridian-gateway"))
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
HEAD = (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: " + base64.b64encode(bytes(16)) + b"\r\n")
ORDERS = b"Sec-WebSocket-Protocol: meridian.v1.orders\r\n"


def free():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Gateway:
    def __init__(self, folder):
        self.port, self.folder = free(), pathlib.Path(folder)
        (self.folder / "day.toml").write_text(
            "synthetic = true\ngmv_counts = 'payment'\ncurrency = 'EUR'\n[title]\nen = 'A'\nzh = 'A'\n[day]\nhours = 24\n"
            "[[category]]\nname = { en = 'B', zh = 'B' }\n")
        (self.folder / "gateway.toml").write_text(
            f"listen = '127.0.0.1:{self.port}'\n[source]\nlive = 'day.toml'\norder_log = 'orders'\n"
            "[access]\ntokens = 'tokens.toml'\n[audit]\nfile = 'audit.jsonl'\n")
        self.wall, self.gone, self.source = self.token("viewer"), self.token("viewer"), self.token("source")
        self.run("revoke", self.gone.split("_")[1])
        self.process = subprocess.Popen([GATEWAY, "--config", self.folder / "gateway.toml"], stderr=subprocess.DEVNULL)
        time.sleep(2)

    def run(self, *what):
        os.umask(0o077)
        command = [GATEWAY, "token", "--config", self.folder / "gateway.toml", *what]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def token(self, role):
        return self.run("make", "--name", role, "--role", role)

    def memory(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    async def connect(self, last):
        return await asyncio.wait_for(
            asyncio.open_connection("127.0.0.1", self.port, local_addr=(f"127.0.0.{last}", 0)), 5)

    async def shake(self, last, token=None, more=b""):
        reader, writer = await self.connect(last)
        bearer = f"Authorization: Bearer {token}\r\n".encode() if token else b""
        writer.write(HEAD + bearer + more + b"\r\n")
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        return int(answer.split()[1]), reader, writer


def frame(first, length):
    return bytes([first, 0x80 | 127]) + struct.pack(">Q", length) + bytes(4)


async def again(until, doing, pause=0.0):
    """Does something over and over, whatever comes of it."""
    while time.monotonic() < until:
        try:
            await doing()
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, ValueError, IndexError):
            await asyncio.sleep(0.05)
        await asyncio.sleep(pause)


async def held(gateway, last):
    _, writer = await gateway.connect(last)
    writer.write(HEAD[:60])
    await asyncio.sleep(4)
    writer.write(HEAD[60:] + b"Origin: https://x\r\n\r\n")
    writer.close()


async def page(gateway, last):
    reader, writer = await gateway.connect(last)
    writer.write(b"GET /?picture HTTP/1.1\r\nHost: gateway\r\nAccept: image/*\r\n\r\n")
    await asyncio.wait_for(reader.read(200), 5)
    writer.close()


async def login(gateway, last, token):
    _, _, writer = await gateway.shake(last, token)
    writer.close()


async def unfinished(gateway):
    status, reader, writer = await gateway.shake(4, gateway.source, ORDERS)
    if status == 101:
        writer.write(frame(0x02, 16 << 20))
        for _ in range(15):
            writer.write(bytes(1 << 20))
            await writer.drain()
        await asyncio.wait_for(reader.read(), 15)
    writer.close()


async def empty(gateway):
    _, reader, writer = await gateway.shake(5, gateway.wall)
    writer.write(b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * 100_000)
    await asyncio.wait_for(writer.drain(), 5)
    writer.close()


async def display(gateway, last, until):
    tried = came = 0
    longest = 0.0
    while time.monotonic() < until:
        tried, begun = tried + 1, time.monotonic()
        try:
            status, _, writer = await gateway.shake(last, gateway.wall)
            came += status == 101
            writer.close()
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            pass
        longest = max(longest, time.monotonic() - begun)
        await asyncio.sleep(0.5)
    return tried, came, longest


ATTACKS = {
    # name: (what, how many at once, the display's address, the least of its tries that come in)
    "held handshakes, one address": (lambda gateway, at: held(gateway, 2), 270, 6, 1.0),
    "held handshakes, forty addresses": (lambda gateway, at: held(gateway, 100 + at % 40), 400, 6, 0.9),
    "a page's pictures, the display's own address": (lambda gateway, at: page(gateway, 3), 6, 3, 1.0),
    "wrong tokens, the display's own address": (lambda gateway, at: login(gateway, 7, "mrd_000000000000_" + "A" * 43), 1, 7, 0.2),
    "a revoked token, the display's own address": (lambda gateway, at: login(gateway, 8, gateway.gone), 3, 8, 1.0),
    "unfinished messages": (lambda gateway, at: unfinished(gateway), 40, 6, 1.0),
    "empty frames": (lambda gateway, at: empty(gateway), 4, 6, 0.9),
}


async def main():
    bad = 0
    for name, (what, many, last, least) in ATTACKS.items():
        with tempfile.TemporaryDirectory() as folder:
            gateway = Gateway(folder)
            try:
                before, until = gateway.memory(), time.monotonic() + SECONDS
                attackers = [asyncio.create_task(again(until, lambda at=at: what(gateway, at))) for at in range(many)]
                await asyncio.sleep(2)
                tried, came, longest = await display(gateway, last, until)
                most = gateway.memory()
                for attacker in attackers:
                    attacker.cancel()
                await asyncio.gather(*attackers, return_exceptions=True)
            finally:
                gateway.stop()
            wrong = came < least * tried or most - before > 400
            bad += wrong
            print(f"{'BAD ' if wrong else 'good'} {name}: in {came} of {tried}, longest {longest:.1f} s, memory {before:.0f} to {most:.0f} MB",
                  flush=True)
    sys.exit(bad > 0)


asyncio.run(main())
