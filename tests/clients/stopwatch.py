"""A stranger with a stopwatch: answers what sshd asks, again and again, and says how long each answer took until sshd said
something of it.

    stopwatch.py USER

Says "asked" when there is a question, reads an answer, and says how many microseconds it took until the next question or the
refusal came. Says "in" and ends when it is let in.

A connection lasts for two conversations: where in memory a process of sshd came to lie makes it a little quicker or slower than
another one, for as long as it lives.
"""

import sys
import time

import paramiko


class Stopwatch:
    """Runs while an answer is under way."""

    started = None

    def begin(self):
        self.started = time.monotonic_ns()

    def end(self):
        now = time.monotonic_ns()
        if self.started is not None:
            print((now - self.started) // 1000, flush=True)
        self.started = None


stopwatch = Stopwatch()


def answers(title, instructions, prompts):
    # After a refusal sshd says so once more without asking anything.
    if not prompts:
        return []
    stopwatch.end()
    print("asked", flush=True)
    answer = sys.stdin.readline().removesuffix("\n")
    stopwatch.begin()
    return [answer for _ in prompts]


while True:
    transport = paramiko.Transport(("127.0.0.1", 22))
    transport.start_client()
    for _ in range(2):
        try:
            transport.auth_interactive(sys.argv[1], answers)
        except paramiko.AuthenticationException:
            stopwatch.end()
        else:
            sys.exit(print("in"))
    transport.close()
