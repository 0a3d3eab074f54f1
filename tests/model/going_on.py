#!/usr/bin/env python3
"""Every interleaving of logins that go on without whoever holds a state file, system call by system call.

The protocol is that of docs/format.md, "How it is written", as core/src/store/turn.rs and states.rs have it. Processes are logins,
and each presents a code; several may present the same one. A process may stop for ever after any step (every state that is
reached is checked, and nobody has to move). It may be killed while it holds a lock. And an empty file may appear at any moment
under any free number up to one above the highest: that is somebody who waited for long enough, however old their listing was.

Checked in every state that is reached: of the processes with one code at most one was told yes; and what was told yes is in the
state that counts.

    going_on.py CODES CLOSES KILLS [next-only]       going_on.py c,c,d 3 1

With `next-only` a holder looks for the next number alone instead of any higher one: that breaks, and shows how.
Not in the model: changes of an enrollment, torn reads, power cuts, time.
"""

import sys
from collections import deque
from typing import Iterator, NamedTuple

CODES = sys.argv[1].split(",")
CLOSES, KILLS = int(sys.argv[2]), int(sys.argv[3])
NEXT_ONLY = "next-only" in sys.argv[4:]


class Login(NamedTuple):
    """A process, and what it knows."""

    does: str = "list"
    numbers: tuple[int, ...] = ()  # as listed
    temporary: frozenset[int] = frozenset()  # whose temporary files were listed
    number: int = 0  # of the file that it works on
    inode: int = -1
    seen: frozenset[str] | None = None  # the codes used, as read
    at: int = 0  # how far it is in a list
    made: bool = False  # whether the file is one that it made
    told: str | None = None


class Disk(NamedTuple):
    names: tuple[tuple[int, int], ...]  # number, inode
    contents: tuple[frozenset[str] | None, ...]  # by inode; None: empty
    locks: tuple[int, ...]  # by inode: who holds it, or -1
    temporary: frozenset[int]  # whose temporary file is there
    logins: tuple[Login, ...]
    closes: int
    kills: int


def steps(disk: Disk) -> Iterator[tuple[str, Disk]]:
    """All that can happen next."""
    names = dict(disk.names)
    if disk.closes:
        for number in range(1, max(names) + 2):
            if number not in names:
                yield f"somebody closes with {number}", closed_with(disk, number)
    for index, login in enumerate(disk.logins):
        for what, after in login_steps(disk, names, index, login):
            yield f"login {index} ({CODES[index]}), {login.does} {login.number}: {what}", after


def closed_with(disk: Disk, number: int) -> Disk:
    return disk._replace(
        names=with_name(disk.names, number, len(disk.contents)),
        contents=(*disk.contents, None),
        locks=(*disk.locks, -1),
        closes=disk.closes - 1,
    )


def login_steps(disk: Disk, names: dict[int, int], index: int, login: Login) -> Iterator[tuple[str, Disk]]:
    def goes(does: str, base: Disk = disk, **changes: object) -> Disk:
        return put(base, index, login._replace(does=does, **changes))

    def freed(base: Disk = disk) -> Disk:
        return base._replace(locks=tuple(-1 if holder == index else holder for holder in base.locks))

    def ends(told: str, base: Disk = disk) -> Disk:
        return put(freed(base), index, Login(does="end", told=told))

    if login.does == "end":
        return
    if disk.kills and index in disk.locks:
        yield "is killed", ends("nothing", disk._replace(kills=disk.kills - 1))
    match login.does:
        case "list":
            yield "", goes("open", numbers=tuple(sorted(names)), temporary=disk.temporary)
        case "open":
            number = login.numbers[-1]
            if number in names:
                yield "", goes("lock", number=number, inode=names[number])
            else:
                yield "is gone", put(disk, index, Login())
        case "lock":
            if disk.locks[login.inode] == -1:
                yield "", goes("look", base=disk._replace(locks=replaced(disk.locks, login.inode, index)))
            else:
                yield "is held", put(disk, index, Login())
                # Closing may come late, and then it is a step of its own, above. Whoever closes holds what they made.
                if disk.closes and login.number + 1 not in names:
                    after = closed_with(disk, login.number + 1)
                    inode = len(disk.contents)
                    after = after._replace(locks=replaced(after.locks, inode, index))
                    mine = Login(does="look", number=login.number + 1, inode=inode)
                    yield "closes it", put(after, index, mine)
        case "look":
            # Under the lock: is it the highest, and this very file? What is read is listed here too.
            if counts(names, login):
                numbers = tuple(sorted(names))
                yield "counts", goes("read", numbers=numbers, temporary=disk.temporary, at=len(numbers) - 1)
            else:
                yield "does not count", put(freed(), index, Login())
        case "read":
            if login.at < 0:
                yield "finds nothing", ends("lost")
                return
            number = login.numbers[login.at]
            inode = login.inode if number == login.number else names.get(number, -1)
            found = disk.contents[inode] if inode >= 0 else None
            if found is None:
                yield f"{number} is empty or gone", goes("read", at=login.at - 1)
            elif CODES[index] in found:
                yield "was used", ends("no")
            elif number == login.number:
                yield "is fresh", goes("tidy below", seen=found, at=0)
            else:
                yield f"is fresh in {number}", goes("make", seen=found)
        case "tidy below":
            below = [number for number in login.numbers if number < login.number]
            if login.at < len(below):
                yield f"removes {below[login.at]}", goes(
                    "tidy below", base=without_name(disk, below[login.at]), at=login.at + 1
                )
            else:
                yield "", goes("write", base=disk._replace(temporary=disk.temporary - login.temporary))
        case "write":
            written = (login.seen or frozenset()) | {CODES[index]}
            contents = replaced(disk.contents, login.inode, written)
            yield "", goes("list again", base=disk._replace(contents=contents))
        case "make":
            temporary = (disk.temporary - login.temporary) | {index}
            yield "", goes("rename", base=disk._replace(temporary=temporary))
        case "rename":
            number = login.number + 1
            if index not in disk.temporary or number in names:
                yield "cannot", ends("unavailable", disk._replace(temporary=disk.temporary - {index}))
                return
            inode = len(disk.contents)
            after = disk._replace(
                names=with_name(disk.names, number, inode),
                contents=(*disk.contents, (login.seen or frozenset()) | {CODES[index]}),
                locks=(*disk.locks, -1),
                temporary=disk.temporary - {index},
            )
            yield f"to {number}", goes("list again", base=after, number=number, inode=inode, made=True)
        case "list again":
            higher = login.number + 1 in names if NEXT_ONLY else max(names) > login.number
            yield ("a higher one", ends("unavailable")) if higher else ("none above", goes("is it mine"))
        case "is it mine":
            if names.get(login.number) != login.inode:
                yield "no", ends("unavailable")
            else:
                yield "YES", goes("tidy" if login.made else "finish", at=0, told="yes")
        case "tidy":
            if login.at < len(login.numbers):
                number = login.numbers[login.at]
                yield f"removes {number}", goes("tidy", base=without_name(disk, number), at=login.at + 1)
            else:
                yield "", ends("yes")
        case "finish":
            yield "", ends("yes")


def counts(names: dict[int, int], login: Login) -> bool:
    higher = login.number + 1 in names if NEXT_ONLY else max(names) > login.number
    return not higher and names.get(login.number) == login.inode


def put(disk: Disk, index: int, login: Login) -> Disk:
    return disk._replace(logins=replaced(disk.logins, index, login))


def replaced(items: tuple, index: int, item: object) -> tuple:
    return (*items[:index], item, *items[index + 1 :])


def with_name(names: tuple[tuple[int, int], ...], number: int, inode: int) -> tuple[tuple[int, int], ...]:
    return tuple(sorted((*names, (number, inode))))


def without_name(disk: Disk, number: int) -> Disk:
    return disk._replace(names=tuple(entry for entry in disk.names if entry[0] != number))


def wrong(disk: Disk) -> str | None:
    """What must not be, if it is."""
    told = [CODES[index] for index, login in enumerate(disk.logins) if login.told == "yes"]
    if len(told) != len(set(told)):
        return "one code opened twice"
    held = (disk.contents[inode] for _, inode in sorted(disk.names, reverse=True))
    state = next((codes for codes in held if codes is not None), None)
    if state is None:
        return "no state is left"
    if not set(told) <= state:
        return f"yes was told to {told}, and {sorted(state)} is what counts"
    return None


def canonical(disk: Disk) -> Disk:
    """Inodes that nobody can reach any more are forgotten, and the others numbered anew."""
    reachable = [inode for _, inode in disk.names]
    reachable += [login.inode for login in disk.logins if login.inode >= 0]
    reachable += [inode for inode, holder in enumerate(disk.locks) if holder != -1]
    anew = {inode: number for number, inode in enumerate(dict.fromkeys(reachable))}
    return disk._replace(
        names=tuple((number, anew[inode]) for number, inode in disk.names),
        contents=tuple(disk.contents[inode] for inode in anew),
        locks=tuple(disk.locks[inode] for inode in anew),
        logins=tuple(login._replace(inode=anew.get(login.inode, -1)) for login in disk.logins),
    )


def main() -> int:
    first = Disk(((1, 0),), (frozenset(),), (-1,), frozenset(), (Login(),) * len(CODES), CLOSES, KILLS)
    came_from: dict[Disk, tuple[Disk, str] | None] = {first: None}
    todo = deque([first])
    while todo:
        disk = todo.popleft()
        for label, after in steps(disk):
            after = canonical(after)
            if after in came_from:
                continue
            came_from[after] = (disk, label)
            if why := wrong(after):
                print(f"BROKEN after {len(came_from)} states: {why}")
                show(came_from, after)
                return 1
            todo.append(after)
    print(f"holds in {len(came_from)} states: logins {CODES}, {CLOSES} closes, {KILLS} kills")
    return 0


def show(came_from: dict[Disk, tuple[Disk, str] | None], disk: Disk) -> None:
    lines = []
    while before := came_from[disk]:
        held = (f"{number}={sorted(disk.contents[inode] or ()) if disk.contents[inode] is not None else 'empty'}"
                for number, inode in disk.names)
        lines.append(f"  {before[1]:60} {' '.join(held)}")
        disk = before[0]
    print("\n".join(reversed(lines)))


if __name__ == "__main__":
    sys.exit(main())
