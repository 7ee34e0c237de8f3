"""Cyrus 3.6 as Debian ships it, unpacked but not installed (its packages conflict with Dovecot's), run by hand."""
import os
import subprocess
from pathlib import Path

from .process import disk_bytes
from .server import PASSWORD, Server, run_as

# The hierarchy is set up as Cyrus itself would by default (Debian keeps an older default); the rest is what is needed
# to run from a folder, to sign in with a plain password, and to let mailboxes come into being.
IMAPD = """\
configdirectory: {folder}/config
proc_path: {folder}/proc
mboxname_lockpath: {folder}/lock
defaultpartition: default
partition-default: {data}/mail
{search}
hashimapspool: yes
altnamespace: yes
unixhierarchysep: yes
cyrus_user: {user}
cyrus_group: {group}
admins: {admin}
lmtp_admins: {admin}
allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb2
servername: bench
virtdomains: no
autocreate_quota: 0
autocreate_users: anyone
autocreate_post: yes
autocreate_inbox_folders: {inbox_folders}
duplicatesuppression: no
sievedir: {folder}/sieve
sieve_extensions: fileinto
tls_server_cert: {certificate}
tls_server_key: {key}
tls_session_timeout: 60
tls_versions: tls1_2 tls1_3
idlesocket: {folder}/idle.sock
lmtpsocket: {folder}/lmtp.sock
notifysocket: {folder}/notify.sock
maxlogins_per_user: 0
maxlogins_per_host: 0
literalminus: no
"""

SERVICES = """\
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {conf} -r"
}}
SERVICES {{
  imap   cmd="{bin}/imapd -C {conf} -U 256" listen="127.0.0.1:{imap_port}" prefork={cores} maxchild=30000 maxforkrate=1000
  imaps  cmd="{bin}/imapd -C {conf} -s -U 256" listen="127.0.0.1:{imaps_port}" prefork={cores} maxchild=30000 maxforkrate=1000
  lmtp   cmd="{bin}/lmtpd -C {conf} -a" listen="127.0.0.1:{lmtp_port}" prefork={cores} maxchild=1000 maxforkrate=1000
}}
EVENTS {{
  checkpoint cmd="{bin}/ctl_cyrusdb -C {conf} -c" period=30
}}
DAEMON {{
  idled cmd="{bin}/idled -C {conf}"
}}
"""

SEARCH = """\
search_engine: xapian
search_index_headers: no
search_batchsize: 1024
defaultsearchtier: t1
t1searchpartition-default: {data}/search
conversations: yes
search_fuzzy_always: yes
"""


class Cyrus(Server):
    name = "cyrus"

    def __init__(self, folder: Path, users: list[str], certificate: Path, key: Path, *, unpacked: Path,
                 index: bool = False):
        super().__init__(folder, users)
        self.certificate, self.key, self.unpacked, self.index = certificate, key, unpacked, index
        self.bin = unpacked / "usr/lib/cyrus/bin"
        self.conf = folder / "imapd.conf"

    def environment(self) -> dict[str, str]:
        return {"LD_LIBRARY_PATH": str(self.unpacked / "usr/lib/x86_64-linux-gnu"), "CYRUS_VERBOSE": "0"}

    def config(self) -> str:
        root = os.geteuid() == 0
        search = SEARCH.format(data=self.data_folder()) if self.index else ""
        return IMAPD.format(folder=self.folder, data=self.data_folder(), user=run_as(),
                            group="mail" if root else str(os.getegid()), admin="cyrus", search=search,
                            certificate=self.certificate, key=self.key, inbox_folders="Trash")

    def services(self) -> str:
        return SERVICES.format(bin=self.bin, conf=self.conf, imap_port=self.imap_port, imaps_port=self.imaps_port,
                               lmtp_port=self.lmtp_port, cores=max(2, os.cpu_count() or 2))

    def command(self) -> list[str]:
        return [str(self.bin / "master"), "-C", str(self.conf), "-M", str(self.folder / "cyrus.conf"), "-p",
                str(self.folder / "master.pid"), "-l", "4096"]

    def prepare(self) -> None:
        self.conf.write_text(self.config())
        (self.folder / "cyrus.conf").write_text(self.services())
        for name in ("config", "proc", "lock", "sieve", "data", "data/mail", "data/search", "config/socket",
                     "config/db", "config/log", "config/msg", "config/ptclient"):
            (self.folder / name).mkdir()
        for user in ["cyrus", *self.users]:
            subprocess.run([self.unpacked / "usr/sbin/saslpasswd2", "-p", "-c", "-f", self.folder / "sasldb2", "-u",
                            "bench", user], input=PASSWORD, text=True, check=True, env=self.environment())
        if os.geteuid() == 0:
            self.folder.chmod(0o755)
            subprocess.run(["chown", "-R", "mail:mail", self.folder], check=True)

    def version(self) -> str:
        out = subprocess.run([self.bin / "master", "-V"], capture_output=True, text=True, env=self.environment())
        return "Cyrus " + out.stdout.split()[1]

    def settings(self) -> str:
        text = self.config() + "\n# cyrus.conf\n" + self.services()
        return self.shown(text).replace(str(self.unpacked), "UNPACKED")

    def index_now(self, user: str) -> bool:
        if self.index:
            subprocess.run([self.bin / "squatter", "-C", self.conf, "-i", "-u", user], check=True, timeout=3600,
                           env=self.environment(), capture_output=True)
        return self.index

    def index_bytes(self, user: str) -> int:
        del user  # there is one folder for all, and the others' mailboxes are empty
        return disk_bytes(self.data_folder() / "search")
