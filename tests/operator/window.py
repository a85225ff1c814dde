"""What a terminal's window does for the command in it: starts the session, and outlives the command.

    usage: window.py COMMAND [ARGUMENT...]

Standard input is the terminal. When a session's first process ends, the kernel throws away what the terminal has not
handed on yet: a command that were that process could lose its last words. A window's shell stays, and so does this. It
writes how the command ended behind the last words, between two record separators, and waits to be ended.
"""

import fcntl
import os
import signal
import sys
import termios

os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
screen = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
# Caught, not ignored: keys reach everybody in front, and the command starts with what is usual, whoever started us.
for key in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(key, lambda *_: None)

command = os.fork()
if command == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
_, status = os.waitpid(command, 0)
# The command's settings stay as they are: who watches looks at them now.
os.write(screen, b"\x1e%d\x1e" % status)
while True:
    signal.pause()
