"""The main job from end to end, on the spam example: generate, init, check, train, serve, classify, feed back, account.

Everything happens under build/demo, which is made anew on every run. With a terminal attached the server stays up at
the end; without one it is stopped and the exit code says whether all went well.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from generate import make_messages

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent.parent / "build" / "demo"
ASSAY = str(Path(sys.executable).with_name("assay"))
HOST = "127.0.0.1"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0

FRIEND = {"account_age_days": 1400, "verified": False, "follower_count": 210, "messages_sent_7d": 18,
          "spam_reports_received": 0, "avg_message_length": 41.0, "reply_rate": 0.71, "block_rate": 0.0}  # fmt: skip
STRANGER = {"account_age_days": 6, "verified": False, "follower_count": 3, "messages_sent_7d": 240,
            "spam_reports_received": 5, "avg_message_length": 78.0, "reply_rate": 0.03, "block_rate": 0.21}  # fmt: skip
SHOP = {"account_age_days": 1900, "verified": True, "follower_count": 5200, "messages_sent_7d": 150,
        "spam_reports_received": 1, "avg_message_length": 88.0, "reply_rate": 0.1, "block_rate": 0.02}  # fmt: skip

LIVE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("a friend", "lunch on Friday at 12:30? the place near the harbour is open again", FRIEND),
    ("a stranger", "WINNER!!!! Claim your prize at http://win.lucky-day.example/abc http://x.example/1 "
     "http://y.example/2", STRANGER),
    ("a friend", "look at this https://pix.example/kdhwpa", FRIEND),
    ("a stranger", "look at this https://pix.example/kdhwpa", STRANGER),
    ("a shop", "Autumn sale: 20% off everything until Sunday, see https://shop.citybooks.example/4711", SHOP),
)  # fmt: skip


def main() -> int:
    """Tell the story; 0 when every step did what it should."""
    began = time.monotonic()
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    FOLDER.mkdir(parents=True)

    chapter(
        "The data",
        "Messages between users, labelled by moderators who err now and then: no model can be right about all.",
    )
    run("python", "generate.py", "--output", "messages.csv", program=[sys.executable, str(HERE / "generate.py")])

    chapter(
        "A first draft",
        "init reads the file and drafts the spec: the contract, the features, gates against the baselines.",
    )
    run("assay", "init", "messages.csv", "--label", "label", "--positive", "spam", "--name", "spam", "--entity",
        "user_id", "--time", "sent_at", "--split", "group", "--output", "draft.yaml")  # fmt: skip
    say("The classifier.yaml that ships with this example is such a draft with its owner's wishes added: "
        "as much recall as a precision of 0.95 allows, gates of its own, reasons for the answers.")  # fmt: skip
    shutil.copy(HERE / "classifier.yaml", FOLDER)

    chapter("The check", "Spec and data against each other, and an audit for leaks, before anything is learned.")
    run("assay", "check")

    chapter(
        "The training",
        "Candidates, calibration and threshold are chosen on four fifths of the users; the last fifth only judges.",
    )
    run("assay", "train")

    with server() as port:
        chapter(
            "Live messages",
            f"The server answers at http://{HOST}:{port}. The same words from two senders are two cases.",
        )
        connection = http.client.HTTPConnection(HOST, port, timeout=10)
        classify_live(connection)
        chapter(
            "A thousand more",
            "New messages by new users, each a request of its own; their labels are fed back afterwards.",
        )
        classify_many(connection)
        connection.close()
        took = time.monotonic() - began
        if sys.stdin.isatty() and sys.stdout.isatty():
            stay_up(port)

    chapter("The account", "The server has stopped. Every answer that left it is on record, and so are the labels.")
    run("assay", "log", "stats")
    say(f"All of this took {took:.0f} s. It is kept in {os.path.relpath(FOLDER)}.")
    return 0


def classify_live(connection: http.client.HTTPConnection) -> None:
    """Classify a few messages one would meet, with the reasons."""
    for sender, text, columns in LIVE:
        row = {"user_id": f"demo-{sender.split()[-1]}", "text": text, **columns}
        answer = post(connection, "/v1/predict", {"model": "spam", "features": row, "explain": True})
        print(f'  {answer["decision"]:<5} {answer["prediction"]:.3f}   {sender}: "{shorten(text, 76)}"')
        explanation = answer["explanation"]
        factors = ", ".join(
            f"{factor['feature']} {factor['contribution']:+.1f}" for factor in explanation["factors"][:4]
        )
        print(f"                {factors}")
        if explanation.get("reasons"):
            print(f"                {'; '.join(explanation['reasons'])}")


def classify_many(connection: http.client.HTTPConnection) -> None:
    """Classify new messages one by one, measure, and hand the true labels back."""
    messages = list(make_messages(seed=2025, rows=1000))
    decided: list[tuple[str, str, str]] = []
    waited = []
    for message in messages:
        row = request_row(message)
        sent = time.perf_counter()
        answer = post(connection, "/v1/predict", {"model": "spam", "features": row})
        waited.append(1000 * (time.perf_counter() - sent))
        decided.append((answer["prediction_id"], answer["decision"], message["label"]))
    for prediction_id, _, label in decided:
        post(connection, "/v1/feedback", {"prediction_id": prediction_id, "label": label, "source": "moderator"})

    held = [label for _, decision, label in decided if decision == "spam"]
    spam = sum(label == "spam" for _, _, label in decided)
    caught = sum(label == "spam" for label in held)
    waited.sort()
    print(f"  {len(held)} of {len(decided)} messages were held back; {caught} of them were labelled spam")
    print(f"  precision {caught / max(1, len(held)):.3f}, recall {caught / max(1, spam):.3f}")
    print(f"  answered in {waited[len(waited) // 2]:.2f} ms (median) and {waited[int(0.99 * len(waited))]:.2f} ms "
          "(99th percentile), measured by this client")  # fmt: skip
    print(f"  {len(decided)} labels fed back")


def request_row(message: dict[str, str]) -> dict[str, Any]:
    """The example as a client would send it: typed, without the label, missing values left out."""
    row: dict[str, Any] = {key: value for key, value in message.items() if value != "" and key != "label"}
    for key in row.keys() - {"message_id", "user_id", "sent_at", "text"}:
        row[key] = json.loads(row[key])
    return row


def post(connection: http.client.HTTPConnection, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST JSON over the open connection; anything but success ends the demo with the server's own words."""
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    response = connection.getresponse()
    payload = response.read()
    if response.status >= 300:
        sys.exit(f"{path} answered {response.status}: {payload.decode(errors='replace')}")
    answer: dict[str, Any] = json.loads(payload)
    return answer


@contextlib.contextmanager
def server() -> Iterator[int]:
    """`assay serve` on a free port, ready to answer; stopped in order at the end, its log shipped."""
    port = free_port(8000)
    with (FOLDER / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [ASSAY, "serve", "--host", HOST, "--port", str(port)], cwd=FOLDER, env=environment(), stdout=log, stderr=log
        )
    try:
        wait_until_ready(process, port)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            sys.exit(f"the server did not stop within {STOP_TIMEOUT_S:.0f} s; its log is {FOLDER / 'server.log'}")
    if code not in {0, -signal.SIGTERM}:
        sys.exit(f"the server ended with {code}; its log is {FOLDER / 'server.log'}")


def wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    """Ask /readyz until it says yes, the server dies or the time is up."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection(HOST, port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    sys.exit(f"the server did not get ready:\n{(FOLDER / 'server.log').read_text(errors='replace')}")


def stay_up(port: int) -> None:
    """Leave the server to whoever sits at the terminal, until Enter or Ctrl-C."""
    chapter("Your turn", f"The server stays up at http://{HOST}:{port} (documentation at /docs). Enter stops it.")
    print(f"  curl -s http://{HOST}:{port}/classify -H 'content-type: application/json' \\\n"
          """    -d '{"text": "You won! Claim at http://x.example", "user_id": "u1"}'""")  # fmt: skip
    with contextlib.suppress(KeyboardInterrupt, EOFError):
        input()


def run(*command: str, program: list[str] | None = None) -> None:
    """Show a command and run it in the demo's folder; its output is the story."""
    print(f"\n  $ {' '.join(command)}", flush=True)
    actual = [*program, *command[2:]] if program else [ASSAY, *command[1:]]
    done = subprocess.run(actual, cwd=FOLDER, env=environment(), check=False)
    if done.returncode:
        sys.exit(f"{command[0]} {command[1]} ended with {done.returncode}")


def environment() -> dict[str, str]:
    """The environment without settings of other installations, and with a width for tables."""
    width = str(shutil.get_terminal_size((100, 40)).columns)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ASSAY_")}
    return {**kept, "COLUMNS": width}


def free_port(wanted: int) -> int:
    """`wanted` if nobody listens there, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    sys.exit("no free port")


def chapter(title: str, text: str) -> None:
    """Open a part of the story."""
    print(f"\n{title}\n{'-' * len(title)}")
    say(text)


def say(text: str) -> None:
    """A sentence or two, wrapped."""
    print(textwrap.fill(text, 100), flush=True)


def shorten(text: str, width: int) -> str:
    """The beginning of a text."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
