"""A login by paramiko, as programs make it: what the server asks is shown as it is, and answered with a line that is read.

    with_paramiko.py USER

Once in, each line that is read is run over there. Where the login is refused, it says "Permission denied".
"""

import getpass
import sys

import paramiko


def answers(title, instructions, prompts):
    return [input(text) if echo else getpass.getpass(text) for text, echo in prompts]


transport = paramiko.Transport(("127.0.0.1", 22))
transport.start_client()
try:
    transport.auth_interactive(sys.argv[1], answers)
except paramiko.AuthenticationException:
    sys.exit("Permission denied")
while True:
    line = input(f"{sys.argv[1]}> ")
    channel = transport.open_session()
    channel.exec_command(line)
    print(channel.makefile().read().decode(), end="")
