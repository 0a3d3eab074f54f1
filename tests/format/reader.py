#!/usr/bin/env python3
"""Reads a store of Nightlatch, knowing nothing but docs/format.md.

    reader.py STORE_DIR [--now SECONDS]

prints as JSON, for every person in the store, what `nightlatch status --json` says that stands in the store, and how whole the
state is ("integrity"); or why the person's record is refused ("error"). It takes no lock and writes nothing, needs root as the
store does, and nothing but Python 3.11 on Linux.

Quoted in the comments is docs/format.md.
"""

import argparse
import base64
import binascii
import ctypes
import ipaddress
import json
import os
import re
import stat
import struct
import sys
import time
import tomllib
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any


class Refused(Exception):
    """The page says that this is refused, or it is nothing that the page knows."""


def demand(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Refused(otherwise)


# Where: "Whoever reads opens each component from `/` on relative to the one before, follows no symbolic link and waits for no
# FIFO, and checks what was opened".

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def unwritable(name: str, status: os.stat_result) -> None:
    """Only root can write it."""
    demand(status.st_uid == 0, f"{name} is not root's")
    demand(not status.st_mode & 0o022, f"others can write {name}")


def private(name: str, status: os.stat_result) -> None:
    """Nobody but root can use it, or holds another name of it."""
    unwritable(name, status)
    demand(not status.st_mode & 0o077, f"others can use {name}")
    demand(stat.S_ISDIR(status.st_mode) or status.st_nlink == 1, f"{name} has another name")


Check = Callable[[str, os.stat_result], None]


def directory(name: str, within: int | None, check: Check) -> int:
    descriptor = os.open(name, DIRECTORY, dir_fd=within)
    check(name, os.fstat(descriptor))
    return descriptor


def directory_at(path: str) -> int:
    """Opens a directory and checks all that lead to it."""
    descriptor = directory("/", None, unwritable)
    for name in os.path.abspath(path).split("/"):
        if name:
            descriptor = directory(name, descriptor, unwritable)
    return descriptor


@dataclass
class File:
    content: bytes
    inode: int
    birth: int


def read(name: str, within: int, longest: int, check: Check = private) -> File:
    """A whole file of root, "no longer than said"."""
    with open(os.open(name, FILE, dir_fd=within), "rb") as file:
        status = os.fstat(file.fileno())
        demand(stat.S_ISREG(status.st_mode), f"{name} is not a regular file")
        check(name, status)
        content = file.read(longest + 1)
        demand(len(content) <= longest, f"{name} is longer than {longest} bytes")
        return File(content, status.st_ino, birth_time(file.fileno()))


def birth_time(descriptor: int) -> int:
    """In nanoseconds since 1970, "0 where the file system does not say". Python's `os.stat` does not say on Linux."""
    empty_path, of_birth = 0x1000, 0x800
    answer = ctypes.create_string_buffer(256)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.statx(descriptor, b"", empty_path, of_birth, answer) != 0:
        raise OSError(ctypes.get_errno(), "statx")
    (mask,) = struct.unpack_from("=I", answer, 0)
    seconds, nanoseconds = struct.unpack_from("=qI", answer, 80)
    return seconds * 10**9 + nanoseconds if mask & of_birth else 0


def toml(content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"not TOML: {error}") from error


# NAME: "every byte but a-z, 0-9, _, - and . written as % and two capital hexadecimal digits; dots at the beginning and at the
# end are written so too".

PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-.")


def directory_name(user: str) -> str:
    name = user.encode()
    first, last = len(name) - len(name.lstrip(b".")), len(name.rstrip(b"."))
    return "".join(
        chr(byte) if byte in PLAIN and (byte != ord(".") or first <= at < last) else f"%{byte:02X}"
        for at, byte in enumerate(name)
    )


def user_of(name: str) -> str | None:
    """Whose directory it is: "A directory whose name is not spelled exactly so is nobody's"."""
    try:
        user = re.sub(rb"%([0-9A-F]{2})", lambda hex: bytes.fromhex(hex[1].decode()), os.fsencode(name)).decode()
    except UnicodeDecodeError:
        return None
    is_spelled_so = user != "" and directory_name(user) == name
    return user if is_spelled_so and not has_control_characters(user) else None


def has_control_characters(text: str) -> bool:
    return any(unicodedata.category(character) == "Cc" for character in text)


# store.toml and enrollment.toml.

ID = re.compile(r"[0-9a-f]{32}")
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass
class Token:
    id: str
    label: str
    kind: str
    secret: bytes
    algorithm: str
    digits: int
    period: int | None


@dataclass
class BackupCodes:
    id: str
    count: int


@dataclass
class Enrollment:
    created: datetime
    tokens: list[Token]
    backup_codes: BackupCodes | None
    scratch_codes: BackupCodes | None
    scratch_codes_expire: int


class Table:
    """A TOML table out of which every key is taken: "Unknown keys are refused"."""

    def __init__(self, value: Any, where: str) -> None:
        demand(isinstance(value, dict), f"{where} is no table")
        self.rest: dict[str, Any] = dict(value)
        self.where = where

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            demand(not self.rest, f"{self.where} has unknown keys: {', '.join(self.rest)}")

    def take(self, key: str) -> Any:
        demand(key in self.rest, f"{self.where} has no {key}")
        return self.rest.pop(key)

    def number(self, key: str, least: int, most: int) -> int:
        value = self.take(key)
        # Python counts `true` among the integers.
        if type(value) is int and least <= value <= most:
            return value
        raise Refused(f"{key} is not a number from {least} to {most}")

    def text(self, key: str) -> str:
        value = self.take(key)
        if isinstance(value, str):
            return value
        raise Refused(f"{key} is no text")

    def text_like(self, key: str, form: re.Pattern[str]) -> str:
        value = self.text(key)
        demand(form.fullmatch(value) is not None, f"{key} is not {form.pattern}")
        return value

    def list(self, key: str, least: int, most: int) -> list[Any]:
        value = self.take(key)
        if isinstance(value, list) and least <= len(value) <= most:
            return value
        raise Refused(f"{key} is not a list of {least} to {most}")


def check_store(within: int) -> None:
    # "`users/` itself and `store.toml` only have to be root's and unwritable for others."
    with Table(toml(read("store.toml", within, 4096, unwritable).content), "store.toml") as store:
        store.number("version", 1, 1)
        store.text_like("id", ID)


def enrollment_of(user: str, content: bytes) -> Enrollment:
    with Table(toml(content), "enrollment.toml") as table:
        version = table.number("version", 1, 2)
        demand(table.text("user") == user, "another person's enrollment")
        table.number("uid", 0, 2**32 - 1)
        created = table.take("created")
        demand(
            isinstance(created, datetime) and created.utcoffset() == timedelta(0) and created.microsecond == 0,
            "created is not a date and time in UTC in whole seconds",
        )
        demand(created.year >= 1970, "created is before 1970")
        tokens = [token_of(token, version) for token in table.list("token", 1, 8)]
        for parts in zip(*((token.id, token.label, token.secret) for token in tokens)):
            demand(len(set(parts)) == len(parts), "two tokens have the same id, label or secret")
        codes = backup_codes_of(table.take("backup_codes")) if "backup_codes" in table.rest else None
        scratch, expire = None, 0
        if version == 2 and "scratch_codes" in table.rest:
            demand(codes is None, "scratch codes beside backup codes")
            kept = table.take("scratch_codes")
            demand(isinstance(kept, dict), "[scratch_codes] is no table")
            with Table({"expires": kept.pop("expires", None)}, "[scratch_codes]") as rest:
                expire = rest.number("expires", 0, 2**63 - 1)
            scratch = backup_codes_of(kept)
        with Table(table.take("end"), "[end]"):
            pass
    return Enrollment(created, tokens, codes, scratch, expire)


def token_of(value: Any, version: int) -> Token:
    with Table(value, "[[token]]") as table:
        id = table.text_like("id", ID)
        label = table.text("label")
        demand(1 <= len(label.encode()) <= 32 and not has_control_characters(label), "label is not 1 to 32 bytes")
        kind = table.text_like("kind", re.compile("totp|hotp" if version == 2 else "totp"))
        secret = secret_of(table.text("secret"), 16 if version == 1 else 1)
        algorithm = table.text_like("algorithm", re.compile("SHA1|SHA256|SHA512"))
        digits = table.number("digits", 6, 8)
        # "of a counter-based token, and only of one", "of a time-based token, and only of one".
        if kind == "hotp":
            table.number("counter", 0, 2**63 - 1)
            return Token(id, label, kind, secret, algorithm, digits, None)
        return Token(id, label, kind, secret, algorithm, digits, table.number("period", 15, 120))


def secret_of(text: str, least: int) -> bytes:
    prefix, _, base32 = text.partition(":")
    # "When reading, case, spaces, dashes and padding do not matter."
    demand(prefix == "base32" and re.fullmatch(r"[A-Za-z2-7 -]*=*", base32) is not None, "secret is not base32")
    symbols = base32.translate(str.maketrans("", "", " -=")).upper()
    try:
        secret = base64.b32decode(symbols + "=" * (-len(symbols) % 8))
    except binascii.Error as error:
        raise Refused("secret is not base32") from error
    demand(base64.b32encode(secret).decode().rstrip("=") == symbols, "secret has bits behind its last byte")
    demand(least <= len(secret) <= 128, f"secret is not {least} to 128 bytes")
    return secret


def backup_codes_of(value: Any) -> BackupCodes:
    with Table(value, "[backup_codes]") as table:
        id = table.text_like("id", ID)
        table.text_like("salt", ID)
        with Table(table.take("argon2id"), "argon2id") as costs:
            lanes = costs.number("p", 1, 4)
            costs.number("t", 1, 10)
            costs.number("m_kib", 8 * lanes, 262144)
        hashes = table.list("hashes", 1, 20)
        demand(all(isinstance(hash, str) and HASH.fullmatch(hash) for hash in hashes), "hashes are not 64 digits")
    return BackupCodes(id, len(hashes))


# state.N

SLOT = 4096
HEADER = struct.Struct("<8sIIQQQI")
SERVICE = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
STATE_NAME = re.compile(r"state\.([1-9][0-9]{0,17})")


class Integrity(StrEnum):
    WHOLE = "whole"
    ONE_SLOT_BAD = "one-slot-bad"
    COPIED = "copied"
    LOST = "lost"


class NotUnderstood(Exception):
    """A checksum holds over what this page does not know."""


@dataclass
class Tries:
    """What is kept of a place."""

    success: int | None
    failures: int
    since: int


@dataclass
class Body:
    """`steps`: of each token the last step that was used, and whether the hard limit was reached."""

    steps: dict[str, tuple[int | None, bool]]
    spent: dict[str, int]
    places: dict[str, Tries]
    elsewhere: Tries
    wrong: int
    waiting: str | None
    vacant: bool = False
    closed: bool = False


@dataclass
class Slot:
    sequence: int
    inode: int
    birth: int
    body: Body


def state_of(within: int) -> tuple[Integrity, Body | None]:
    """The state that stands, and how whole it is; none where it is lost, or where nothing was kept."""
    numbers = sorted((int(name[1]) for name in map(STATE_NAME.fullmatch, os.listdir(within)) if name), reverse=True)
    for number in numbers:
        file = read(f"state.{number}", within, 2 * SLOT)
        # "the highest that is not empty holds the state."
        if file.content:
            return judged(file)
    return Integrity.LOST, None


def judged(file: File) -> tuple[Integrity, Body | None]:
    """What the two slots say together."""
    try:
        good = [slot for slot in map(slot_of, (file.content[:SLOT], file.content[SLOT:])) if slot is not None]
    except NotUnderstood:
        return Integrity.LOST, None
    if not good or len({slot.sequence for slot in good}) < len(good):
        return Integrity.LOST, None
    newest = max(good, key=lambda slot: slot.sequence)
    # "This comes before 'one slot bad'."
    born_apart = newest.birth and file.birth and newest.birth != file.birth
    if newest.inode != file.inode or born_apart:
        return Integrity.COPIED, newest.body
    return Integrity.WHOLE if len(good) == 2 else Integrity.ONE_SLOT_BAD, newest.body


def slot_of(slot: bytes) -> Slot | None:
    """None: "bad (magic, length or checksum wrong)"."""
    # "slots that are not whole are bad."
    if len(slot) < SLOT:
        return None
    magic, version, length, sequence, inode, birth, checksum = HEADER.unpack_from(slot)
    if magic != b"NLATCHST" or length > SLOT - HEADER.size:
        return None
    text = slot[HEADER.size : HEADER.size + length]
    if zlib.crc32(slot[: HEADER.size - 4] + text) != checksum:
        return None
    demand(version in (1, 2), f"a slot is of version {version}")
    return Slot(sequence, inode, birth, body_of(text, version))


# The body: "a fact a line, each line ended by LF, words separated by one space, in this order and no other spelling".


class Lines:
    """The lines of a body that were not read yet."""

    def __init__(self, content: bytes) -> None:
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise NotUnderstood from error
        understood(text.endswith("\n"))
        self.rest = [line.split(" ") for line in text[:-1].split("\n")]

    def take(self, word: str, least: int, most: int) -> Iterator[list[str]]:
        """The words behind `word`, of all lines that begin with it."""
        taken = 0
        while self.rest and self.rest[0][0] == word:
            yield self.rest.pop(0)[1:]
            taken += 1
        understood(least <= taken <= most)


def understood(condition: bool) -> None:
    if not condition:
        raise NotUnderstood


def body_of(content: bytes, version: int) -> Body:
    lines = Lines(content)
    # "in a slot of version 1 what is marked (2) is not" understood.
    once = 1 if version == 2 else 0
    body = Body({}, {}, {}, Tries(None, 0, 0), 0, None)
    for words in lines.take("vacant", 0, once):
        exactly(0, words)
        body.vacant = True
    for words in lines.take("closed", 0, once):
        exactly(0, words)
        body.closed = True
    for words in lines.take("token", 0, 16):
        understood(len(words) >= 2)
        id, last, *rest = words
        if version == 2 and rest[:1] == ["drift"]:
            understood(len(rest) >= 2 and re.fullmatch(r"-?[1-9][0-9]{0,2}", rest[1]) is not None)
            understood(abs(int(rest[1])) <= 100)
            rest = rest[2:]
        disabled = rest[:1] == ["disabled"]
        rest = rest[1:] if disabled else rest
        understood(rest == [] or (version == 2 and rest == ["waiting"]))
        new_key(body.steps, identifier(id), (None if last == "never" else number(last, 64), disabled))
    for words in lines.take("resync", 0, once):
        id, step, where = exactly(3, words)
        identifier(id), number(step, 64), place(where)
    for words in lines.take("spent", 0, 2):
        id, bits = exactly(2, words)
        new_key(body.spent, identifier(id), number(bits, 32))
    for words in lines.take("place", 0, 16):
        where, success, failures, since = exactly(4, words)
        new_key(body.places, place(where), Tries(number(success, 64), number(failures, 32), number(since, 64)))
    for words in lines.take("elsewhere", 1, 1):
        failures, since = exactly(2, words)
        body.elsewhere = Tries(None, number(failures, 32), number(since, 64))
    for words in lines.take("wrong", 1, 1):
        understood(1 <= len(words) <= 1 + 4 and len(set(words[1:])) == len(words[1:]))
        body.wrong = number(words[0], 32)
        for where in words[1:]:
            place(where)
    for words in lines.take("waiting", 0, 1):
        body.waiting = identifier(*exactly(1, words))
    for words in lines.take("ticket", 0, once):
        id, salt, hash, expires = exactly(4, words)
        identifier(id), identifier(salt), number(expires, 64)
        understood(HASH.fullmatch(hash) is not None)
    for words in lines.take("temporary", 0, once):
        understood(len(words) >= 4)
        id, salt, hash, expires, *rest = words
        identifier(id), identifier(salt), number(expires, 64)
        understood(HASH.fullmatch(hash) is not None)
        if rest[:1] == ["used"]:
            at, where = exactly(2, rest[1:])
            number(at, 64), place(where)
        else:
            understood(rest in ([], ["told"]))
    trusted: dict[str, int] = {}
    for words in lines.take("trusted", 0, 16 * once):
        service, where, since = exactly(3, words)
        understood(SERVICE.fullmatch(service) is not None)
        new_key(trusted, f"{service} {place(where)}", number(since, 64))
    understood(not lines.rest)
    return body


def exactly(count: int, words: list[str]) -> list[str]:
    understood(len(words) == count)
    return words


def new_key(facts: dict[str, Any], key: str, value: Any) -> None:
    understood(key not in facts)
    facts[key] = value


def number(word: str, bits: int) -> int:
    """Decimal without leading zeros or signs."""
    understood(re.fullmatch(r"0|[1-9][0-9]{0,19}", word) is not None and int(word) < 2**bits)
    return int(word)


def identifier(word: str) -> str:
    understood(ID.fullmatch(word) is not None)
    return word


def place(word: str) -> str:
    kind, _, rest = word.partition(":")
    if kind == "local":
        number(rest, 32)
    elif kind == "address":
        address, slash, length = rest.partition("/")
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError as error:
            raise NotUnderstood from error
        understood(str(parsed) == address)
        if parsed.version == 6:
            understood(length == "64" and int(parsed) % 2**64 == 0)
        else:
            understood(slash == "")
    else:
        understood(word == "elsewhere")
    return word


# What it means.

KNOWN_FOR = 30 * 24 * 60 * 60


def report(user: str, within: int, now: int) -> dict[str, Any]:
    """What `nightlatch status --json` says, as far as it stands in the store."""
    names = os.listdir(within)
    integrity, kept = state_of(within)
    # What is lost reads as if nothing was kept.
    body = kept or Body({}, {}, {}, Tries(None, 0, 0), 0, None)
    enrollment = enrollment_of(user, read("enrollment.toml", within, 16384).content) if "enrollment.toml" in names else None
    said: dict[str, Any] = {
        "user": user,
        "enrolled": enrollment is not None,
        "created": None,
        "tokens": [],
        "backup_codes": None,
        "scratch_codes": None,
        "wrong_codes": 0,
        "failures": [],
        "disabled": False,
        "integrity": integrity,
    }
    if enrollment is None:
        return said
    ids = [token.id for token in enrollment.tokens]
    said |= {
        "created": moment(int(enrollment.created.timestamp())),
        "tokens": [
            {
                "label": token.label,
                "kind": token.kind,
                "algorithm": token.algorithm,
                "digits": token.digits,
                **({} if token.period is None else {"period": token.period}),
                "last_used": last_used(token, body, now),
                "short_secret": len(token.secret) * 8 < 112,
            }
            for token in enrollment.tokens
        ],
        "backup_codes": backup_codes(enrollment.backup_codes, body, integrity),
        "scratch_codes": scratch_codes(enrollment, body, integrity, now),
        "wrong_codes": body.wrong,
        "failures": failures(body, now),
        "disabled": any(body.steps[id][1] for id in ids if id in body.steps),
    }
    # "A token of the enrollment that has no `token` line: the state is of another enrollment, and is lost."
    if any(id not in body.steps for id in ids):
        said["integrity"] = Integrity.LOST
    return said


def last_used(token: Token, body: Body, now: int) -> str | None:
    """What is written, and not what it counts as where the state is copied or half bad. A step to come reads as now."""
    step = body.steps.get(token.id, (None, False))[0]
    # A counter does not say when.
    return None if step is None or token.period is None else moment(min(step * token.period, now))


def backup_codes(codes: BackupCodes | None, body: Body, integrity: Integrity) -> dict[str, Any] | None:
    if codes is None:
        return None
    spent = body.spent.get(codes.id)
    left = sum(1 for code in range(codes.count) if not (spent or 0) >> code & 1)
    waits = spent is None or body.waiting == codes.id or integrity == Integrity.COPIED
    return {"left": left, "of": codes.count, "waiting": waits}


def scratch_codes(enrollment: Enrollment, body: Body, integrity: Integrity, now: int) -> dict[str, Any] | None:
    said = backup_codes(enrollment.scratch_codes, body, integrity)
    if said is None:
        return None
    expired = enrollment.scratch_codes_expire <= now
    if expired:
        said["left"] = 0
    return said | {"expires": moment(enrollment.scratch_codes_expire), "expired": expired}


def failures(body: Body, now: int) -> list[dict[str, Any]]:
    counts: dict[str, int] = {}
    elsewhere = body.elsewhere.failures
    for where, tries in body.places.items():
        # "A `place` whose SUCCESS is more than 30 days ago is no longer known: its failures count as `elsewhere`."
        if tries.success is not None and now - tries.success > KNOWN_FOR:
            elsewhere += tries.failures
        else:
            counts[where] = tries.failures
    counts["elsewhere"] = min(elsewhere, 2**32 - 1)
    return [{"place": where, "failures": count} for where, count in counts.items() if count]


def moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def people(store: int, now: int) -> Iterator[dict[str, Any]]:
    users = directory("users", store, unwritable)
    for name in sorted(os.listdir(users)):
        user = user_of(name)
        if user is None:
            continue
        try:
            yield report(user, directory(name, users, private), now)
        except (Refused, OSError) as error:
            yield {"user": user, "error": str(error)}


def main() -> int:
    parser = argparse.ArgumentParser(description="Reads a store of Nightlatch, knowing nothing but docs/format.md.")
    parser.add_argument("store", metavar="STORE_DIR")
    parser.add_argument("--now", type=int, default=int(time.time()), metavar="SECONDS", help="since 1970")
    arguments = parser.parse_args()
    try:
        store = directory_at(arguments.store)
        check_store(store)
        found = list(people(store, arguments.now))
    except (Refused, OSError) as error:
        # "Where it is missing, there is no store, and nobody gets in."
        print(f"reader.py: {arguments.store}: {error}", file=sys.stderr)
        return 1
    json.dump(found, sys.stdout, indent=1, ensure_ascii=False)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
