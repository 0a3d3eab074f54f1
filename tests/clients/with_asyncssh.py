"""A login by asyncssh, as programs make it: what the server asks is shown as it is, and answered with a line that is read.

    with_asyncssh.py USER

Once in, each line that is read is run over there. Where the login is refused, it says "Permission denied".
"""

import asyncio
import getpass
import sys

import asyncssh


class Client(asyncssh.SSHClient):
    ways = [""]

    def kbdint_auth_requested(self):
        return self.ways.pop() if self.ways else None

    def kbdint_challenge_received(self, name, instructions, lang, prompts):
        return [input(text) if echo else getpass.getpass(text) for text, echo in prompts]


async def log_in(user):
    async with asyncssh.connect(
        "127.0.0.1",
        username=user,
        client_factory=Client,
        config=None,
        known_hosts=None,
        client_keys=None,
        preferred_auth="keyboard-interactive",
    ) as connection:
        while True:
            line = input(f"{user}> ")
            print((await connection.run(line)).stdout, end="")


try:
    asyncio.run(log_in(sys.argv[1]))
except asyncssh.PermissionDenied:
    sys.exit("Permission denied")
