"""What a run consists of: sections, each with its servers and the workloads that they do in turns."""
import dataclasses
import resource

PLAIN = ("loft", "dovecot", "dovecot-mdbox", "cyrus")
INDEXED = ("loft", "dovecot-xapian", "cyrus-xapian")


@dataclasses.dataclass(frozen=True)
class Section:
    name: str
    title: str
    workloads: tuple[str, ...]  # as mail_bench takes them
    servers: tuple[str, ...] = PLAIN
    turns: int = 3
    index: bool = False  # between the first workload and the others: bring the text indexes up to date, and measure it
    quick: bool = True  # has a place in the quick run
    corpus: bool = False  # needs real messages



def crowd() -> int:
    """20,000, or what one process may have open here."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 20000 if most in (resource.RLIM_INFINITY, -1) else min(20000, most - 500)


SECTIONS = (
    Section("work", "Sign-in, delivery and changes",
            ("login", "lmtp", "append", "store", "copy", "push", "mix")),
    Section("mailbox", "A big mailbox", ("fill", "select", "fetch", "search", "sort", "thread")),
    Section("text", "Text search with an index", ("fill", "search"), INDEXED, turns=1, index=True),
    # Dovecot with hibernation, which works as far as fs.inotify.max_user_instances goes. Without it, and in Cyrus, each
    # connection is a process of half a megabyte and more, and thousands of them leave no machine to measure on.
    Section("idle", "Idle connections", ("idle",), ("loft", "dovecot-hibernate"), turns=1),
    Section("crowd", "A crowd of idle connections", (f"idle:clients={crowd()}",), ("loft",), turns=1, quick=False),
    Section("mailbox100k", "A mailbox of 100,000 messages",
            tuple(f"{name}:messages=100000" for name in ("fill", "select", "fetch", "search", "sort", "thread")),
            turns=1, quick=False),
    Section("mailbox1m", "A mailbox of 1,000,000 messages",
            tuple(f"{name}:messages=1000000" for name in ("fill", "select", "fetch", "sort")), turns=1, quick=False),
    Section("real", "Real mail", ("fill:real=1", "fetch:real=1"), turns=1, quick=False, corpus=True),
)


def chosen(names: list[str], workloads: list[str], quick: bool) -> list[Section]:
    """The sections of a run. With workloads, one section of just these."""
    if workloads:
        return [Section("chosen", "Chosen workloads", tuple(workloads), turns=1 if quick else 3)]
    wanted = [section for section in SECTIONS if section.name in names] if names else list(SECTIONS)
    if quick:
        wanted = [quickly(section) for section in wanted if section.quick]
    return wanted


SLOW = ("dovecot-mdbox", "dovecot-xapian")  # says nothing new about the load generator; takes a tenth of a second a message


def quickly(section: Section) -> Section:
    return dataclasses.replace(section, turns=1, servers=tuple(name for name in section.servers if name not in SLOW))
