# poison.py SUPERVISOR_PID: ends the engine three times inside of one record. The first time for real;
# then each new engine is ended before it has committed anything, and the page that tells the
# supervisor where engines ended says that it was at the same record.
import ctypes, mmap, os, re, signal, struct, sys, time

supervisor = int(sys.argv[1])


def child(but=0):
    """The engine that is not `but`."""
    while True:
        for pid in open(f"/proc/{supervisor}/task/{supervisor}/children").read().split():
            try:
                words = open(f"/proc/{pid}/cmdline", "rb").read().replace(b"\0", b" ")
            except OSError:
                continue
            if words.startswith(b"picket role engine") and int(pid) != but:
                return int(pid)
        time.sleep(0.001)


def page_open():
    folder = f"/proc/{supervisor}/fd"
    for name in os.listdir(folder):
        if "picket-crashes" in os.readlink(f"{folder}/{name}"):
            fd = os.open(f"{folder}/{name}", os.O_RDWR)
            return mmap.mmap(fd, os.fstat(fd).st_size)
    sys.exit("no crash page")


page = page_open()
INSIDE, RING, POSITION, CRASHED, COUNT = range(0, 40, 8)
get = lambda at: struct.unpack_from("<Q", page, at)[0]
put = lambda at, value: struct.pack_into("<Q", page, at, value)

engine = child()
while True:
    while not get(INSIDE):
        pass
    os.kill(engine, signal.SIGSTOP)
    time.sleep(0.001)
    if get(INSIDE):
        break
    os.kill(engine, signal.SIGCONT)
position = get(POSITION)
os.kill(engine, signal.SIGKILL)
for ends in (1, 2):
    engine = child(engine)
    while get(COUNT) < ends:
        pass
    os.kill(engine, signal.SIGKILL)  # it has looked at the page, and read nothing yet
    put(POSITION, position)
    put(INSIDE, 1)
print(position)
